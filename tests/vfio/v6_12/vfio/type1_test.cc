// SPDX-License-Identifier: GPL-2.0-only
//
// A type1 container's mappings. Expected values: Linux 6.12's source, what was recorded of it, and
// for random operations a shadow's own arithmetic.
#include <map>
#include <random>

#include "vfio_system.h"

namespace iommulab::v6_12::vfio_test {
namespace {

struct container_system : vfio_system {
  explicit container_system(uint64_t type = uapi::vfio_type1v2_iommu) {
    EXPECT_EQ(modules->probe(pdev(3)), 0);
    EXPECT_EQ(modules->probe(pdev(4)), 0);
    c = open("/dev/vfio/vfio");
    g = open_group(3);
    h = open_group(4);
    EXPECT_EQ(set_container(g, c), 0);
    EXPECT_EQ(ioctl(c, uapi::vfio_set_iommu, type), 0);
  }
  ~container_system() {
    current.files.exit_files();
    modules->remove(pdev(3));
    modules->remove(pdev(4));
  }
  /// What the group's device reaches.
  const fake_domain& domain(uint8_t slot) {
    return static_cast<const fake_domain&>(*pdev(slot).dev.group->domain);
  }
  int c = 0;
  int g = 0;
  int h = 0;
};

TEST(type1_domains, of_one_kind_are_one) {
  container_system s;
  s.give_memory(memory_va, 4);
  ASSERT_EQ(s.map(s.c, 0x1000, memory_va, 4 * page_size), 0);
  EXPECT_EQ(s.domain(3).pages.size(), 4u);
  ASSERT_EQ(s.set_container(s.h, s.c), 0);
  EXPECT_EQ(&s.domain(3), &s.domain(4));
  EXPECT_EQ(s.users.pins(), 4u);
  EXPECT_EQ(s.unset_container(s.g), 0);
  EXPECT_EQ(s.domain(4).pages.size(), 4u);
  EXPECT_EQ(s.unset_container(s.h), 0);
  EXPECT_EQ(s.users.pins(), 0u);
  s.expect_no_warning();
}

TEST(type1_runs, are_what_lies_side_by_side) {
  container_system s;
  s.give_memory(memory_va, 6);
  s.driver.take_calls();
  ASSERT_EQ(s.map(s.c, 0x100000, memory_va, 6 * page_size), 0);
  size_t maps = 0;
  for (const std::string& call : s.driver.take_calls()) maps += call.starts_with("map") ? 1u : 0u;
  EXPECT_EQ(maps, 3u);
  EXPECT_EQ(s.unmap(s.c, 0x100000, 6 * page_size), 0);
  EXPECT_EQ(s.unmapped, 6 * page_size);
}

TEST(type1_limits, count_every_mapping) {
  container_system s;
  s.give_memory(memory_va, 4);
  s.current.effective.reset(static_cast<size_t>(capability::ipc_lock));
  s.current.rlimit_memlock = 6 * page_size;
  EXPECT_EQ(s.map(s.c, 0x0, memory_va, 4 * page_size), 0);
  EXPECT_EQ(s.map(s.c, 0x10000, memory_va, 4 * page_size), -ENOMEM);
  EXPECT_EQ(s.current.mm->locked_vm, 4u);
  EXPECT_EQ(s.users.pins(), 4u);
  EXPECT_EQ(s.log().back(), "vfio_pin_pages_remote: RLIMIT_MEMLOCK (24576) exceeded");
  EXPECT_EQ(s.map(s.c, 0x10000, memory_va, 2 * page_size), 0);
  s.current.effective.set(static_cast<size_t>(capability::ipc_lock));
  EXPECT_EQ(s.map(s.c, 0x20000, memory_va, 4 * page_size), 0);
  EXPECT_EQ(s.current.mm->locked_vm, 10u);
}

TEST(type1_processes, that_end_leave_their_pages_pinned) {
  container_system s;
  s.give_memory(memory_va, 4);
  ASSERT_EQ(s.map(s.c, 0x0, memory_va, 4 * page_size), 0);
  s.current.mm->exit();
  EXPECT_EQ(s.users.pins(), 4u);
  s.current.files.close(s.g);
  EXPECT_EQ(s.users.pins(), 0u);
  EXPECT_EQ(s.users.live(), 0u);
}

/// What is mapped where, by arithmetic of its own.
class random_mappings {
 public:
  explicit random_mappings(container_system& system) : s(system) {}

