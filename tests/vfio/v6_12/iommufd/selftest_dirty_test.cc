// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel's cases for pages that devices wrote: fixture iommufd_dirty_tracking of
// tools/testing/selftests/iommu/iommufd.c of 6.12, by their names.
#include "selftest_system.h"
#include "support/long_run.h"

namespace iommulab::v6_12::iommufd_selftest_cases {
namespace {

struct dirty_variant {
  const char* name;
  uint64_t buffer_size;
  bool hugepages;
};
std::ostream& operator<<(std::ostream& out, const dirty_variant& v) {
  return out << v.name;
}

constexpr uint64_t dirty_buffer = buffer + (uint64_t{1} << 30);
constexpr uint64_t bitmap_va = buffer + (uint64_t{2} << 30);
constexpr uint64_t mock_huge_page = 512 * half_page;

struct iommufd_selftest_dirty : testing::TestWithParam<dirty_variant> {
  iommufd_selftest_dirty() : s(uint64_t{8} << 20) {
    s.open();
    give_buffer();
    nbits = GetParam().buffer_size / half_page;
    // One page more, for bitmaps that do not begin with a page.
    bitmap.resize(((nbits + 7) / 8 + 2 * page_size - 1) & page_mask);
    EXPECT_EQ(s.current.mm->map_bytes(bitmap_va, absl::MakeSpan(bitmap)), 0);
    ioas = s.ioas_alloc();
    const uint32_t flags = GetParam().hugepages ? uapi::mock_flags_device_huge_iova : 0;
    EXPECT_EQ(s.mock_domain_flags(ioas, flags, &mock), 0);
  }

  /// Pages that nobody looks into, beyond the memory that there is; small ones in runs of three.
  void give_buffer() {
    constexpr uint64_t beyond = uint64_t{4} << 30;
    std::vector<phys_addr> pages;
    for (uint64_t i = 0; i < GetParam().buffer_size / page_size; ++i) {
      const uint64_t frame = GetParam().hugepages ? i : i + i / 3;
      pages.emplace_back(beyond + frame * page_size);
      s.users.adopt(pages.back());
    }
    ASSERT_EQ(s.current.mm->map_pages(dirty_buffer, pages, true), 0);
  }
  [[nodiscard]] bool bit(uint64_t offset, uint64_t i) const {
    return (bitmap[offset + i / 8] >> (i % 8) & std::byte{1}) != std::byte{0};
  }
  void clear() { std::fill(bitmap.begin(), bitmap.end(), std::byte{0}); }
  int64_t get(uint32_t hwpt, uint64_t offset, uint32_t flags) {
    return s.get_dirty_bitmap(hwpt, aperture, GetParam().buffer_size, half_page, bitmap_va + offset,
                              flags);
  }

  /// Every second page of the domain is written, and the bitmap says so; and what it says when it
  /// is asked again.
  void check_bitmaps(uint32_t hwpt, uint64_t offset, uint32_t flags) {
    const uint64_t npte = (GetParam().hugepages ? mock_huge_page : half_page) / half_page;
    const uint64_t pteset = 2 * npte;
    const bool stays = (flags & uapi::iommu_hwpt_get_dirty_bitmap_no_clear) != 0;
    clear();
    for (uint64_t i = 0; i < nbits; i += pteset) {
      bitmap[offset + i / 8] |= std::byte{1} << (i % 8);
    }
    ASSERT_EQ(s.make_dirty(hwpt, aperture, GetParam().buffer_size, half_page, bitmap_va + offset),
              static_cast<int64_t>(std::max<uint64_t>(nbits / pteset, 1)));
    for (const bool is_there : {true, stays}) {
      clear();
      ASSERT_EQ(get(hwpt, offset, flags), 0);
      for (uint64_t i = 0; i < nbits; ++i) {
        if (bit(offset, i) != (is_there && i % pteset < npte)) FAIL() << i;
      }
    }
  }
  void check_dirty_bitmap(uint32_t flags) {
    const uint32_t other = s.ioas_alloc();
    uint32_t hwpt = 0;
    ASSERT_EQ(s.map_fixed(other, dirty_buffer, GetParam().buffer_size, aperture), 0);
    ASSERT_EQ(s.hwpt_alloc(mock.idev, other, uapi::iommu_hwpt_alloc_dirty_tracking, hwpt), 0);
    ASSERT_EQ(s.set_dirty_tracking(hwpt, true), 0);
    check_bitmaps(hwpt, 0, flags);
    check_bitmaps(hwpt, half_page, flags);
    check_bitmaps(hwpt, 0xff1, flags);
    EXPECT_EQ(s.destroy(hwpt), 0);
  }

