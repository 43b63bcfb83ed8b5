// SPDX-License-Identifier: GPL-2.0-only
//
// A type1 container's mappings in 4.4. Expected values: the sources of Linux 4.4.1 and 4.4.178, and
// for random operations a shadow's own arithmetic.
#include <map>
#include <random>

#include "vfio_system.h"

namespace iommulab::v4_4::vfio_test {
namespace {

TEST(type1_errors, of_mapping) {
  vfio_system s;
  s.take_lone();
  s.give_memory(memory_va, 4);
  s.give_memory(memory_va + 0x100000, 1, 0, false);
  EXPECT_EQ(s.map(s.c, 0, memory_va, page_size, 0), -EINVAL);
  EXPECT_EQ(s.map(s.c, 0, memory_va, page_size, 4), -EINVAL);
  EXPECT_EQ(s.map(s.c, 0, memory_va, 0), -EINVAL);
  EXPECT_EQ(s.map(s.c, 0x800, memory_va, page_size), -EINVAL);
  EXPECT_EQ(s.map(s.c, 0, memory_va + 0x800, page_size), -EINVAL);
  EXPECT_EQ(s.map(s.c, ~uint64_t{0xfff}, memory_va, 2 * page_size), -EINVAL);
  EXPECT_EQ(s.map(s.c, 0, memory_va + 4 * page_size, page_size), -EFAULT);
  EXPECT_EQ(s.map(s.c, 0, memory_va + 0x100000, page_size), -EFAULT);  // it is read-only
  EXPECT_EQ(s.map(s.c, 0, memory_va + 0x100000, page_size, 1), 0);
  EXPECT_EQ(s.map(s.c, 0, memory_va, page_size), -EEXIST);
  EXPECT_EQ(s.map(s.c, 0x1000, memory_va, 5 * page_size), -EFAULT);  // all of it or nothing
  EXPECT_EQ(s.current.mm->locked_vm, 1u);
  EXPECT_EQ(s.unmap(s.c, 0x800, page_size), -EINVAL);
  EXPECT_EQ(s.unmap(s.c, 0, 0), -EINVAL);
  EXPECT_EQ(s.unmap(s.c, 0, page_size, 1), -EINVAL);
  uapi::vfio_iommu_type1_dma_map small{.argsz = sizeof(small) - 1, .flags = 3};
  EXPECT_EQ(s.ioctl_on(s.c, uapi::vfio_iommu_map_dma, small), -EINVAL);
}

TEST(type1_unmap, of_the_second_version_cuts_no_mapping) {
  vfio_system s;
  s.take_lone();
  s.give_memory(memory_va, 8);
  ASSERT_EQ(s.map(s.c, 0x100000, memory_va, 4 * page_size), 0);
  ASSERT_EQ(s.map(s.c, 0x104000, memory_va + 4 * page_size, 4 * page_size), 0);
  EXPECT_EQ(s.unmap(s.c, 0x101000, page_size), -EINVAL);
  EXPECT_EQ(s.unmap(s.c, 0x100000, 5 * page_size), -EINVAL);
  EXPECT_EQ(s.unmap(s.c, 0x200000, page_size), 0);
  EXPECT_EQ(s.unmapped, 0u);
  EXPECT_EQ(s.unmap(s.c, 0xf0000, 0x20000), 0);
  EXPECT_EQ(s.unmapped, 8 * page_size);
  EXPECT_EQ(s.k().user_pages().pins(), 0u);
  EXPECT_EQ(s.current.mm->locked_vm, 0u);
}

TEST(type1_unmap, of_the_first_version_unmaps_from_the_beginning_alone) {
  vfio_system s;
  s.take_lone(uapi::vfio_type1_iommu);
  s.give_memory(memory_va, 4);
  ASSERT_EQ(s.map(s.c, 0x100000, memory_va, 4 * page_size), 0);
  EXPECT_EQ(s.unmap(s.c, 0x101000, page_size), 0);
  EXPECT_EQ(s.unmapped, 0u);
  EXPECT_EQ(s.unmap(s.c, 0x100000, page_size), 0);
  EXPECT_EQ(s.unmapped, 4 * page_size);
}

TEST(type1_runs, are_what_lies_side_by_side) {
  vfio_system s;
  s.take_lone();
  s.give_memory(memory_va, 6, 3);  // two pages, a gap, two pages, a gap, two pages
  const size_t first = s.events();
  ASSERT_EQ(s.map(s.c, 0x100000, memory_va, 6 * page_size), 0);
  EXPECT_EQ(s.calls_of("iommu_map", first), 3u);
  EXPECT_EQ(s.calls_of("vfio_pin_pages", first), 3u);
  const size_t then = s.events();
  ASSERT_EQ(s.unmap(s.c, 0x100000, 6 * page_size), 0);
  EXPECT_EQ(s.calls_of("iommu_unmap", then), 3u);
}

TEST(type1_runs, are_single_pages_without_hugepages) {
  vfio_system s(v4_4::profile(), {.allow_unsafe_interrupts = true, .disable_hugepages = true});
  s.take_lone();
  s.give_memory(memory_va, 4);
  const size_t first = s.events();
  ASSERT_EQ(s.map(s.c, 0x100000, memory_va, 4 * page_size), 0);
  EXPECT_EQ(s.calls_of("iommu_map", first), 4u);
  EXPECT_EQ(s.current.mm->locked_vm, 4u);
}

/// 4.4 counts in whoever calls: the memory of a process that has ended is counted by nobody.
TEST(type1_accounting, of_a_process_that_ended) {
  vfio_system s;
  s.take_lone();
  s.give_memory(memory_va, 4);
  ASSERT_EQ(s.map(s.c, 0x100000, memory_va, 4 * page_size), 0);
  s.current.mm->exit();
  s.current.files.exit_files();
  EXPECT_EQ(s.k().user_pages().pins(), 0u);
  EXPECT_EQ(s.current.mm->locked_vm, 4u);
}

TEST(type1_accounting, passes_the_zero_page_over) {
  vfio_system s;
  s.take_lone();
  s.give_memory(memory_va, 1);
  s.current.mm->zero_page = *s.current.mm->translate(memory_va);
  ASSERT_EQ(s.map(s.c, 0x100000, memory_va, page_size, 1), 0);
  EXPECT_EQ(s.current.mm->locked_vm, 0u);
  EXPECT_EQ(s.k().user_pages().pins(), 0u);
  ASSERT_EQ(s.unmap(s.c, 0x100000, page_size), 0);
  EXPECT_EQ(s.current.mm->locked_vm, 0u);
}

TEST(type1_domains, of_one_kind_are_one_and_get_all_mappings) {
  vfio_system s;
  s.take_lone();
  ASSERT_TRUE(s.bind(first_of_two).ok());
  s.give_memory(memory_va, 4);
  ASSERT_EQ(s.map(s.c, 0x100000, memory_va, 4 * page_size), 0);
  const int h = s.open_group(first_of_two);
  const uint64_t domains = s.k().generation().live_domains();
  ASSERT_EQ(s.set_container(h, s.c), 0);
  EXPECT_EQ(s.k().generation().live_domains(), domains);
  EXPECT_EQ(s.unset_container(s.g), 0);
  EXPECT_EQ(s.k().user_pages().pins(), 4u);
  EXPECT_EQ(s.unset_container(h), 0);
  EXPECT_EQ(s.k().user_pages().pins(), 0u);
}

struct shadow_mapping {
  uint64_t size = 0;
  uint64_t va = 0;
};

/// What a map or unmap of the second version has to do, worked out page by page.
class shadow {
 public:
  [[nodiscard]] bool meets(uint64_t iova, uint64_t size) const {
    for (const auto& [at, m] : mapped_) {
      if (iova < at + m.size && at < iova + size) return true;
    }
    return false;
  }
  [[nodiscard]] bool cuts(uint64_t iova, uint64_t size) const {
    for (const auto& [at, m] : mapped_) {
      if (at < iova && iova < at + m.size) return true;
      if (at < iova + size && iova + size < at + m.size) return true;
    }
    return false;
  }
  uint64_t remove(uint64_t iova, uint64_t size) {
    uint64_t gone = 0;
    for (auto at = mapped_.begin(); at != mapped_.end();) {
      const bool inside = at->first >= iova && at->first < iova + size;
      if (inside) gone += at->second.size;
      at = inside ? mapped_.erase(at) : std::next(at);
    }
    return gone;
  }
  void add(uint64_t iova, uint64_t size, uint64_t va) { mapped_[iova] = {size, va}; }
  [[nodiscard]] uint64_t pages() const {
    uint64_t count = 0;
    for (const auto& [at, m] : mapped_) count += m.size / page_size;
    return count;
  }
  [[nodiscard]] const std::map<uint64_t, shadow_mapping>& all() const { return mapped_; }

