// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel's cases for an iommufd and its I/O address spaces: fixtures iommufd and iommufd_ioas
// of tools/testing/selftests/iommu/iommufd.c of 6.12, by their names.
#include <bit>
#include <cstring>
#include <numeric>

#include "iommufd_system.h"
#include "selftest_system.h"
#include "support/long_run.h"
#include "vfio/module_options.h"

namespace iommulab::v6_12::iommufd_selftest_cases {
namespace {

struct iommufd_selftest_fd : testing::Test {
  iommufd_selftest_fd() { s.open(); }
  selftest_system s;
};

TEST_F(iommufd_selftest_fd, simple_close) {}

TEST_F(iommufd_selftest_fd, cmd_fail) {
  EXPECT_EQ(s.destroy(0), -ENOENT);
  EXPECT_EQ(s.request(s.current, uapi::iommu_destroy_request, 0), -EFAULT);
  uapi::iommu_destroy cmd{sizeof(cmd), 0};
  EXPECT_EQ(s.ioctl(uapi::request(uapi::iommufd_base - 1), cmd), -ENOTTY);
  for (uint32_t nr = 15; nr < 32; ++nr) {
    EXPECT_EQ(s.ioctl(uapi::request(uapi::iommufd_base + nr), cmd), -ENOTTY);
  }
  EXPECT_EQ(s.ioctl(uapi::request(uapi::iommufd_base + 33), cmd), -ENOTTY);
}

template <typename T>
void check_length(selftest_system& s, uint32_t request, size_t min_size) {
  struct longer {
    T cmd;
    uint8_t extra = UINT8_MAX;
  } cmd;
  cmd.cmd.size = static_cast<uint32_t>(min_size - 1);
  EXPECT_EQ(s.ioctl(request, cmd), -EINVAL);
  cmd.cmd.size = sizeof(T) + 1;
  EXPECT_EQ(s.ioctl(request, cmd), -E2BIG);
  cmd.cmd.size = sizeof(T);
  const int64_t ret = s.ioctl(request, cmd);
  cmd.cmd.size = sizeof(T) + 1;
  cmd.extra = 0;
  EXPECT_EQ(s.ioctl(request, cmd), ret);
}
#define CHECK_LENGTH(type, request, last)              \
  check_length<uapi::type>(s, uapi::request##_request, \
                           offsetof(uapi::type, last) + sizeof(uapi::type{}.last))

TEST_F(iommufd_selftest_fd, cmd_length) {
  CHECK_LENGTH(iommu_destroy, iommu_destroy, id);
  CHECK_LENGTH(iommu_hw_info, iommu_get_hw_info, reserved);
  CHECK_LENGTH(iommu_hwpt_alloc, iommu_hwpt_alloc, reserved);
  CHECK_LENGTH(iommu_hwpt_invalidate, iommu_hwpt_invalidate, reserved);
  CHECK_LENGTH(iommu_ioas_alloc, iommu_ioas_alloc, out_ioas_id);
  CHECK_LENGTH(iommu_ioas_iova_ranges, iommu_ioas_iova_ranges, out_iova_alignment);
  CHECK_LENGTH(iommu_ioas_allow_iovas, iommu_ioas_allow_iovas, allowed_iovas);
  CHECK_LENGTH(iommu_ioas_map, iommu_ioas_map, iova);
  CHECK_LENGTH(iommu_ioas_copy, iommu_ioas_copy, src_iova);
  CHECK_LENGTH(iommu_ioas_unmap, iommu_ioas_unmap, length);
  CHECK_LENGTH(iommu_option, iommu_option, val64);
  CHECK_LENGTH(iommu_vfio_ioas, iommu_vfio_ioas, reserved);
}
#undef CHECK_LENGTH

TEST_F(iommufd_selftest_fd, cmd_ex_fail) {
  struct longer {
    uapi::iommu_destroy cmd{sizeof(longer), 0};
    uint64_t future = 0;
  } cmd;
  EXPECT_EQ(s.ioctl(uapi::iommu_destroy_request, cmd), -ENOENT);
  cmd.future = 1;
  EXPECT_EQ(s.ioctl(uapi::iommu_destroy_request, cmd), -E2BIG);
  cmd.cmd.size = sizeof(cmd.cmd);
  EXPECT_EQ(s.ioctl(uapi::iommu_destroy_request, cmd), -ENOENT);
  cmd.cmd.size = sizeof(cmd.cmd) - 1;
  EXPECT_EQ(s.ioctl(uapi::iommu_destroy_request, cmd), -EINVAL);
}

TEST_F(iommufd_selftest_fd, global_options) {
  constexpr uint32_t mode = uapi::iommu_option_rlimit_mode;
  uint64_t value = 1;
  ASSERT_EQ(s.option(uapi::iommu_option_op_get, mode, 0, value), 0);
  EXPECT_EQ(value, 0u);
  ASSERT_EQ(s.set_option(mode, 0, 1), 0);
  EXPECT_EQ(s.set_option(mode, 0, 2), -EINVAL);
  ASSERT_EQ(s.option(uapi::iommu_option_op_get, mode, 0, value), 0);
  EXPECT_EQ(value, 1u);
  ASSERT_EQ(s.set_option(mode, 0, 0), 0);
  EXPECT_EQ(s.option(uapi::iommu_option_op_get, uapi::iommu_option_huge_pages, 0, value), -ENOENT);
  EXPECT_EQ(s.set_option(uapi::iommu_option_huge_pages, 0, 0), -ENOENT);
}

TEST(iommufd_selftest_option, is_off_unless_asked_for) {
  selftest_system s(uint64_t{8} << 20, false);
  s.open();
  EXPECT_EQ(s.mock_domain(s.ioas_alloc()), -ENOTTY);
  EXPECT_FALSE(vfio_module_options().iommufd_test);
}

TEST(iommufd_selftest_option, gives_no_iommu_where_there_is_a_real_one) {
  iommufd_test::iommufd_system s;
  iommufd_exit(s.module);
  s.module.has_selftest = true;
  EXPECT_EQ(iommufd_init(s.module), 0);
  s.driver.foreign.insert("iommufd_mock0");
  const int fd = s.open();
  iommu_test_cmd cmd = selftest_system::command(iommu_test_op::mock_domain, s.ioas(fd));
  cmd.size = sizeof(cmd);
  EXPECT_EQ(s.ioctl(fd, uapi::iommu_test_request, cmd), -EINVAL);
}

// ---- iommufd_ioas

struct ioas_variant {
  const char* name;
  unsigned mock_domains;
  uint32_t memory_limit;
};
std::ostream& operator<<(std::ostream& out, const ioas_variant& v) {
  return out << v.name;
}

struct iommufd_selftest_ioas : testing::TestWithParam<ioas_variant> {
  iommufd_selftest_ioas() {
    s.open();
    ioas = s.ioas_alloc();
    if (GetParam().memory_limit != 0) {
      EXPECT_EQ(s.set_memory_limit(GetParam().memory_limit), 0);
    }
    for (unsigned i = 0; i != GetParam().mock_domains; ++i) {
      EXPECT_EQ(s.mock_domain(ioas, &mock), 0);
      base_iova = aperture;
    }
  }
  [[nodiscard]] bool has_domain() const { return mock.stdev != 0; }
  int64_t map_fixed(uint64_t va, uint64_t length, uint64_t iova) {
    return s.map_fixed(ioas, va, length, iova);
  }
  uint64_t map(uint64_t va, uint64_t length) {
    uint64_t iova = 0;
    EXPECT_EQ(s.map(ioas, va, length, iova), 0);
    return iova;
  }
  int64_t unmap(uint64_t iova, uint64_t length) { return s.unmap(ioas, iova, length); }