  std::vector<std::byte> bitmap;
  selftest_system s;
  uint32_t ioas = 0;
  mock_ids mock;
  uint64_t nbits = 0;
};

constexpr uint64_t kib = 1024;
constexpr uint64_t mib = 1024 * kib;
std::vector<dirty_variant> dirty_variants() {
  std::vector<dirty_variant> all = {
      {"domain_dirty8k", 8 * kib, false},      {"domain_dirty16k", 16 * kib, false},
      {"domain_dirty64k", 64 * kib, false},    {"domain_dirty128k", 128 * kib, false},
      {"domain_dirty320k", 320 * kib, false},  {"domain_dirty64M", 64 * mib, false},
      {"domain_dirty64M_huge", 64 * mib, true}};
  if (is_long_run()) {
    all.push_back({"domain_dirty128M", 128 * mib, false});
    all.push_back({"domain_dirty128M_huge", 128 * mib, true});
  }
  return all;
}
INSTANTIATE_TEST_SUITE_P(all, iommufd_selftest_dirty, testing::ValuesIn(dirty_variants()),
                         [](const auto& each) { return each.param.name; });

TEST_P(iommufd_selftest_dirty, enforce_dirty) {
  uint32_t hwpt = 0;
  mock_ids other;
  constexpr uint32_t no_dirty = uapi::mock_flags_device_no_dirty;
  constexpr uint32_t tracking = uapi::iommu_hwpt_alloc_dirty_tracking;
  ASSERT_EQ(s.hwpt_alloc(mock.idev, ioas, tracking, hwpt), 0);
  ASSERT_EQ(s.mock_domain(hwpt, &other), 0);
  EXPECT_EQ(s.mock_domain_flags(hwpt, no_dirty), -EINVAL);
  EXPECT_EQ(s.destroy(other.stdev), 0);
  EXPECT_EQ(s.destroy(hwpt), 0);

  ASSERT_EQ(s.mock_domain_flags(s.ioas_alloc(), no_dirty, &other), 0);
  EXPECT_EQ(s.hwpt_alloc(other.idev, ioas, tracking, hwpt), -EOPNOTSUPP);
  EXPECT_EQ(s.destroy(other.stdev), 0);
  EXPECT_EQ(s.mock_domain_flags(ioas, 4), -EINVAL);
}

TEST_P(iommufd_selftest_dirty, set_dirty_tracking) {
  uint32_t hwpt = 0;
  mock_ids other;
  ASSERT_EQ(s.hwpt_alloc(mock.idev, ioas, uapi::iommu_hwpt_alloc_dirty_tracking, hwpt), 0);
  ASSERT_EQ(s.mock_domain(hwpt, &other), 0);
  ASSERT_EQ(s.set_dirty_tracking(hwpt, true), 0);
  ASSERT_EQ(s.set_dirty_tracking(hwpt, false), 0);
  EXPECT_EQ(s.set_dirty_tracking(mock.hwpt, true), -EOPNOTSUPP);
  EXPECT_EQ(s.destroy(other.stdev), 0);
  EXPECT_EQ(s.destroy(hwpt), 0);
}

TEST_P(iommufd_selftest_dirty, device_dirty_capability) {
  uint32_t hwpt = 0;
  mock_ids other;
  ASSERT_EQ(s.hwpt_alloc(mock.idev, ioas, 0, hwpt), 0);
  ASSERT_EQ(s.mock_domain(hwpt, &other), 0);
  uapi::iommu_hw_info cmd{sizeof(cmd), 0, mock.idev};
  ASSERT_EQ(s.ioctl(uapi::iommu_get_hw_info_request, cmd), 0);
  EXPECT_EQ(cmd.out_capabilities & uapi::iommu_hw_cap_dirty_tracking,
            uapi::iommu_hw_cap_dirty_tracking);
  EXPECT_EQ(s.destroy(other.stdev), 0);
  EXPECT_EQ(s.destroy(hwpt), 0);
}

TEST_P(iommufd_selftest_dirty, get_dirty_bitmap) {
  check_dirty_bitmap(0);
}

TEST_P(iommufd_selftest_dirty, get_dirty_bitmap_no_clear) {
  check_dirty_bitmap(uapi::iommu_hwpt_get_dirty_bitmap_no_clear);
}

/// What becomes written before tracking is on does not count, nor what lies beyond the range.
TEST_P(iommufd_selftest_dirty, get_dirty_bitmap_of_a_part) {
  uint32_t hwpt = 0;
  const uint64_t size = GetParam().buffer_size;
  ASSERT_EQ(s.hwpt_alloc(mock.idev, ioas, uapi::iommu_hwpt_alloc_dirty_tracking, hwpt), 0);
  ASSERT_EQ(s.map_fixed(ioas, dirty_buffer, size, aperture), 0);
  EXPECT_EQ(s.make_dirty(hwpt, aperture, size, half_page, bitmap_va), -EINVAL);
  ASSERT_EQ(s.set_dirty_tracking(hwpt, true), 0);
  std::fill(bitmap.begin(), bitmap.end(), std::byte{0xff});
  ASSERT_EQ(s.make_dirty(hwpt, aperture, size, half_page, bitmap_va), static_cast<int64_t>(nbits));
  ASSERT_EQ(s.set_dirty_tracking(hwpt, false), 0);
  ASSERT_EQ(s.set_dirty_tracking(hwpt, true), 0);
  clear();
  ASSERT_EQ(get(hwpt, 0, 0), 0);
  EXPECT_FALSE(bit(0, 0));

  const uint64_t step = GetParam().hugepages ? mock_huge_page : half_page;
  bitmap[0] = std::byte{1};
  ASSERT_EQ(s.make_dirty(hwpt, aperture + step, step, half_page, bitmap_va), 1);
  clear();
  ASSERT_EQ(s.get_dirty_bitmap(hwpt, aperture, step, half_page, bitmap_va, 0), 0);
  EXPECT_FALSE(bit(0, 0));
  ASSERT_EQ(s.get_dirty_bitmap(hwpt, aperture, 2 * step, step, bitmap_va, 0), 0);
  EXPECT_FALSE(bit(0, 0));
  EXPECT_TRUE(bit(0, 1));
  EXPECT_FALSE(bit(0, 2));
  EXPECT_EQ(s.get_dirty_bitmap(hwpt, aperture, 0, half_page, bitmap_va, 0), -EINVAL);
  EXPECT_EQ(s.get_dirty_bitmap(hwpt, aperture, step, 0, bitmap_va, 0), -EINVAL);
  EXPECT_EQ(s.get_dirty_bitmap(hwpt, aperture + 1, step, half_page, bitmap_va, 0), -EINVAL);
  EXPECT_EQ(s.get_dirty_bitmap(mock.hwpt, aperture, step, half_page, bitmap_va, 0), -EOPNOTSUPP);
}

}  // namespace
}  // namespace iommulab::v6_12::iommufd_selftest_cases