 private:
  std::map<uint64_t, shadow_mapping> mapped_;
};

TEST(type1_random, agrees_with_a_shadow) {
  constexpr size_t memory_pages = 40;
  vfio_system s;
  s.linux_.stop_recording();
  s.take_lone();
  s.give_memory(memory_va, memory_pages, 4);
  shadow expected;
  std::mt19937 random(1);
  const auto below = [&random](uint64_t n) { return random() % n; };
  for (int i = 0; i < 20000; ++i) {
    const uint64_t iova = 0x100000 + below(64) * page_size;
    const uint64_t pages = 1 + below(8);
    const uint64_t size = pages * page_size;
    if (below(2) == 0) {
      const uint64_t va = memory_va + below(memory_pages - pages + 1) * page_size;
      const bool taken = expected.meets(iova, size);
      ASSERT_EQ(s.map(s.c, iova, va, size), taken ? -EEXIST : 0);
      if (!taken) expected.add(iova, size, va);
    } else {
      const bool cuts = expected.cuts(iova, size);
      ASSERT_EQ(s.unmap(s.c, iova, size), cuts ? -EINVAL : 0);
      if (!cuts) {
        ASSERT_EQ(s.unmapped, expected.remove(iova, size));
      }
    }
    ASSERT_EQ(s.current.mm->locked_vm, expected.pages());
    ASSERT_EQ(s.k().user_pages().pins(), expected.pages());
    if (i % 100 != 0) continue;
    for (const auto& [at, m] : expected.all()) {
      for (uint64_t offset = 0; offset < m.size; offset += page_size) {
        ASSERT_EQ(s.reached(at + offset), *s.current.mm->translate(m.va + offset));
      }
    }
  }
}

}  // namespace
}  // namespace iommulab::v4_4::vfio_test