  /// Bytes go through the access at places around a page's end, and all of the buffer's.
  void check_access_rw(int64_t access, uint64_t iova, uint32_t flags) {
    std::vector<std::byte> content(buffer_size);
    for (std::byte& b : content) b = next_byte();
    ASSERT_EQ(s.current.mm->copy_to_user(buffer, content), 0u);
    const uint64_t step = is_long_run() ? 1 : 7;
    for (uint64_t at = page_size - 50; at < page_size + 50; at += step) {
      for (uint64_t length = 1; length < 64; length += step) {
        std::vector<std::byte> tmp(length);
        ASSERT_EQ(s.access_rw(access, iova + at, absl::MakeSpan(tmp), flags), 0);
        ASSERT_EQ(std::memcmp(tmp.data(), content.data() + at, length), 0);
        for (std::byte& b : tmp) b = next_byte();
        std::copy(tmp.begin(), tmp.end(), content.begin() + static_cast<int64_t>(at));
        ASSERT_EQ(
            s.access_rw(access, iova + at, absl::MakeSpan(tmp), flags | uapi::mock_access_rw_write),
            0);
        ASSERT_EQ(s.current.mm->copy_from_user(absl::MakeSpan(tmp), buffer + at), 0u);
        ASSERT_EQ(std::memcmp(tmp.data(), content.data() + at, length), 0);
      }
    }
    std::vector<std::byte> all(buffer_size);
    ASSERT_EQ(s.access_rw(access, iova, absl::MakeSpan(all), flags), 0);
    ASSERT_EQ(all, content);
  }
  std::byte next_byte() {
    random = random * 6364136223846793005 + 1442695040888963407;
    return static_cast<std::byte>(random >> 56);
  }

