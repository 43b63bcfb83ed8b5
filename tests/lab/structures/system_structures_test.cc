// SPDX-License-Identifier: GPL-2.0-only
//
// Kinds, one structure of many, pages by owner, and that looking is cheap enough for every event.
#include "lab/structures/system_structures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>

#include "kernel/catalogue.h"
#include "lab/structures/asked.h"
#include "lab/structures/expression_words.h"
#include "platform/machine/builtin.h"
#include "platform/vtd/spec/register_fields.h"
#include "support/system.h"

namespace iommulab::structures_test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Not;

TEST(system_structures, have_a_section_for_each_kind) {
  const std::vector<std::string> of_all = system_structure_kinds();
  for (const kernel_profile* profile : kernel_profiles()) {
    test::system q35(*builtin_machine("q35"),
                     {.profile = profile, .command_line = "intel_iommu=on"});
    ASSERT_EQ(q35.boot().panic, "");
    const auto own = profile->structure_kinds();
    std::vector<std::string> expected(own.begin(), own.end());
    const std::vector<std::string> of_kernels = structure_kinds();
    for (const std::string& kind : of_all) {
      const bool is_hardware =
          std::find(of_kernels.begin(), of_kernels.end(), kind) == of_kernels.end();
      if (is_hardware) expected.push_back(kind);
    }
    std::vector<std::string> kinds;
    for (const structure_section& section : structures_of(q35.k(), {})) {
      kinds.emplace_back(section.kind);
    }
    EXPECT_EQ(kinds, expected) << profile->name();
  }
}

TEST(system_structures, give_one_that_is_named_as_it_is_among_all) {
  test::system server(*builtin_machine("server"));
  ASSERT_EQ(server.boot().panic, "");
  size_t compared = 0;
  for (const structure_section& section : structures_of(server.k(), {})) {
    for (const structure& s : section.structures) {
      const std::string kind(section.kind);
      const auto alone = structures_of(server.k(), {kind, s.name, {}});
      ASSERT_EQ(alone.size(), 1u) << kind;
      ASSERT_EQ(alone.front().structures.size(), 1u) << kind << " " << s.name;
      EXPECT_TRUE(same_value(alone.front().structures.front(), s)) << kind << " " << s.name;
      // A field that is asked for alone is what it is among the others.
      for (const structure_field& field : s.fields) {
        const auto of_field = structures_of(server.k(), {kind, s.name, field.name});
        bool found = false;
        for (const structure_field& f : of_field.front().structures.front().fields) {
          if (f.name != field.name) continue;
          found = true;
          EXPECT_TRUE(same_value(f.value, field.value)) << kind << "." << field.name;
          EXPECT_EQ(f.words, field.words) << kind << "." << field.name;
        }
        EXPECT_TRUE(found) << kind << "." << field.name;
      }
      ++compared;
    }
  }
  EXPECT_GT(compared, 50u);
}

TEST(system_structures, know_the_variables_of_each_kernel) {
  for (const kernel_profile* profile : kernel_profiles()) {
    test::system q35(*builtin_machine("q35"),
                     {.profile = profile, .command_line = "intel_iommu=on"});
    ASSERT_EQ(q35.boot().panic, "");
    std::vector<std::string> fields;
    const auto sections = q35.k().generation().structures({profile->variables_kind()});
    for (const structure_field& field : sections.front().structures.front().fields) {
      fields.push_back(field.name);
    }
    const auto told = profile->structure_variables();
    EXPECT_EQ(fields, std::vector<std::string>(told.begin(), told.end()));
  }
}

TEST(register_fields, of_all_registers_lie_in_them_and_apart) {
  for (const machine_config& machine : {*builtin_machine("q35"), *builtin_machine("server")}) {
    test::system booted(machine);
    for (const register_row& row : booted.unit().rows()) {
      const vtd::register_description* described = vtd::find_register(row.name);
      ASSERT_NE(described, nullptr) << row.name;
      uint64_t taken = 0;
      for (const vtd::register_field& field : described->fields) {
        EXPECT_EQ(taken & field.bits.mask(), 0u) << row.name << "." << field.name;
        EXPECT_EQ(field.bits.mask() & ~row.width_mask(), 0u) << row.name << "." << field.name;
        EXPECT_EQ(field.kind == vtd::field_kind::flag, field.bits.width() == 1)
            << row.name << "." << field.name;
        EXPECT_FALSE(field.meaning.empty());
        taken |= field.bits.mask();
      }
      if (!row.implemented || row.all_read_only() || described->fields.empty()) continue;
      // What software can set or clear has a name.
      EXPECT_EQ((row.read_write | row.write_1_clear | row.write_only) & ~taken, 0u) << row.name;
    }
  }
}

