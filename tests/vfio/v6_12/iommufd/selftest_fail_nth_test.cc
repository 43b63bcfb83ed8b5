// SPDX-License-Identifier: GPL-2.0-only
//
// Each allocation in turn fails, and each place that the kernel lets fail beside them, until the
// operations come through: nothing is left, and nothing half done. The operations are those of
// tools/testing/selftests/iommu/iommufd_fail_nth.c of 6.12, and some more.
#include "selftest_system.h"

namespace iommulab::v6_12::iommufd_selftest_cases {
namespace {

constexpr uint64_t long_buffer = buffer + (uint64_t{1} << 30);
constexpr uint64_t long_size = 262144;

/// A step that fails ends the operations.
#define STEP(condition)             \
  do {                              \
    if (!(condition)) return false; \
  } while (false)

class fail_nth {
 public:
  fail_nth() : s(uint64_t{8} << 20) { s.give_pages(long_buffer, long_size); }

  /// From here on allocations are counted.
  void enable() {
    failures().fail_at(n_);
    before_ = failures().allocations();
  }
  slab_failures& failures() { return of_pages ? s.allocator.failures() : s.slab; }

  /// `operations` returns whether all of them came through. How many allocations they need; some do
  /// without one that failed.
  template <typename Operations>
  uint64_t run(Operations operations) {
    const uint64_t pages = s.allocator.live_pages();
    for (n_ = 1; n_ < 4000; ++n_) {
      const int64_t live = s.slab.live();
      s.open();
      before_ = failures().allocations();
      const bool passed = s.fd >= 0 && operations(*this);
      const uint64_t made = failures().allocations() - before_;
      failures().fail_never();
      check_kept();
      s.current.files.exit_files();
      EXPECT_EQ(s.slab.live(), live) << n_;
      EXPECT_EQ(s.users.pins(), 0u) << n_;
      EXPECT_EQ(s.allocator.live_pages(), pages) << n_;
      EXPECT_EQ(s.current.mm->pinned_vm, 0u) << n_;
      EXPECT_EQ(s.current.user->locked_vm, 0u) << n_;
      EXPECT_TRUE(s.module.test != nullptr);
      s.module.temp_memory_limit = 65536;
      s.expect_no_warning();
      if (testing::Test::HasFailure()) return 0;
      if (made + 1 < n_) {
        EXPECT_TRUE(passed);
        return made;
      }
    }
    ADD_FAILURE() << "never passed";
    return 0;
  }

  /// What is mapped has to be in all domains, whatever failed before.
  void check_kept() {
    for (const auto& [hwpt, va, iova, length] : kept) {
      EXPECT_EQ(s.check_map(hwpt, va, iova, length), 0) << n_;
    }
    kept.clear();
  }
  struct mapping {
    uint32_t hwpt;
    uint64_t va, iova, length;
  };
  std::vector<mapping> kept;

  selftest_system s;
  bool of_pages = false;

