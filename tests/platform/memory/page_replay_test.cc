// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include "platform/memory/page_allocator.h"

namespace iommulab::page_replay_test {
namespace {

constexpr uint64_t mib = uint64_t{1} << 20;

class page_replay_test : public testing::Test {
 protected:
  page_replay_test()
      : memory_(physical_memory::create(ranges()).value()), pages_(*memory_, trace_) {}
  static std::vector<memory_range> ranges() {
    return {{phys_addr(mib), 1023 * mib, memory_range::kind::ram}};
  }
  page_diagnosis_kind last() { return pages_.diagnoses().back().id; }

  tracer trace_;
  std::unique_ptr<physical_memory> memory_;
  page_allocator pages_;
};

TEST_F(page_replay_test, hands_out_the_recorded_addresses_in_order) {
  const phys_addr page(0x3a67e000);
  const phys_addr words(0x3a685400);
  const phys_addr next(0x3a677000);
  pages_.replay({page, words, next, phys_addr(0x3a685c00)});
  EXPECT_EQ(pages_.alloc_pages(0, gfp_kernel | gfp_zero), page);
  EXPECT_EQ(pages_.kmalloc_phys(1024), words);
  EXPECT_EQ(pages_.alloc_pages(0), next);
  EXPECT_EQ(pages_.kmalloc_phys(1024), phys_addr(0x3a685c00));
  EXPECT_EQ(pages_.replay_left(), 0u);
  EXPECT_EQ(pages_.live_pages(), 3u);
  EXPECT_TRUE(pages_.diagnoses().empty());
}

TEST_F(page_replay_test, ends_with_a_diagnosis_when_the_record_is_used_up) {
  pages_.replay({phys_addr(0x200000)});
  EXPECT_TRUE(pages_.alloc_pages(0));
  EXPECT_FALSE(pages_.alloc_pages(0));
  EXPECT_EQ(last(), page_diagnosis_kind::replay_exhausted);
  EXPECT_FALSE(pages_.kmalloc_phys(64));
  EXPECT_EQ(pages_.diagnoses().size(), 2u);
  EXPECT_EQ(pages_.diagnoses()[0].sentence,
            "all 1 recorded addresses are used and 0x1000 bytes are asked for");
}

TEST_F(page_replay_test, gives_an_address_again_after_it_was_freed) {
  const phys_addr page(0x300000);
  pages_.replay({page, page, page});
  EXPECT_EQ(pages_.alloc_pages(0), page);
  pages_.free_pages(page, 0);
  EXPECT_EQ(pages_.alloc_pages(0), page);
  EXPECT_EQ(pages_.alloc_pages(0), std::nullopt);
  EXPECT_EQ(last(), page_diagnosis_kind::replay_in_use);
}

TEST_F(page_replay_test, refuses_addresses_that_do_not_suit_the_request) {
  pages_.replay({phys_addr(0x301000)});
  EXPECT_FALSE(pages_.alloc_pages(1));
  EXPECT_EQ(last(), page_diagnosis_kind::replay_misplaced);
  pages_.replay({phys_addr(0xfee00000)});
  EXPECT_FALSE(pages_.alloc_pages(0));
  EXPECT_EQ(last(), page_diagnosis_kind::replay_misplaced);
  pages_.replay({phys_addr(0x400400), phys_addr(0x400800)});
  EXPECT_TRUE(pages_.kmalloc_phys(1024));
  EXPECT_FALSE(pages_.kmalloc_phys(2048));
  EXPECT_EQ(last(), page_diagnosis_kind::replay_in_use);
}

TEST_F(page_replay_test, does_not_use_an_address_up_for_an_injected_failure) {
  pages_.replay({phys_addr(0x500000)});
  pages_.fail_at(1);
  EXPECT_FALSE(pages_.alloc_pages(0));
  EXPECT_TRUE(pages_.diagnoses().empty());
  EXPECT_EQ(pages_.alloc_pages(0), phys_addr(0x500000));
}

}  // namespace
}  // namespace iommulab::page_replay_test
