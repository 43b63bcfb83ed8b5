// SPDX-License-Identifier: GPL-2.0-only
//
// What is stale: entries that a unit cached, and whose tables were changed behind its back, by the
// driver's lazy unmapping or by the test's own hand.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <sstream>
#include <string>

#include "core/dma/dma_mapping.h"
#include "lab/runs/script_run.h"
#include "lab/structures/asked.h"
#include "platform/endpoints/device_tlb.h"
#include "platform/machine/builtin.h"
#include "support/system.h"

namespace iommulab::structures_test {
namespace {

/// q35's device of scripts is 00:04.0; a buffer of one page gets the highest below 4 GiB.
std::unique_ptr<dmalab::script_run> run_of(const std::string& text, const std::string& options) {
  dmalab::script_request request;
  request.machine = *builtin_machine("q35");
  request.command_line = options;
  auto script = dmalab::parse_script(text_source{"test.dma", text});
  if (!script.ok()) return nullptr;
  request.what = *std::move(script);
  auto run = dmalab::run_script(std::move(request));
  return run.ok() ? *std::move(run) : nullptr;
}

constexpr const char* map_and_read =
    "map 1 0 0 0x123 0x100 1\n"
    "edu 0 1 h1+0 0x40000 0x80\n";

/// The second-level entry of an address, by shifting and adding: three levels of nine bits.
uint64_t entry_of(kernel& k, uint64_t table, uint64_t address) {
  for (unsigned level = 3;; --level) {
    const uint64_t index = address >> (12 + 9 * (level - 1)) & 0x1ff;
    const auto* word = k.memory().object_at<uint64_t>(phys_addr(table + 8 * index));
    if (word == nullptr) return 0;
    if (level == 1 || (*word & 3) == 0) return *word;
    table = *word & 0xffffffffff000;
  }
}

TEST(caches, hold_a_page_in_the_lazy_window_that_the_tables_do_not) {
  const auto mapped = run_of(map_and_read, "intel_iommu=on");
  ASSERT_NE(mapped, nullptr);
  kernel& before = *mapped->system;
  const uint64_t domain = number(before, "context 00:04.0.DID");
  const std::string entry = "caches.iotlb[" + std::to_string(domain) + ":0xfffff000]";
  const uint64_t table = number(before, "context 00:04.0.SLPTPTR");
  const uint64_t leaf = entry_of(before, table, 0xfffff000);
  EXPECT_EQ(number(before, entry + ".page"), leaf & 0xffffffffff000);
  EXPECT_EQ(number(before, entry + ".stale"), 0u);
  EXPECT_EQ(number(before, "caches.stale"), 0u);

  const auto unmapped = run_of(std::string(map_and_read) + "unmap 1\n", "intel_iommu=on");
  ASSERT_NE(unmapped, nullptr);
  kernel& after = *unmapped->system;
  EXPECT_EQ(entry_of(after, number(after, "context 00:04.0.SLPTPTR"), 0xfffff000) & 3, 0u);
  EXPECT_EQ(number(after, entry + ".stale"), 1u);
  EXPECT_EQ(number(after, entry + ".page"), leaf & 0xffffffffff000) << "as it was cached";
  const auto shown = evaluated(after, "caches.iotlb");
  ASSERT_TRUE(shown.ok());
  EXPECT_NE(value_to_text(*shown).find("stale = 1  /* the table says not present */"),
            std::string::npos);
  EXPECT_GE(number(after, "caches.stale"), 1u);
  EXPECT_EQ(number(after, "list_size"), 1u);
  EXPECT_EQ(number(after, "deferred_flush_tables[0].entries[0].iova->pfn_lo"), 0xfffffu);
}

TEST(caches, hold_nothing_of_a_page_that_is_unmapped_strictly) {
  const auto run = run_of(std::string(map_and_read) + "unmap 1\n", "intel_iommu=on,strict");
  ASSERT_NE(run, nullptr);
  kernel& k = *run->system;
  EXPECT_EQ(asked(k, "caches.iotlb"), "{}\n");
  EXPECT_EQ(number(k, "caches.stale"), 0u);
  EXPECT_EQ(asked(k, "caches.context_cache[00:04.0].stale"), "0");
}

class changed_tables : public testing::Test {
 protected:
  changed_tables() : q35_(*builtin_machine("q35")) {
    EXPECT_EQ(q35_.boot().panic, "");
    EXPECT_TRUE(q35_.dma(isa_, 0x1000).ok());
    EXPECT_EQ(number(q35_.k(), "caches.stale"), 0u);
    const uint64_t contexts = q35_.word(q35_.root_table()) & ~uint64_t{0xfff};
    context_ = contexts + 16 * 0xf8;
    top_ = q35_.word(context_) & ~uint64_t{0xfff};
  }

