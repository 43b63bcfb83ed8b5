// SPDX-License-Identifier: GPL-2.0-only
//
// Root, context and second-level entries and the walk, against words of memory that the test reads
// and takes apart itself.
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "lab/structures/asked.h"
#include "platform/machine/builtin.h"
#include "support/system.h"

namespace iommulab::structures_test {
namespace {

class tables : public testing::Test {
 protected:
  tables() : q35_(*builtin_machine("q35")) { EXPECT_EQ(q35_.boot().panic, ""); }

  uint64_t value(std::string_view text) { return number(q35_.k(), text); }

  test::system q35_;
  const source_id isa_{0, 0, 0xf8};
};

TEST_F(tables, say_what_lies_in_a_root_entry) {
  const uint64_t root = q35_.root_table();
  EXPECT_EQ(value("root.table"), root);
  EXPECT_EQ(value("root dmar0 00.low"), q35_.word(root));
  EXPECT_EQ(value("root 00.P"), q35_.word(root) & 1);
  EXPECT_EQ(value("root 00.CTP"), q35_.word(root) & ~uint64_t{0xfff});
  EXPECT_EQ(value("root ff.P"), 0u);
  q35_.word(root + 16 * 0xff) = 0x802;
  EXPECT_EQ(value("root ff.reserved_low"), 0u) << "nothing counts in an entry that is not present";
  q35_.word(root + 16 * 0xff) = 0x803;
  EXPECT_EQ(value("root ff.reserved_low"), 0x802u) << "11:1 are reserved (9.1)";
}

TEST_F(tables, say_what_lies_in_a_context_entry) {
  const auto entry = q35_.context_of(isa_);
  ASSERT_TRUE(entry.present());
  EXPECT_EQ(value("context 00:1f.0.low"), entry.lo);
  EXPECT_EQ(value("context 00:1f.0.high"), entry.hi);
  EXPECT_EQ(value("context 00:1f.0.P"), 1u);
  EXPECT_EQ(value("context 00:1f.0.T"), entry.type());
  EXPECT_EQ(value("context 00:1f.0.AW"), entry.width_code());
  EXPECT_EQ(value("context 00:1f.0.DID"), entry.domain());
  EXPECT_EQ(value("context 00:1f.0.SLPTPTR"), entry.table());
  EXPECT_EQ(asked(q35_.k(), "context 00:1f.0.domain"), "(struct dmar_domain *) dmar0:1");
  EXPECT_EQ(value("context 00:02.0.P"), 0u);
  EXPECT_EQ(asked(q35_.k(), "context 00:02.0.domain"), "NULL");
}

TEST_F(tables, lead_to_the_page_that_arithmetic_leads_to) {
  const auto entry = q35_.context_of(isa_);
  size_t mapped = 0;
  for (uint64_t address = 0; address < 0x2000000; address += 0x1ff000) {
    const std::string a = std::to_string(address);
    const uint64_t expected = q35_.walk(entry.table(), entry.width_code() + 2, address);
    std::ostringstream where;
    where << std::hex << address;
    const uint64_t readable = value("pte 00:1f.0 " + where.str() + ".R");
    EXPECT_EQ(readable, expected == ~uint64_t{0} ? 0u : 1u) << where.str();
    const std::string walk = "walk 00:1f.0 " + where.str();
    if (expected == ~uint64_t{0}) {
      EXPECT_EQ(value(walk + ".fault"), 6u) << "LGN.3: read not permitted";
      EXPECT_EQ(value(walk + " write.fault"), 5u) << "LGN.2";
      EXPECT_EQ(asked(q35_.k(), walk + ".outcome"), "\"blocked\"");
      continue;
    }
    ++mapped;
    EXPECT_EQ(value(walk + ".host_address"), expected);
    const uint64_t first = value("pte 00:1f.0 " + where.str() + ".first");
    EXPECT_EQ(value("pte 00:1f.0 " + where.str() + ".ADDR") + (address - first), expected);
    EXPECT_GE(address, first);
    EXPECT_LE(address, value("pte 00:1f.0 " + where.str() + ".last"));
  }
  EXPECT_GT(mapped, 5u) << "16 MiB are mapped for the ISA bridge";
}

TEST_F(tables, change_with_memory) {
  const auto entry = q35_.context_of(isa_);
  // Three levels: index 0 at level 3 leads to the table of level 2, whose entry 0 maps 2 MiB.
  const uint64_t level_2 = q35_.word(entry.table()) & ~uint64_t{0xfff};
  EXPECT_EQ(value("pte 00:1f.0 0.value"), q35_.word(level_2));
  EXPECT_EQ(value("pte 00:1f.0 0.level"), 2u);
  EXPECT_EQ(value("pte 00:1f.0 0.PS"), 1u);
  q35_.word(level_2) = 0x12200000 | 0x80 | 2;  // write-only
  EXPECT_EQ(value("pte 00:1f.0 0x1234.ADDR"), 0x12200000u);
  EXPECT_EQ(value("pte 00:1f.0 0x1234.R"), 0u);
  EXPECT_EQ(value("pte 00:1f.0 0x1234.W"), 1u);
  EXPECT_EQ(value("walk 00:1f.0 1234 write.host_address"), 0x12201234u);
  q35_.word(level_2) = 0;
  EXPECT_EQ(value("pte 00:1f.0 0.value"), 0u);
  EXPECT_EQ(value("pte 00:1f.0 0.level"), 2u) << "where the way ends";
}

TEST_F(tables, give_ranges_that_hold_what_single_entries_hold) {
  const auto value = evaluated(q35_.k(), "tables.ranges");
  ASSERT_TRUE(value.ok()) << value.status();
  const auto entry = q35_.context_of(isa_);
  const auto& ranges = std::get<structure_list>(*value);
  ASSERT_EQ(ranges.size(), 1u) << "the first 16 MiB, to themselves";
  EXPECT_EQ(std::get<structure>(ranges.front()).name, "0x0-0xffffff");
  EXPECT_EQ(q35_.walk(entry.table(), 3, 0xffffff), 0xffffffu);
  EXPECT_EQ(q35_.walk(entry.table(), 3, 0x1000000), ~uint64_t{0});
}

/// Looks at the first write of RTADDR, which is told before it is done.
class root_table_write : public trace_sink {
 public:
  explicit root_table_write(kernel& k) : k_(k) {}
  void on_event(const trace_event& event) override {
    const auto* write = event.as<events::reg_write>();
    if (write == nullptr || write->offset != 0x20 || written != 0) return;
    written = write->value;
    rtaddr = number(k_, "RTADDR.RTA");
    root = number(k_, "root.table");
    present = number(k_, "root 00.P");
  }
  uint64_t written = 0;
  uint64_t rtaddr = 1;
  uint64_t root = 0;
  uint64_t present = 1;

 private:
  kernel& k_;
};

TEST(tables_before_the_unit_has_them, are_the_drivers) {
  test::system q35(*builtin_machine("q35"));
  root_table_write look(q35.k());
  const auto subscription = q35.k().env().trace.subscribe(look);
  ASSERT_EQ(q35.boot().panic, "");
  EXPECT_NE(look.written, 0u);
  EXPECT_EQ(look.root, look.written);
  EXPECT_EQ(look.rtaddr, 0u);
  EXPECT_EQ(look.present, 0u) << "no device has a domain yet";
  EXPECT_EQ(number(q35.k(), "root.table"), look.written);
  EXPECT_EQ(number(q35.k(), "root 00.P"), 1u);
}

}  // namespace
}  // namespace iommulab::structures_test