class pages : public testing::Test {
 protected:
  pages() : q35_(*builtin_machine("q35")) { EXPECT_EQ(q35_.boot().panic, ""); }

  std::string owner(uint64_t page) {
    std::ostringstream text;
    text << "pages.blocks[0x" << std::hex << page << "].owner";
    return asked(q35_.k(), text.str());
  }

  test::system q35_;
};

TEST_F(pages, belong_to_whom_the_registers_and_tables_say) {
  kernel& k = q35_.k();
  const uint64_t root = q35_.root_table();
  EXPECT_EQ(owner(root), "\"root table of dmar0\"");
  EXPECT_EQ(owner(q35_.word(root) & ~uint64_t{0xfff}), "\"context table of dmar0, bus 00\"");
  EXPECT_EQ(owner(q35_.unit().read64(0x90) & ~uint64_t{0xfff}), "\"invalidation queue of dmar0\"");
  std::set<uint64_t> tables;
  const auto context = q35_.context_of({0, 0, 0xf8});
  q35_.add_tables(context.table(), 3, tables);
  for (const uint64_t table : tables) {
    EXPECT_EQ(owner(table), "\"second-level tables of dmar0:1\"");
  }
  EXPECT_EQ(number(k, "pages.owners[second-level tables of dmar0:1]"), tables.size());
  EXPECT_EQ(number(k, "tables.table_pages"), tables.size());
}

TEST_F(pages, are_counted_as_the_allocator_counts_them) {
  kernel& k = q35_.k();
  EXPECT_EQ(number(k, "pages.live_pages"), k.pages().live_pages());
  EXPECT_EQ(number(k, "pages.peak_pages"), k.pages().peak_pages());
  EXPECT_EQ(number(k, "pages.live_objects"), k.pages().live_objects());
  EXPECT_EQ(number(k, "pages.free_pages.ZONE_DMA32"), k.pages().free_pages_in(zone::dma32));
  uint64_t of_owners = 0;
  const auto owners = evaluated(k, "pages.owners");
  ASSERT_TRUE(owners.ok());
  for (const structure_value& item : std::get<structure_list>(*owners)) {
    of_owners +=
        static_cast<uint64_t>(std::get<int64_t>(std::get<structure>(item).fields.front().value));
  }
  EXPECT_EQ(of_owners, k.pages().live_pages());
}

/// Asks at many events, on the run's own thread.
class at_many_events : public trace_sink {
 public:
  at_many_events(kernel& k, std::vector<std::string> texts) : k_(k), texts_(std::move(texts)) {}
  void on_event(const trace_event& /*event*/) override {
    if (++events % apart != 0) return;
    for (const std::string& text : texts_) {
      if (error_of(k_, text) == EINVAL) ++wrong;
    }
  }
  // Some 3 in 100, at every kind of place in the course of the boot.
  static constexpr size_t apart = 31;
  size_t events = 0;
  size_t wrong = 0;

 private:
  kernel& k_;
  std::vector<std::string> texts_;
};

// Events are told while the driver holds locks and the allocator its own: a look that took one
// would wait for ever.
TEST(looks, take_no_lock) {
  test::system q35(*builtin_machine("q35"));
  at_many_events looks(q35.k(), {"GSTS.TES", "dmar_domain", "iova_domain", "context 00:1f.0",
                                 "walk 00:1f.0 1000", "caches", "queue", "pages", "log", "tables",
                                 "device", "deferred_flush_tables", "intel_iommu"});
  const auto subscription = q35.k().env().trace.subscribe(looks);
  ASSERT_EQ(q35.boot().panic, "");
  EXPECT_GT(looks.events, 500u);
  EXPECT_EQ(looks.wrong, 0u);
}

TEST(looks, change_nothing) {
  test::system plain(*builtin_machine("q35"));
  plain.boot();
  test::system watched(*builtin_machine("q35"));
  at_many_events looks(watched.k(), {"caches", "queue", "pages", "registers", "walk 00:1f.0 0"});
  const auto subscription = watched.k().env().trace.subscribe(looks);
  watched.boot();
  ASSERT_EQ(plain.events().events().size(), watched.events().events().size());
  EXPECT_EQ(plain.log_text(), watched.log_text());
  EXPECT_EQ(structures_to_text(structures_of(plain.k(), {})),
            structures_to_text(structures_of(watched.k(), {})));
}

}  // namespace
}  // namespace iommulab::structures_test