  void step() {
    const uint64_t what = pick(20);
    if (what < 10) {
      map();
    } else if (what < 17) {
      unmap();
    } else if (what == 17) {
      toggle_second_group();
    } else if (what == 18) {
      toggle_dirty();
    } else {
      unmap_all();
    }
    check();
  }

 private:
  static constexpr uint64_t window_pages = 64;
  static constexpr uint64_t memory_pages = 128;

  uint64_t pick(uint64_t below) { return random() % below; }

  bool overlaps(uint64_t first, uint64_t count) const {
    for (const auto& [start, pages] : areas) {
      if (start < first + count && first < start + pages) return true;
    }
    return false;
  }
  bool cuts(uint64_t first, uint64_t count) const {
    for (const auto& [start, pages] : areas) {
      const uint64_t end = start + pages;
      const bool is_inside = first <= start && end <= first + count;
      if (start < first + count && first < end && !is_inside) return true;
    }
    return false;
  }
  void map() {
    const uint64_t first = pick(window_pages);
    const uint64_t count = 1 + pick(12);
    // Beyond the memory nothing is to be pinned.
    const uint64_t page = pick(memory_pages);
    const int64_t ret = s.map(s.c, first << page_shift, memory_va + (page << page_shift),
                              count << page_shift, pick(2) == 0 ? 3 : 1);
    if (overlaps(first, count)) {
      EXPECT_EQ(ret, -EEXIST);
    } else if (page + count > memory_pages) {
      EXPECT_EQ(ret, -EFAULT);
    } else {
      ASSERT_EQ(ret, 0);
      areas[first] = count;
      source[first] = page;
    }
  }
  void unmap() {
    const uint64_t first = pick(window_pages);
    const uint64_t count = 1 + pick(40);
    const int64_t ret = s.unmap(s.c, first << page_shift, count << page_shift);
    if (cuts(first, count)) {
      EXPECT_EQ(ret, -EINVAL);
      return;
    }
    EXPECT_EQ(ret, 0);
    uint64_t pages = 0;
    for (auto at = areas.lower_bound(first); at != areas.end() && at->first < first + count;) {
      pages += at->second;
      source.erase(at->first);
      at = areas.erase(at);
    }
    EXPECT_EQ(s.unmapped, pages << page_shift);
  }
  void unmap_all() {
    EXPECT_EQ(s.unmap(s.c, 0, 0, uapi::vfio_dma_unmap_flag_all), 0);
    areas.clear();
    source.clear();
  }
  void toggle_second_group() {
    if (has_second) {
      EXPECT_EQ(s.unset_container(s.h), 0);
    } else {
      EXPECT_EQ(s.set_container(s.h, s.c), 0);
    }
    has_second = !has_second;
  }
  void toggle_dirty() {
    EXPECT_EQ(s.dirty(s.c, is_logging ? uapi::vfio_iommu_dirty_pages_flag_stop
                                      : uapi::vfio_iommu_dirty_pages_flag_start),
              0);
    is_logging = !is_logging;
  }
  void check() const {
    uint64_t pages = 0;
    for (const auto& [first, count] : areas) pages += count;
    ASSERT_EQ(s.users.pins(), pages);
    ASSERT_EQ(s.current.mm->locked_vm, pages);
    const auto& table = s.domain(3).pages;
    ASSERT_EQ(table.size(), pages);
    for (const auto& [first, count] : areas) {
      for (uint64_t i = 0; i < count; ++i) {
        const uint64_t va = memory_va + ((source.at(first) + i) << page_shift);
        ASSERT_EQ(table.at((first + i) << page_shift), s.current.mm->translate(va)->value());
      }
    }
  }

  container_system& s;
  std::mt19937_64 random{12};
  std::map<uint64_t, uint64_t> areas;   ///< pages by first page
  std::map<uint64_t, uint64_t> source;  ///< page of the memory, by first page
  bool has_second = false;
  bool is_logging = false;
};

TEST(type1_random_operations, agree_with_a_shadow) {
  container_system s;
  s.give_memory(memory_va, 128);
  random_mappings run(s);
  for (int i = 0; i < 20'000 && !testing::Test::HasFatalFailure(); ++i) {
    run.step();
    s.driver.calls.clear();
  }
  s.expect_no_warning();
}

}  // namespace
}  // namespace iommulab::v6_12::vfio_test