  selftest_system s;
  uint32_t ioas = 0;
  mock_ids mock;
  uint64_t base_iova = 0;
  uint64_t random = 1;
};

INSTANTIATE_TEST_SUITE_P(all, iommufd_selftest_ioas,
                         testing::Values(ioas_variant{"no_domain", 0, 0},
                                         ioas_variant{"mock_domain", 1, 0},
                                         ioas_variant{"two_mock_domain", 2, 0},
                                         ioas_variant{"mock_domain_limit", 1, 16}),
                         [](const auto& each) { return each.param.name; });

TEST_P(iommufd_selftest_ioas, ioas_auto_destroy) {}

TEST_P(iommufd_selftest_ioas, ioas_destroy) {
  EXPECT_EQ(s.destroy(ioas), has_domain() ? -EBUSY : 0);
}

TEST_P(iommufd_selftest_ioas, hwpt_attach) {
  EXPECT_EQ(s.mock_domain(mock.hwpt), has_domain() ? 0 : -ENOENT);
}

TEST_P(iommufd_selftest_ioas, ioas_area_destroy) {
  ASSERT_EQ(map_fixed(buffer, page_size, base_iova), 0);
  EXPECT_EQ(s.destroy(ioas), has_domain() ? -EBUSY : 0);
}

TEST_P(iommufd_selftest_ioas, ioas_area_auto_destroy) {
  for (uint64_t i = 0; i != 10; ++i) {
    ASSERT_EQ(map_fixed(buffer, page_size, base_iova + i * page_size), 0);
  }
}

TEST_P(iommufd_selftest_ioas, get_hw_info) {
  struct larger {
    uapi::iommu_test_hw_info info{7, 7};
    uint64_t trailing = UINT64_MAX;
  };
  for (const uint32_t size : {0u, 4u, 8u, 16u}) {
    larger answer;
    const user_bytes bytes(*s.current.mm, data_va, bytes_of(answer));
    uapi::iommu_hw_info cmd{sizeof(cmd), 0, mock.idev, size, size == 0 ? 0 : data_va};
    ASSERT_EQ(s.ioctl(uapi::iommu_get_hw_info_request, cmd), has_domain() ? 0 : -ENOENT);
    if (!has_domain()) continue;
    EXPECT_EQ(cmd.out_data_type, uapi::iommu_hw_info_type_selftest);
    EXPECT_EQ(cmd.data_len, sizeof(uapi::iommu_test_hw_info));
    EXPECT_EQ(answer.info.flags, size >= 4 ? 0u : 7u);
    EXPECT_EQ(answer.info.test_reg, size >= 8 ? uapi::iommu_hw_info_selftest_regval : 7u);
    EXPECT_EQ(answer.trailing, size >= 16 ? 0 : UINT64_MAX);
    EXPECT_EQ(cmd.out_max_pasid_log2, 0);
  }
}

TEST_P(iommufd_selftest_ioas, area) {
  for (uint64_t i = 0; i != 10; ++i) EXPECT_EQ(unmap(i * page_size, page_size), -ENOENT);
  for (uint64_t i = 0; i != 10; ++i) {
    ASSERT_EQ(map_fixed(buffer, page_size, base_iova + i * page_size), 0);
  }
  for (uint64_t i = 0; i != 10; ++i) ASSERT_EQ(unmap(base_iova + i * page_size, page_size), 0);
  const uint64_t at = base_iova + 16 * page_size;
  ASSERT_EQ(map_fixed(buffer, 2 * page_size, at), 0);
  EXPECT_EQ(unmap(at, page_size), -ENOENT);
  EXPECT_EQ(unmap(at + page_size, page_size), -ENOENT);
  EXPECT_EQ(map_fixed(buffer, 2 * page_size, at), -EEXIST);
  EXPECT_EQ(map_fixed(buffer, page_size, at), -EEXIST);
  EXPECT_EQ(map_fixed(buffer, page_size, at + page_size), -EEXIST);
  EXPECT_EQ(map_fixed(buffer, 2 * page_size, at - page_size), -EEXIST);
  EXPECT_EQ(map_fixed(buffer, 3 * page_size, at - page_size), -EEXIST);
  EXPECT_EQ(unmap(0, UINT64_MAX), 0);
  EXPECT_EQ(unmap(0, UINT64_MAX), 0);
}

TEST_P(iommufd_selftest_ioas, unmap_fully_contained_areas) {
  const uint64_t base = base_iova + 4 * page_size;
  for (uint64_t i = 0; i != 4; ++i) {
    ASSERT_EQ(map_fixed(buffer, 8 * page_size, base + i * 16 * page_size), 0);
  }
  EXPECT_EQ(unmap(base - 4 * page_size, 8 * page_size), -ENOENT);
  EXPECT_EQ(unmap(base + (3 * 16 + 8 - 4) * page_size, 8 * page_size), -ENOENT);
  uint64_t unmapped = 0;
  EXPECT_EQ(s.unmap(ioas, base - 4 * page_size, (3 * 16 + 8 + 4) * page_size, &unmapped), 0);
  EXPECT_EQ(unmapped, 32 * page_size);
}

/// Ten maps of one to ten pages, each aligned as its length is; then they are unmapped.
template <typename Check>
void map_ten(iommufd_selftest_ioas& t, uint64_t va, Check check) {
  std::array<uint64_t, 10> iovas{};
  for (uint64_t i = 0; i != 10; ++i) {
    const uint64_t length = page_size * (i + 1);
    iovas[i] = t.map(va, length);
    EXPECT_EQ(iovas[i] % (uint64_t{1} << std::countr_zero(length)), 0u);
    check(iovas[i], length);
  }
  for (uint64_t i = 0; i != 10; ++i) EXPECT_EQ(t.unmap(iovas[i], page_size * (i + 1)), 0);
}

TEST_P(iommufd_selftest_ioas, area_auto_iova) {
  std::array<uint64_t, 10> iovas{};
  for (uint64_t& iova : iovas) iova = map(buffer, page_size);
  for (const uint64_t iova : iovas) EXPECT_EQ(unmap(iova, page_size), 0);
  map_ten(*this, has_domain() ? buffer : uint64_t{1} << 31, [](uint64_t, uint64_t) {});

  const uint64_t start = 4 * page_size;
  const uint64_t end = start + 100 * page_size;
  ASSERT_EQ(s.add_reserved(ioas, start, end - start), 0);
  map_ten(*this, buffer, [&](uint64_t iova, uint64_t length) {
    EXPECT_TRUE(iova >= end || iova + length <= start) << iova;
  });

  EXPECT_EQ(s.allow_iovas(ioas, {{page_size, 600 * page_size}}), -EADDRINUSE);
  const uapi::iommu_iova_range range =
      has_domain() ? uapi::iommu_iova_range{aperture + page_size, aperture + 600 * page_size - 1}
                   : uapi::iommu_iova_range{200 * page_size, 600 * page_size - 1};
  ASSERT_EQ(s.allow_iovas(ioas, {range}), 0);
  map_ten(*this, buffer, [&](uint64_t iova, uint64_t length) {
    EXPECT_GE(iova, range.start);
    EXPECT_LE(iova + length, range.last + 1);
  });
}

TEST_P(iommufd_selftest_ioas, area_allowed) {
  const uapi::iommu_iova_range range{base_iova, base_iova + 600 * page_size};
  ASSERT_EQ(s.allow_iovas(ioas, {range}), 0);
  EXPECT_EQ(s.add_reserved(ioas, base_iova + page_size, page_size), -EADDRINUSE);
  ASSERT_EQ(s.allow_iovas(ioas, {}), 0);
  ASSERT_EQ(s.add_reserved(ioas, base_iova + page_size, page_size), 0);
  EXPECT_EQ(s.allow_iovas(ioas, {range}), -EADDRINUSE);
}

TEST_P(iommufd_selftest_ioas, copy_area) {
  ASSERT_EQ(map_fixed(buffer, page_size, base_iova), 0);
  EXPECT_EQ(s.copy_fixed(ioas, base_iova + page_size, ioas, base_iova, page_size), 0);
  EXPECT_EQ(s.copy_fixed(s.ioas_alloc(), 0, ioas, base_iova, page_size), 0);
}

TEST_P(iommufd_selftest_ioas, iova_ranges) {
  std::array<uapi::iommu_iova_range, 8> ranges;
  const uapi::iommu_iova_range all =
      has_domain() ? uapi::iommu_iova_range{aperture, uapi::mock_aperture_last}
                   : uapi::iommu_iova_range{0, UINT64_MAX};
  uint64_t alignment = 0;
  uint32_t count = 8;
  ASSERT_EQ(s.iova_ranges(ioas, ranges, count, alignment), 0);
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(ranges[0].start, all.start);
  EXPECT_EQ(ranges[0].last, all.last);
  EXPECT_EQ(alignment, has_domain() ? half_page : 1);

  count = 0;
  EXPECT_EQ(s.iova_ranges(ioas, ranges, count, alignment), -EMSGSIZE);
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(ranges[0].last, 0u);

  ASSERT_EQ(s.add_reserved(ioas, page_size, page_size), 0);
  count = 8;
  ASSERT_EQ(s.iova_ranges(ioas, ranges, count, alignment), 0);
  EXPECT_EQ(count, has_domain() ? 1u : 2u);
  EXPECT_EQ(ranges[0].last, has_domain() ? all.last : page_size - 1);
  if (!has_domain()) {
    EXPECT_EQ(ranges[1].start, 2 * page_size);
    EXPECT_EQ(ranges[1].last, UINT64_MAX);
  }

  count = 1;
  EXPECT_EQ(s.iova_ranges(ioas, ranges, count, alignment), has_domain() ? 0 : -EMSGSIZE);
  EXPECT_EQ(count, has_domain() ? 1u : 2u);
  EXPECT_EQ(ranges[0].start, all.start);
  EXPECT_EQ(ranges[1].last, 0u);
}

TEST_P(iommufd_selftest_ioas, access_domain_destroy) {
  const uint64_t buf = buffer + (uint64_t{1} << 30);
  s.give_huge_pages(buf, 2);
  ASSERT_EQ(map_fixed(buf, 2 * huge_page_size, base_iova), 0);
  const int64_t access = s.create_access(ioas, true);
  const int64_t item = s.access_pages(access, base_iova + page_size, page_size, buf + page_size);
  ASSERT_GE(item, 0);
  // What the access has stays pinned, in the middle of a run.
  if (has_domain()) {
    ASSERT_EQ(s.destroy(mock.stdev), 0);
  }
  ASSERT_EQ(s.destroy_access_pages(access, item), 0);
  ASSERT_EQ(s.destroy_access(access), 0);
  s.take_memory(buf, 2 * huge_page_size);
}

TEST_P(iommufd_selftest_ioas, access_pin) {
  const int64_t access = s.create_access(ioas, true);
  for (uint64_t npages = 1; npages < buffer_size / page_size; ++npages) {
    const uint64_t length = npages * page_size;
    const auto pin = [&] { return s.access_pages(access, aperture, length, buffer); };
    ASSERT_EQ(map_fixed(buffer, buffer_size, aperture), 0);
    int64_t one = pin();
    ASSERT_GE(one, 0);
    ASSERT_EQ(s.destroy_access_pages(access, one), 0);

    one = pin();
    const int64_t two = pin();
    ASSERT_GE(two, 0);
    ASSERT_EQ(s.destroy_access_pages(access, two), 0);
    ASSERT_EQ(s.destroy_access_pages(access, one), 0);

    one = pin();
    mock_ids other;
    ASSERT_EQ(s.mock_domain(ioas, &other), 0);
    ASSERT_EQ(s.check_map(other.hwpt, buffer, aperture, buffer_size), 0);
    ASSERT_EQ(s.destroy(other.stdev), 0);
    ASSERT_EQ(s.destroy_access_pages(access, one), 0);
    ASSERT_EQ(unmap(aperture, buffer_size), 0);
  }
  EXPECT_EQ(s.destroy_access(access), 0);
}

TEST_P(iommufd_selftest_ioas, access_pin_unmap) {
  const int64_t access = s.create_access(ioas, true);
  ASSERT_EQ(map_fixed(buffer, buffer_size, aperture), 0);
  const int64_t item = s.access_pages(access, aperture, buffer_size, buffer);
  ASSERT_GE(item, 0);
  ASSERT_EQ(unmap(aperture, buffer_size), 0);
  EXPECT_EQ(s.destroy_access_pages(access, item), -ENOENT);
}

TEST_P(iommufd_selftest_ioas, access_rw) {
  const int64_t access = s.create_access(ioas, false);
  const uint64_t iova = map(buffer, buffer_size);
  check_access_rw(access, iova, 0);
  check_access_rw(access, iova, uapi::mock_access_rw_slow_path);
  EXPECT_EQ(unmap(iova, buffer_size), 0);
  EXPECT_EQ(s.destroy_access(access), 0);
}

TEST_P(iommufd_selftest_ioas, access_rw_unaligned) {
  const int64_t access = s.create_access(ioas, false);
  const uint64_t iova = base_iova + half_page;
  ASSERT_EQ(map_fixed(buffer, buffer_size, iova), 0);
  check_access_rw(access, iova, 0);
  EXPECT_EQ(unmap(iova, buffer_size), 0);
  EXPECT_EQ(s.destroy_access(access), 0);
}

/// fork(): another process that shares the buffer, and maps it.
void child_that_maps(iommufd_selftest_ioas& t, task_struct& child) {
  selftest_system& s = t.s;
  child.mm = std::make_shared<mm_struct>(s.users);
  child.user = s.current.user;
  std::vector<phys_addr> pages;
  for (uint64_t at = 0; at < buffer_size; at += page_size) {
    pages.push_back(*s.current.mm->translate(buffer + at));
    s.users.get(pages.back());
  }
  EXPECT_EQ(child.mm->map_pages(buffer, pages, true), 0);
  uapi::iommu_ioas_map cmd{
      sizeof(cmd), map_rw | uapi::iommu_ioas_map_fixed_iova, t.ioas, 0, buffer, buffer_size,
      aperture};
  EXPECT_EQ(s.ioctl(child, uapi::iommu_ioas_map_request, cmd), 0);
}

TEST_P(iommufd_selftest_ioas, fork_gone) {
  const int64_t access = s.create_access(ioas, false);
  task_struct child;
  child_that_maps(*this, child);
  child.mm->exit();
  if (has_domain()) {
    // All was pinned in the child, and goes from one domain to the other.
    ASSERT_EQ(s.mock_domain(ioas), 0);
    check_access_rw(access, aperture, 0);
  } else {
    EXPECT_EQ(s.mock_domain(ioas), -EFAULT);
  }
  EXPECT_EQ(s.destroy_access(access), 0);
  s.current.files.exit_files();
  EXPECT_EQ(child.mm->pinned_vm, 0u);
}

TEST_P(iommufd_selftest_ioas, fork_present) {
  const int64_t access = s.create_access(ioas, false);
  task_struct child;
  child_that_maps(*this, child);
  ASSERT_EQ(s.mock_domain(ioas), 0);
  check_access_rw(access, aperture, 0);
  child.mm->exit();
  EXPECT_EQ(s.destroy_access(access), 0);
  s.current.files.exit_files();
  EXPECT_EQ(child.mm->pinned_vm, 0u);
}

TEST_P(iommufd_selftest_ioas, ioas_option_huge_pages) {
  constexpr uint32_t huge = uapi::iommu_option_huge_pages;
  uint64_t value = 3;
  ASSERT_EQ(s.option(uapi::iommu_option_op_get, huge, ioas, value), 0);
  EXPECT_EQ(value, 1u);
  ASSERT_EQ(s.set_option(huge, ioas, 0), 0);
  value = 3;
  ASSERT_EQ(s.option(uapi::iommu_option_op_get, huge, ioas, value), 0);
  EXPECT_EQ(value, 0u);
  EXPECT_EQ(s.set_option(huge, ioas, 2), -EINVAL);
  EXPECT_EQ(s.set_option(huge, ioas, 1), 0);
}

TEST_P(iommufd_selftest_ioas, ioas_iova_alloc) {
  const uint64_t step = is_long_run() ? 1 : 31;
  for (uint64_t length = 1; length <= 2 * page_size - 1; length += step) {
    for (const uint64_t size : {length, (length + half_page - 1) & ~(half_page - 1)}) {
      uint64_t iova = 0;
      if (has_domain() && size % half_page != 0) {
        ASSERT_EQ(s.map(ioas, buffer, size, iova), -EINVAL);
      } else {
        ASSERT_EQ(s.map(ioas, buffer, size, iova), 0);
        ASSERT_EQ(unmap(iova, size), 0);
      }
    }
  }
}

TEST_P(iommufd_selftest_ioas, ioas_align_change) {
  if (has_domain()) return;
  constexpr uint32_t huge = uapi::iommu_option_huge_pages;
  ASSERT_EQ(map_fixed(buffer, page_size, aperture), 0);
  ASSERT_EQ(s.set_option(huge, ioas, 0), 0);
  EXPECT_EQ(map_fixed(buffer + half_page, page_size, aperture + page_size), -EINVAL);
  ASSERT_EQ(s.set_option(huge, ioas, 0), 0);
  ASSERT_EQ(s.set_option(huge, ioas, 1), 0);
  ASSERT_EQ(map_fixed(buffer + half_page, page_size, aperture + page_size), 0);
  EXPECT_EQ(s.set_option(huge, ioas, 0), -EADDRINUSE);
  EXPECT_EQ(unmap(aperture + page_size, page_size), 0);
  EXPECT_EQ(unmap(aperture, page_size), 0);
}

TEST_P(iommufd_selftest_ioas, copy_sweep) {
  const uint32_t dst = s.ioas_alloc();
  const uint64_t last_iova = aperture + buffer_size - (has_domain() ? 1 : 2);
  ASSERT_EQ(map_fixed(buffer, last_iova - aperture + 1, aperture), 0);
  for (uint64_t iova = aperture - page_size; iova <= last_iova; iova += 511) {
    const bool is_there = iova >= aperture && iova + half_page - 1 <= last_iova;
    ASSERT_EQ(s.copy_fixed(dst, aperture, ioas, iova, half_page), is_there ? 0 : -ENOENT);
    if (is_there) {
      ASSERT_EQ(s.unmap(dst, aperture, half_page), 0);
    }
  }
  EXPECT_EQ(s.destroy(dst), 0);
}

}  // namespace
}  // namespace iommulab::v6_12::iommufd_selftest_cases