 private:
  uint64_t n_ = 0;
  uint64_t before_ = 0;
};

TEST(iommufd_fail_nth, basic) {
  fail_nth f;
  const uint64_t failures = f.run([](fail_nth& t) {
    selftest_system& s = t.s;
    s.current.files.exit_files();
    t.enable();
    s.open();
    STEP(s.fd >= 0);
    const uint32_t ioas = s.ioas_alloc();
    STEP(ioas != 0);
    std::array<uapi::iommu_iova_range, 8> ranges;
    uint32_t count = 8;
    uint64_t alignment = 0;
    STEP(s.iova_ranges(ioas, ranges, count, alignment) == 0);
    STEP(s.allow_iovas(ioas, {{16 * 1024, buffer_size + 16 * 1024 * 600 - 1}}) == 0);
    uint64_t iova = 0;
    STEP(s.map(ioas, buffer, buffer_size, iova) == 0);
    uint64_t other = 0;
    STEP(s.copy(ioas, other, ioas, iova, 160, map_rw) == 0);
    STEP(s.unmap(ioas, iova, buffer_size) == 0);
    s.unmap(ioas, iova, buffer_size);
    return true;
  });
  EXPECT_GT(failures, 10u);
}

TEST(iommufd_fail_nth, map_domain) {
  fail_nth f;
  const uint64_t failures = f.run([](fail_nth& t) {
    selftest_system& s = t.s;
    const uint32_t ioas = s.ioas_alloc();
    STEP(s.set_memory_limit(32) == 0);
    t.enable();
    mock_ids mock;
    STEP(s.mock_domain(ioas, &mock) == 0);
    uint64_t iova = 0;
    STEP(s.map(ioas, long_buffer, long_size, iova) == 0);
    t.kept = {{mock.hwpt, long_buffer, iova, long_size}};
    STEP(s.destroy(mock.stdev) == 0);
    t.kept.clear();
    STEP(s.mock_domain(ioas, &mock) == 0);
    t.kept = {{mock.hwpt, long_buffer, iova, long_size}};
    return true;
  });
  EXPECT_GT(failures, 100u);
}

TEST(iommufd_fail_nth, map_two_domains) {
  fail_nth f;
  const uint64_t failures = f.run([](fail_nth& t) {
    selftest_system& s = t.s;
    const uint32_t ioas = s.ioas_alloc();
    STEP(s.set_memory_limit(32) == 0);
    mock_ids one;
    STEP(s.mock_domain(ioas, &one) == 0);
    uint32_t hwpt = 0;
    STEP(s.hwpt_alloc(one.idev, ioas, 0, hwpt) == 0);
    STEP(s.map_fixed(ioas, buffer, 3 * page_size, aperture) == 0);
    t.kept = {{one.hwpt, buffer, aperture, 3 * page_size}, {hwpt, buffer, aperture, 3 * page_size}};
    t.enable();
    mock_ids two;
    STEP(s.mock_domain(hwpt, &two) == 0);
    uint64_t iova = 0;
    STEP(s.map(ioas, long_buffer, long_size, iova) == 0);
    t.kept.push_back({one.hwpt, long_buffer, iova, long_size});
    t.kept.push_back({two.hwpt, long_buffer, iova, long_size});
    STEP(s.destroy(two.stdev) == 0);
    STEP(s.replace(one.stdev, hwpt) == 0);
    t.kept.clear();
    t.kept = {{hwpt, long_buffer, iova, long_size}};
    STEP(s.mock_domain(ioas, &two) == 0);
    return true;
  });
  EXPECT_GT(failures, 150u);
}

TEST(iommufd_fail_nth, access_rw) {
  fail_nth f;
  const uint64_t failures = f.run([](fail_nth& t) {
    selftest_system& s = t.s;
    const uint32_t ioas = s.ioas_alloc();
    STEP(s.set_memory_limit(32) == 0);
    uint64_t iova = 0;
    STEP(s.map(ioas, long_buffer, long_size, iova) == 0);
    t.enable();
    const int64_t access = s.create_access(ioas, false);
    STEP(access >= 0);
    for (const uint32_t flags : {0u, uapi::mock_access_rw_write, uapi::mock_access_rw_slow_path,
                                 uapi::mock_access_rw_slow_path | uapi::mock_access_rw_write}) {
      std::array<std::byte, 64> tmp{};
      STEP(s.access_rw(access, iova, absl::MakeSpan(tmp), flags) == 0);
    }
    std::vector<std::byte> big(32768);
    STEP(s.access_rw(access, iova, absl::MakeSpan(big), uapi::mock_access_rw_slow_path) == 0);
    STEP(s.destroy_access(access) == 0);
    return true;
  });
  EXPECT_GT(failures, 10u);
}

/// Pages are pinned for the kernel; `with_domain`: they are in a domain already.
bool pin_by_access(fail_nth& t, bool with_domain) {
  selftest_system& s = t.s;
  const uint32_t ioas = s.ioas_alloc();
  STEP(s.set_memory_limit(32) == 0);
  mock_ids mock;
  if (with_domain) STEP(s.mock_domain(ioas, &mock) == 0);
  uint64_t iova = 0;
  STEP(s.map(ioas, buffer, buffer_size, iova) == 0);
  const int64_t access = s.create_access(ioas, true);
  STEP(access >= 0);
  const uint64_t pinned = s.users.pins();
  t.enable();
  const int64_t item = s.access_pages(access, iova, buffer_size, buffer);
  if (item < 0) {
    EXPECT_EQ(s.users.pins(), pinned);
  }
  STEP(item >= 0);
  const int64_t part = s.access_pages(access, iova + page_size, 4 * page_size, buffer + page_size);
  STEP(part >= 0);
  STEP(s.destroy_access_pages(access, item) == 0);
  STEP(s.destroy_access_pages(access, part) == 0);
  STEP(s.destroy_access(access) == 0);
  if (with_domain) STEP(s.destroy(mock.stdev) == 0);
  return true;
}

TEST(iommufd_fail_nth, access_pin) {
  fail_nth f;
  EXPECT_GT(f.run([](fail_nth& t) { return pin_by_access(t, false); }), 5u);
}

TEST(iommufd_fail_nth, access_pin_domain) {
  fail_nth f;
  EXPECT_GT(f.run([](fail_nth& t) { return pin_by_access(t, true); }), 5u);
}

TEST(iommufd_fail_nth, device) {
  fail_nth f;
  const uint64_t failures = f.run([](fail_nth& t) {
    selftest_system& s = t.s;
    const uint32_t ioas = s.ioas_alloc();
    const uint32_t other = s.ioas_alloc();
    STEP(s.map_fixed(ioas, buffer, page_size, aperture) == 0);
    STEP(s.map_fixed(other, buffer, page_size, aperture) == 0);
    t.enable();
    mock_ids mock;
    STEP(s.mock_domain(ioas, &mock) == 0);
    uapi::iommu_hw_info info{sizeof(info), 0, mock.idev};
    STEP(s.ioctl(uapi::iommu_get_hw_info_request, info) == 0);
    uint32_t hwpt = 0;
    STEP(s.hwpt_alloc(mock.idev, ioas, 0, hwpt) == 0);
    t.kept = {{hwpt, buffer, aperture, page_size}};
    STEP(s.replace(mock.stdev, other) == 0);
    STEP(s.replace(mock.stdev, hwpt) == 0);
    return true;
  });
  EXPECT_GT(failures, 30u);
}

TEST(iommufd_fail_nth, copy) {
  fail_nth f;
  const uint64_t failures = f.run([](fail_nth& t) {
    selftest_system& s = t.s;
    const uint32_t ioas = s.ioas_alloc();
    const uint32_t other = s.ioas_alloc();
    STEP(s.map_fixed(ioas, long_buffer, long_size, aperture) == 0);
    STEP(s.map_fixed(ioas, buffer, buffer_size, aperture + long_size) == 0);
    mock_ids mock;
    STEP(s.mock_domain(other, &mock) == 0);
    STEP(s.set_memory_limit(32) == 0);
    t.enable();
    // Two areas at once, of which both come or none.
    const uint64_t size = long_size + buffer_size;
    const int64_t ret = s.copy_fixed(other, aperture, ioas, aperture, size);
    if (ret != 0) {
      EXPECT_EQ(s.users.pins(), 0u);
    }
    STEP(ret == 0);
    t.kept = {{mock.hwpt, long_buffer, aperture, long_size},
              {mock.hwpt, buffer, aperture + long_size, buffer_size}};
    STEP(s.copy_fixed(other, aperture + size, other, aperture + page_size, page_size) == 0);
    t.kept.push_back({mock.hwpt, long_buffer + page_size, aperture + size, page_size});
    return true;
  });
  EXPECT_GT(failures, 50u);
}

TEST(iommufd_fail_nth, nested_and_dirty) {
  fail_nth f;
  const uint64_t failures = f.run([](fail_nth& t) {
    selftest_system& s = t.s;
    const uint32_t ioas = s.ioas_alloc();
    STEP(s.map_fixed(ioas, buffer, buffer_size, aperture) == 0);
    mock_ids mock;
    STEP(s.mock_domain(ioas, &mock) == 0);
    t.enable();
    uint32_t parent = 0;
    STEP(s.hwpt_alloc(mock.idev, ioas,
                      uapi::iommu_hwpt_alloc_nest_parent | uapi::iommu_hwpt_alloc_dirty_tracking,
                      parent) == 0);
    t.kept = {{parent, buffer, aperture, buffer_size}};
    uint32_t nested = 0;
    STEP(s.hwpt_alloc_nested(mock.idev, parent, 0, nested, {}) == 0);
    STEP(s.replace(mock.stdev, nested) == 0);
    STEP(s.set_dirty_tracking(parent, true) == 0);
    std::array<std::byte, 8> bitmap{std::byte{5}};
    {
      const user_bytes bytes(*s.current.mm, data_va, bytes_of(bitmap));
      STEP(s.make_dirty(parent, aperture, buffer_size, half_page, data_va) == 2);
      bitmap = {};
      STEP(s.get_dirty_bitmap(parent, aperture, buffer_size, half_page, data_va, 0) == 0);
    }
    EXPECT_EQ(bitmap[0], std::byte{5});
    uapi::iommu_fault_alloc fault{sizeof(fault)};
    STEP(s.ioctl(uapi::iommu_fault_queue_alloc_request, fault) == 0);
    STEP(s.current.files.close(static_cast<int>(fault.out_fault_fd)) == 0);
    STEP(s.replace(mock.stdev, ioas) == 0);
    STEP(s.destroy(nested) == 0);
    return true;
  });
  EXPECT_GT(failures, 30u);
}

TEST(iommufd_fail_nth, container) {
  fail_nth f;
  const uint64_t failures = f.run([](fail_nth& t) {
    selftest_system& s = t.s;
    const uint32_t ioas = s.ioas_alloc();
    uapi::iommu_vfio_ioas cmd{sizeof(cmd), ioas, uapi::iommu_vfio_ioas_set, 0};
    STEP(s.ioctl(uapi::iommu_vfio_ioas_request, cmd) == 0);
    mock_ids mock;
    STEP(s.mock_domain(ioas, &mock) == 0);
    STEP(s.request(s.current, uapi::vfio_set_iommu, uapi::vfio_type1_iommu) == 0);
    STEP(s.map_fixed(ioas, buffer, buffer_size, aperture) == 0);
    t.enable();
    // An area is cut in three, of which the one in the middle goes.
    uapi::vfio_iommu_type1_dma_unmap unmap{.argsz = sizeof(unmap),
                                           .flags = 0,
                                           .iova = aperture + 4 * page_size,
                                           .size = 2 * page_size};
    t.kept = {{mock.hwpt, buffer, aperture, 4 * page_size},
              {mock.hwpt, buffer + 6 * page_size, aperture + 6 * page_size, 10 * page_size}};
    STEP(s.ioctl(uapi::vfio_iommu_unmap_dma, unmap) == 0);
    EXPECT_EQ(s.users.pins(), 14u);
    return true;
  });
  EXPECT_EQ(failures, 4u);  // two areas for each cut
}

/// Pages that are not there yet: the page allocator runs dry while they are pinned.
TEST(iommufd_fail_nth, pages) {
  fail_nth f;
  f.of_pages = true;
  const uint64_t failures = f.run([](fail_nth& t) {
    selftest_system& s = t.s;
    constexpr uint64_t lazy = buffer + (uint64_t{3} << 30);
    s.current.mm->unmap(lazy, buffer_size);
    if (s.current.mm->map_lazily(lazy, buffer_size, true) != 0) return false;
    const uint32_t ioas = s.ioas_alloc();
    mock_ids mock;
    STEP(s.mock_domain(ioas, &mock) == 0);
    t.enable();
    const int64_t ret = s.map_fixed(ioas, lazy, buffer_size, aperture);
    if (ret != 0) {
      EXPECT_EQ(s.users.pins(), 0u);
    }
    const bool passed = ret == 0;
    if (passed) {
      EXPECT_EQ(s.check_map(mock.hwpt, lazy, aperture, buffer_size), 0);
    }
    s.unmap(ioas, 0, UINT64_MAX);
    s.current.mm->unmap(lazy, buffer_size);
    return passed;
  });
  EXPECT_EQ(failures, buffer_size / page_size);
}

#undef STEP

}  // namespace
}  // namespace iommulab::v6_12::iommufd_selftest_cases