  /// What is said of the only entry that is stale in a cache.
  std::string words(const std::string& cache) {
    const auto value = evaluated(q35_.k(), "caches." + cache);
    if (!value.ok()) return std::string(value.status().message());
    std::string found;
    for (const structure_value& item : std::get<structure_list>(*value)) {
      for (const structure_field& field : std::get<structure>(item).fields) {
        if (field.name == "stale") found += field.words;
      }
    }
    return found;
  }

  test::system q35_;
  const source_id isa_{0, 0, 0xf8};
  uint64_t context_ = 0;
  uint64_t top_ = 0;
};

TEST_F(changed_tables, make_a_context_stale) {
  q35_.word(context_ + 8) += 1 << 8;  // the domain id
  EXPECT_EQ(words("context_cache"), "the table says domain 2");
  EXPECT_EQ(words("iotlb"), "no context entry has domain 1");
  q35_.word(context_ + 8) -= 1 << 8;
  q35_.word(context_) ^= 1;
  EXPECT_EQ(words("context_cache"), "the table says not present");
  q35_.word(context_) ^= 1 | 2 << 2;
  EXPECT_EQ(words("context_cache"), "the table says T 2");
}

TEST_F(changed_tables, make_pages_and_tables_stale) {
  // The ISA bridge's first 16 MiB are pages of 2 MiB: index 0 at level 3, then index 0.
  const uint64_t level_2 = q35_.word(top_) & ~uint64_t{0xfff};
  const uint64_t leaf = q35_.word(level_2);
  q35_.word(level_2) = leaf & ~uint64_t{2};
  EXPECT_EQ(words("iotlb"), "the table says R -");
  q35_.word(level_2) = leaf + 0x200000;
  EXPECT_EQ(words("iotlb"), "the table says page 0x200000");
  q35_.word(level_2) = 0;
  EXPECT_EQ(words("iotlb"), "the table says not present");
  q35_.word(level_2) = leaf;
  EXPECT_EQ(words("iotlb"), "");
  EXPECT_EQ(words("paging_structures"), "");
  q35_.word(top_) = 0;
  EXPECT_EQ(words("paging_structures"), "the table says not present");
  q35_.word(top_) = 0x2000 | 3;
  EXPECT_EQ(words("paging_structures"), "the table says table 0x2000");
}

TEST_F(changed_tables, make_an_interrupt_entry_stale) {
  q35_.unit().interrupt_entries().insert(5, {0x1234, 0x5678});
  // The driver gave the unit no interrupt table: it lies at 0, which is memory.
  q35_.word(16 * 5) = 0x1234;
  q35_.word(16 * 5 + 8) = 0x5678;
  EXPECT_EQ(words("interrupt_entries"), "");
  q35_.word(16 * 5 + 8) = 0;
  EXPECT_EQ(words("interrupt_entries"), "the table says 0x0:0000000000001234");
}

// The accelerator on bus 82h asks for translations and keeps them; lazily unmapped, its buffer is
// known to it still.
TEST(device_tlbs, keep_what_the_tables_had) {
  test::system server(*builtin_machine("server"));
  ASSERT_EQ(server.boot().panic, "");
  kernel& k = server.k();
  const source_id accelerator{0, 0x82, 0};
  device& dev = server.function(accelerator).dev;
  device_tlb tlb(*k.dma_hardware().port(accelerator));
  const auto page = k.pages().alloc_pages(0);
  ASSERT_TRUE(page.has_value());
  const dma_addr handle = dma_map_single(dev, *page, 0x1000, dma_data_direction::bidirectional);
  ASSERT_FALSE(dma_mapping_error(dev, handle));
  const std::array<std::byte, 4> data{};
  ASSERT_TRUE(tlb.write(handle.value(), data).ok());
  ASSERT_EQ(tlb.size(), 1u);

  std::ostringstream entry;
  entry << "caches dmar1.device_tlbs[0000:82:00.0:0x" << std::hex << handle.value() << "]";
  EXPECT_EQ(number(k, entry.str() + ".page"), page->value());
  EXPECT_EQ(number(k, entry.str() + ".size"), 0x1000u);
  EXPECT_EQ(number(k, entry.str() + ".W"), 1u);
  EXPECT_EQ(number(k, entry.str() + ".stale"), 0u);
  EXPECT_EQ(asked(k, "caches dmar0.device_tlbs"), "{}\n") << "another unit's";
  dma_unmap_single(dev, handle, 0x1000, dma_data_direction::bidirectional);
  EXPECT_EQ(number(k, entry.str() + ".stale"), 1u);
  EXPECT_EQ(number(k, "caches dmar1.stale"), 2u) << "and in the IOTLB of the unit";
}

}  // namespace
}  // namespace iommulab::structures_test
