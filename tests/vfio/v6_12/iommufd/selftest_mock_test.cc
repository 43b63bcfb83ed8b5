// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel's cases for mock domains, page tables nested in them, and VFIO's container in an
// iommufd: fixtures iommufd_mock_domain, iommufd_ioas (alloc_hwpt_nested), iommufd's VFIO cases and
// vfio_compat_mock_domain of tools/testing/selftests/iommu/iommufd.c of 6.12, by their names.
#include <cstring>
#include <numeric>
#include <random>

#include "selftest_system.h"

namespace iommulab::v6_12::iommufd_selftest_cases {
namespace {

struct mock_variant {
  const char* name;
  size_t mock_domains;
  bool hugepages;
};
std::ostream& operator<<(std::ostream& out, const mock_variant& v) {
  return out << v.name;
}

constexpr uint64_t other_buffer = buffer + (uint64_t{1} << 30);

struct iommufd_selftest_mock : testing::TestWithParam<mock_variant> {
  iommufd_selftest_mock() {
    s.open();
    ioas = s.ioas_alloc();
    for (size_t i = 0; i != GetParam().mock_domains; ++i) {
      EXPECT_EQ(s.mock_domain(ioas, &mocks[i]), 0);
    }
    buf_size = GetParam().hugepages ? 2 * huge_page_size : 8 * page_size;
  }
  void give_buffer() {
    if (GetParam().hugepages) {
      s.give_huge_pages(other_buffer, 2);
    } else {
      s.give_pages(other_buffer, buf_size);
    }
  }
  void check_mock_iova(uint64_t va, uint64_t iova, uint64_t length) {
    for (const mock_ids& mock : mocks) {
      if (mock.hwpt == 0) continue;
      ASSERT_EQ(s.check_map(mock.hwpt, va, iova, length), 0) << mock.hwpt;
    }
  }
  uint64_t map(uint64_t va, uint64_t length) {
    uint64_t iova = 0;
    EXPECT_EQ(s.map(ioas, va, length, iova), 0) << va << " " << length;
    return iova;
  }
  /// Maps every part of the buffer that begins and ends at a half page, or less of them where it is
  /// long.
  template <typename Check>
  void all_aligns(Check check) {
    give_buffer();
    ASSERT_EQ(s.check_refs(other_buffer, buf_size, 0), 0);
    const uint64_t step = GetParam().hugepages ? buf_size / 16 : half_page;
    for (uint64_t start = 0; start < buf_size; start += step) {
      uint64_t end = GetParam().hugepages ? buf_size : start + half_page;
      for (; end <= buf_size; end += half_page) {
        const uint64_t iova = map(other_buffer + start, end - start);
        check(start, end, iova);
        if (HasFatalFailure()) return;
        ASSERT_EQ(s.unmap(ioas, iova, end - start), 0);
      }
    }
    ASSERT_EQ(s.check_refs(other_buffer, buf_size, 0), 0);
    s.take_memory(other_buffer, buf_size);
  }
  void check_part(uint64_t start, uint64_t end, uint64_t iova) {
    check_mock_iova(other_buffer + start, iova, end - start);
    const uint64_t first = start & page_mask;
    ASSERT_EQ(s.check_refs(other_buffer + first, (end & page_mask) - first, 1), 0);
  }

  selftest_system s;
  uint32_t ioas = 0;
  std::array<mock_ids, 3> mocks;
  uint64_t buf_size = 0;
};

INSTANTIATE_TEST_SUITE_P(all, iommufd_selftest_mock,
                         testing::Values(mock_variant{"one_domain", 1, false},
                                         mock_variant{"two_domains", 2, false},
                                         mock_variant{"one_domain_hugepage", 1, true},
                                         mock_variant{"two_domains_hugepage", 2, true}),
                         [](const auto& each) { return each.param.name; });

TEST_P(iommufd_selftest_mock, basic) {
  check_mock_iova(buffer, map(buffer, page_size), page_size);
  give_buffer();
  uint64_t iova = 0;
  s.take_memory(other_buffer + buf_size / 2, buf_size / 2);
  EXPECT_EQ(s.map(ioas, other_buffer, buf_size, iova), -EFAULT);
  s.take_memory(other_buffer, buf_size / 2);
  EXPECT_EQ(s.map(ioas, other_buffer, buf_size, iova), -EFAULT);
  EXPECT_EQ(s.users.pins(), 1u);
}

TEST_P(iommufd_selftest_mock, ro_unshare) {
  s.current.mm->zero_page = *s.users.alloc();
  s.users.get(s.current.mm->zero_page);
  ASSERT_EQ(s.current.mm->map_pages(other_buffer, {s.current.mm->zero_page}, true), 0);
  // A page that is only read is the process's own from then on.
  uint64_t iova = 0;
  ASSERT_EQ(s.map(ioas, other_buffer, page_size, iova, uapi::iommu_ioas_map_readable), 0);
  check_mock_iova(other_buffer, iova, page_size);
  const std::array<std::byte, 16> ones{std::byte{1}};
  ASSERT_EQ(s.current.mm->copy_to_user(other_buffer, ones), 0u);
  check_mock_iova(other_buffer, iova, page_size);
  EXPECT_NE(s.current.mm->translate(other_buffer), s.current.mm->zero_page);
  s.take_memory(other_buffer, page_size);
}

TEST_P(iommufd_selftest_mock, all_aligns) {
  all_aligns([&](uint64_t start, uint64_t end, uint64_t iova) { check_part(start, end, iova); });
}

TEST_P(iommufd_selftest_mock, all_aligns_copy) {
  all_aligns([&](uint64_t start, uint64_t end, uint64_t iova) {
    ASSERT_EQ(s.mock_domain(ioas, &mocks[2]), 0);
    check_part(start, end, iova);
    ASSERT_EQ(s.destroy(mocks[2].stdev), 0);
    mocks[2] = {};
  });
}

TEST_P(iommufd_selftest_mock, user_copy) {
  const uint32_t old_ioas = s.ioas_alloc();
  uint64_t src = 0;
  ASSERT_EQ(s.map(old_ioas, buffer, buffer_size, src), 0);
  const int64_t access = s.create_access(old_ioas, true);
  ASSERT_GE(s.access_pages(access, src, buffer_size, buffer), 0);
  ASSERT_EQ(s.copy_fixed(ioas, aperture, old_ioas, src, buffer_size), 0);
  check_mock_iova(buffer, aperture, buffer_size);

  const uint32_t new_ioas = s.ioas_alloc();
  ASSERT_EQ(s.map(new_ioas, buffer, buffer_size, src), 0);
  ASSERT_EQ(s.access_replace_ioas(access, new_ioas), 0);
  ASSERT_EQ(s.unmap(ioas, aperture, buffer_size), 0);
  ASSERT_EQ(s.destroy(old_ioas), 0);

  const int64_t item = s.access_pages(access, src, buffer_size, buffer);
  ASSERT_GE(item, 0);
  ASSERT_EQ(s.copy_fixed(ioas, aperture, new_ioas, src, buffer_size), 0);
  check_mock_iova(buffer, aperture, buffer_size);
  EXPECT_EQ(s.destroy_access_pages(access, item), 0);
  EXPECT_EQ(s.destroy_access(access), 0);
  EXPECT_EQ(s.destroy(new_ioas), 0);
}

TEST_P(iommufd_selftest_mock, replace) {
  const uint32_t other = s.ioas_alloc();
  const uint32_t stdev = mocks[0].stdev;
  ASSERT_EQ(s.replace(stdev, other), 0);
  // A page table of the IOAS's own went with its last device.
  if (GetParam().mock_domains == 1) {
    EXPECT_EQ(s.replace(stdev, mocks[0].hwpt), -ENOENT);
  }
  ASSERT_EQ(s.replace(stdev, other), 0);
  if (GetParam().mock_domains >= 2) {
    ASSERT_EQ(s.replace(stdev, mocks[1].hwpt), 0);
    ASSERT_EQ(s.replace(stdev, mocks[1].hwpt), 0);
    ASSERT_EQ(s.replace(stdev, mocks[0].hwpt), 0);
  }
  ASSERT_EQ(s.replace(stdev, ioas), 0);
  EXPECT_EQ(s.destroy(other), 0);
}

TEST_P(iommufd_selftest_mock, alloc_hwpt) {
  for (size_t i = 0; i != GetParam().mock_domains; ++i) {
    const auto [stdev, hwpt, idev] = mocks[i];
    uint32_t one = 0;
    uint32_t two = 0;
    EXPECT_EQ(s.hwpt_alloc(idev, ioas, ~uapi::iommu_hwpt_alloc_nest_parent, one), -EOPNOTSUPP);
    ASSERT_EQ(s.hwpt_alloc(idev, ioas, 0, one), 0);
    ASSERT_EQ(s.hwpt_alloc(idev, ioas, uapi::iommu_hwpt_alloc_nest_parent, two), 0);
    ASSERT_EQ(s.replace(stdev, one), 0);
    EXPECT_EQ(s.destroy(one), -EBUSY);
    ASSERT_EQ(s.replace(stdev, two), 0);
    EXPECT_EQ(s.destroy(two), -EBUSY);
    ASSERT_EQ(s.replace(stdev, ioas), 0);
    EXPECT_EQ(s.destroy(two), 0);
    mock_ids other;
    ASSERT_EQ(s.mock_domain(one, &other), 0);
    EXPECT_EQ(s.destroy(other.stdev), 0);
    EXPECT_EQ(s.destroy(one), 0);
  }
}

// ---- Nested page tables

using invalidate_requests = std::array<uapi::iommu_hwpt_invalidate_selftest, 2>;
constexpr uint32_t entry_size = sizeof(uapi::iommu_hwpt_invalidate_selftest);

struct nested_system : selftest_system {
  nested_system() {
    open();
    ioas = ioas_alloc();
    EXPECT_EQ(mock_domain(ioas, &mock), 0);
    EXPECT_EQ(hwpt_alloc(mock.idev, ioas, uapi::iommu_hwpt_alloc_nest_parent, parent), 0);
  }
  uint32_t nested() {
    uint32_t hwpt = 0;
    EXPECT_EQ(hwpt_alloc_nested(mock.idev, parent, 0, hwpt, {}), 0);
    return hwpt;
  }
  int64_t refused(uint32_t pt, uint32_t flags, const nested_data& how) {
    uint32_t hwpt = 0;
    return hwpt_alloc_nested(mock.idev, pt, flags, hwpt, how);
  }
  /// `done` becomes how many requests were done.
  int64_t invalidate(uint32_t hwpt, invalidate_requests reqs, uint32_t count, uint32_t& done,
                     uint32_t type = uapi::iommu_hwpt_invalidate_data_selftest,
                     uint32_t length = entry_size, uint64_t va = data_va) {
    const user_bytes bytes(*current.mm, data_va, bytes_of(reqs));
    uapi::iommu_hwpt_invalidate cmd{sizeof(cmd), hwpt, va, type, length, count, 0};
    const int64_t ret = ioctl(uapi::iommu_hwpt_invalidate_request, cmd);
    done = cmd.entry_num;
    return ret;
  }
  void expect_iotlb(uint32_t hwpt, std::array<bool, 4> is_there) {
    for (uint32_t i = 0; i < 4; ++i) {
      EXPECT_EQ(check_iotlb(hwpt, i, is_there[i] ? uapi::iommu_test_iotlb_default : 0), 0) << i;
    }
  }
  uint32_t ioas = 0;
  uint32_t parent = 0;
  mock_ids mock;
};

TEST(iommufd_selftest_nested, alloc_hwpt_nested_refused) {
  nested_system s;
  uint32_t hwpt = 0;
  EXPECT_EQ(s.hwpt_alloc(s.ioas, s.mock.idev, 0, hwpt), -ENOENT);
  EXPECT_EQ(s.hwpt_alloc(s.mock.idev, s.mock.idev, 0, hwpt), -EINVAL);
  EXPECT_EQ(
      s.hwpt_alloc(s.mock.idev, s.ioas,
                   uapi::iommu_hwpt_alloc_nest_parent | uapi::iommu_hwpt_fault_id_valid, hwpt),
      -EOPNOTSUPP);
  uint32_t no_parent = 0;
  ASSERT_EQ(s.hwpt_alloc(s.mock.idev, s.ioas, 0, no_parent), 0);
  using nested_data = selftest_system::nested_data;
  EXPECT_EQ(s.refused(s.parent, 0, nested_data{.type = uapi::iommu_hwpt_data_none}), -EINVAL);
  EXPECT_EQ(s.refused(s.parent, 0, nested_data{.type = uapi::iommu_hwpt_data_selftest + 1}),
            -EOPNOTSUPP);
  EXPECT_EQ(s.refused(s.parent, 0, nested_data{.length = 3}), -EINVAL);
  EXPECT_EQ(s.refused(s.parent, 0, nested_data{.is_there = false}), -EFAULT);
  EXPECT_EQ(s.refused(s.parent, uapi::iommu_hwpt_alloc_nest_parent, {}), -EOPNOTSUPP);
  EXPECT_EQ(s.refused(no_parent, 0, {}), -EINVAL);
  EXPECT_EQ(s.refused(s.nested(), 0, {}), -EINVAL);
  EXPECT_EQ(s.destroy(s.parent), -EBUSY);
}

TEST(iommufd_selftest_nested, alloc_hwpt_nested_with_faults) {
  nested_system s;
  uapi::iommu_fault_alloc fault{sizeof(fault)};
  ASSERT_EQ(s.ioctl(uapi::iommu_fault_queue_alloc_request, fault), 0);
  using nested_data = selftest_system::nested_data;
  const uint32_t flags = uapi::iommu_hwpt_fault_id_valid;
  EXPECT_EQ(s.refused(s.parent, flags, nested_data{.fault_id = UINT32_MAX}), -ENOENT);
  uint32_t hwpt = 0;
  ASSERT_EQ(s.hwpt_alloc_nested(s.mock.idev, s.parent, flags, hwpt,
                                nested_data{.fault_id = fault.out_fault_id}),
            0);
  EXPECT_EQ(s.destroy(fault.out_fault_id), -EBUSY);
  // No driver here turns page requests on.
  EXPECT_EQ(s.replace(s.mock.stdev, hwpt), -ENODEV);
  EXPECT_EQ(s.destroy(hwpt), 0);
  EXPECT_EQ(s.current.files.close(static_cast<int>(fault.out_fault_fd)), 0);
  EXPECT_EQ(s.destroy(fault.out_fault_id), 0);
}

TEST(iommufd_selftest_nested, invalidate_refused) {
  nested_system s;
  const uint32_t hwpt = s.nested();
  uint32_t done = 7;
  constexpr uint32_t type = uapi::iommu_hwpt_invalidate_data_selftest;
  EXPECT_EQ(s.invalidate(s.parent, {}, 1, done), -ENOENT);
  EXPECT_EQ(done, 0u);
  EXPECT_EQ(s.invalidate(hwpt, {}, 0, done), 0);
  EXPECT_EQ(done, 0u);
  EXPECT_EQ(s.invalidate(hwpt, {}, 1, done, uapi::iommu_hwpt_invalidate_data_selftest_invalid),
            -EINVAL);
  EXPECT_EQ(s.invalidate(hwpt, {}, 1, done, type, entry_size + 1), -EINVAL);
  EXPECT_EQ(s.invalidate(hwpt, {}, 1, done, type, 1), -EINVAL);
  EXPECT_EQ(s.invalidate(hwpt, {}, 1, done, type, 0), -EINVAL);
  EXPECT_EQ(s.invalidate(hwpt, {}, 1, done, type, entry_size, 0), -EINVAL);
  EXPECT_EQ(s.invalidate(hwpt, {{{UINT32_MAX, 0}}}, 1, done), -EOPNOTSUPP);
  EXPECT_EQ(s.invalidate(hwpt, {{{0, 4}}}, 1, done), -EINVAL);
  EXPECT_EQ(done, 0u);
  s.expect_iotlb(hwpt, {true, true, true, true});
}

TEST(iommufd_selftest_nested, invalidate) {
  nested_system s;
  const uint32_t one = s.nested();
  const uint32_t two = s.nested();
  uint32_t done = 0;
  EXPECT_EQ(s.invalidate(one, {{{0, 0}, {UINT32_MAX, 1}}}, 2, done), -EOPNOTSUPP);
  EXPECT_EQ(done, 1u);
  s.expect_iotlb(one, {false, true, true, true});
  EXPECT_EQ(s.invalidate(one, {{{0, 0}, {0, 4}}}, 2, done), -EINVAL);
  EXPECT_EQ(done, 1u);
  s.expect_iotlb(one, {false, true, true, true});
  EXPECT_EQ(s.invalidate(one, {{{0, 1}}}, 1, done), 0);
  EXPECT_EQ(done, 1u);
  s.expect_iotlb(one, {false, false, true, true});
  EXPECT_EQ(s.invalidate(one, {{{0, 2}, {0, 3}}}, 2, done), 0);
  EXPECT_EQ(done, 2u);
  s.expect_iotlb(one, {false, false, false, false});
  s.expect_iotlb(two, {true, true, true, true});
  EXPECT_EQ(s.invalidate(two, {{{uapi::iommu_test_invalidate_flag_all, 0}}}, 1, done), 0);
  EXPECT_EQ(done, 1u);
  s.expect_iotlb(two, {false, false, false, false});
}

TEST(iommufd_selftest_nested, attach) {
  nested_system s;
  const uint32_t one = s.nested();
  const uint32_t two = s.nested();
  ASSERT_EQ(s.replace(s.mock.stdev, one), 0);
  EXPECT_EQ(s.destroy(one), -EBUSY);
  ASSERT_EQ(s.replace(s.mock.stdev, two), 0);
  EXPECT_EQ(s.destroy(two), -EBUSY);
  EXPECT_EQ(s.destroy(one), 0);
  ASSERT_EQ(s.replace(s.mock.stdev, s.parent), 0);
  EXPECT_EQ(s.destroy(two), 0);
  ASSERT_EQ(s.replace(s.mock.stdev, s.ioas), 0);
  EXPECT_EQ(s.destroy(s.parent), 0);
}

TEST(iommufd_selftest_nested, without_device) {
  selftest_system s;
  s.open();
  const uint32_t ioas = s.ioas_alloc();
  uint32_t hwpt = 0;
  EXPECT_EQ(s.hwpt_alloc(0, ioas, 0, hwpt), -ENOENT);
  EXPECT_EQ(s.hwpt_alloc_nested(0, 0, 0, hwpt, {}), -ENOENT);
  EXPECT_EQ(s.replace(0, 0), -ENOENT);
}

// ---- VFIO's requests without a container

struct iommufd_selftest_vfio : testing::Test {
  iommufd_selftest_vfio() { s.open(); }
  selftest_system s;
};

TEST_F(iommufd_selftest_vfio, simple_ioctls) {
  EXPECT_EQ(s.request(s.current, uapi::vfio_get_api_version, 0), uapi::vfio_api_version);
  EXPECT_EQ(s.request(s.current, uapi::vfio_check_extension, uapi::vfio_type1v2_iommu), 1);
}

TEST_F(iommufd_selftest_vfio, unmap_cmd) {
  uapi::vfio_iommu_type1_dma_unmap cmd{.argsz = 1, .flags = 0, .iova = aperture, .size = page_size};
  EXPECT_EQ(s.ioctl(uapi::vfio_iommu_unmap_dma, cmd), -EINVAL);
  cmd.argsz = sizeof(cmd);
  cmd.flags = 1u << 31;
  EXPECT_EQ(s.ioctl(uapi::vfio_iommu_unmap_dma, cmd), -EINVAL);
  cmd.flags = 0;
  EXPECT_EQ(s.ioctl(uapi::vfio_iommu_unmap_dma, cmd), -ENODEV);
}

TEST_F(iommufd_selftest_vfio, map_cmd) {
  uapi::vfio_iommu_type1_dma_map cmd{
      .argsz = 1, .flags = 0, .vaddr = buffer, .iova = aperture, .size = page_size};
  EXPECT_EQ(s.ioctl(uapi::vfio_iommu_map_dma, cmd), -EINVAL);
  cmd.argsz = sizeof(cmd);
  cmd.flags = 1u << 31;
  EXPECT_EQ(s.ioctl(uapi::vfio_iommu_map_dma, cmd), -EINVAL);
  cmd.flags = uapi::vfio_dma_map_flag_read | uapi::vfio_dma_map_flag_write;
  EXPECT_EQ(s.ioctl(uapi::vfio_iommu_map_dma, cmd), -ENODEV);
}

TEST_F(iommufd_selftest_vfio, info_cmd) {
  uapi::vfio_iommu_type1_info cmd;
  cmd.argsz = 1;
  EXPECT_EQ(s.ioctl(uapi::vfio_iommu_get_info, cmd), -EINVAL);
  cmd.argsz = sizeof(cmd);
  EXPECT_EQ(s.ioctl(uapi::vfio_iommu_get_info, cmd), -ENODEV);
}

TEST_F(iommufd_selftest_vfio, set_iommu_cmd) {
  EXPECT_EQ(s.request(s.current, uapi::vfio_set_iommu, uapi::vfio_type1v2_iommu), -ENODEV);
  EXPECT_EQ(s.request(s.current, uapi::vfio_set_iommu, uapi::vfio_type1_iommu), -ENODEV);
}

int64_t vfio_ioas_request(selftest_system& s, uint16_t op, uint32_t& ioas) {
  uapi::iommu_vfio_ioas cmd{sizeof(cmd), ioas, op, 0};
  const int64_t ret = s.ioctl(uapi::iommu_vfio_ioas_request, cmd);
  ioas = cmd.ioas_id;
  return ret;
}

TEST_F(iommufd_selftest_vfio, vfio_ioas) {
  uint32_t id = 0;
  EXPECT_EQ(vfio_ioas_request(s, uapi::iommu_vfio_ioas_get, id), -ENODEV);
  EXPECT_EQ(vfio_ioas_request(s, uapi::iommu_vfio_ioas_set, id), -ENOENT);
  id = s.ioas_alloc();
  const uint32_t ioas = id;
  EXPECT_EQ(vfio_ioas_request(s, uapi::iommu_vfio_ioas_set, id), 0);
  id = 0;
  EXPECT_EQ(vfio_ioas_request(s, uapi::iommu_vfio_ioas_get, id), 0);
  EXPECT_EQ(id, ioas);
  EXPECT_EQ(vfio_ioas_request(s, uapi::iommu_vfio_ioas_clear, id), 0);
  EXPECT_EQ(vfio_ioas_request(s, uapi::iommu_vfio_ioas_get, id), -ENODEV);
}

// ---- vfio_compat_mock_domain

struct iommufd_selftest_compat : testing::TestWithParam<uint32_t> {
  iommufd_selftest_compat() {
    s.open();
    ioas = s.ioas_alloc();
    EXPECT_EQ(s.mock_domain(ioas), 0);
    EXPECT_EQ(vfio_ioas_request(s, uapi::iommu_vfio_ioas_set, ioas), 0);
    EXPECT_EQ(s.request(s.current, uapi::vfio_set_iommu, GetParam()), 0);
  }
  [[nodiscard]] static bool is_v1() { return GetParam() == uapi::vfio_type1_iommu; }
  int64_t map(uint64_t va, uint64_t iova, uint64_t size) {
    uapi::vfio_iommu_type1_dma_map cmd{
        .argsz = sizeof(cmd),
        .flags = uapi::vfio_dma_map_flag_read | uapi::vfio_dma_map_flag_write,
        .vaddr = va,
        .iova = iova,
        .size = size};
    return s.ioctl(uapi::vfio_iommu_map_dma, cmd);
  }
  int64_t unmap(uint64_t iova, uint64_t size, uint64_t* unmapped = nullptr, uint32_t flags = 0) {
    uapi::vfio_iommu_type1_dma_unmap cmd{
        .argsz = sizeof(cmd), .flags = flags, .iova = iova, .size = size};
    const int64_t ret = s.ioctl(uapi::vfio_iommu_unmap_dma, cmd);
    if (unmapped != nullptr) *unmapped = cmd.size;
    return ret;
  }
  selftest_system s;
  uint32_t ioas = 0;
};

INSTANTIATE_TEST_SUITE_P(all, iommufd_selftest_compat,
                         testing::Values(uapi::vfio_type1v2_iommu, uapi::vfio_type1_iommu),
                         [](const auto& each) {
                           return each.param == uapi::vfio_type1_iommu ? "Ver1v0" : "Ver1v2";
                         });

TEST_P(iommufd_selftest_compat, simple_close) {}

TEST_P(iommufd_selftest_compat, option_huge_pages) {
  uint64_t value = 3;
  ASSERT_EQ(s.option(uapi::iommu_option_op_get, uapi::iommu_option_huge_pages, ioas, value), 0);
  EXPECT_EQ(value, is_v1() ? 0u : 1u);
}

struct info_answer {
  uapi::vfio_iommu_type1_info info;
  std::array<std::byte, 200> rest;
};

/// The list of capabilities is one of known ones, each within the answer.
void check_cap_chain(const info_answer& answer) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(&answer);
  unsigned caps = 0;
  for (uint32_t at = answer.info.cap_offset; at != 0;) {
    uapi::vfio_info_cap_header cap;
    ASSERT_GE(answer.info.argsz, at + sizeof(cap));
    std::memcpy(&cap, bytes + at, sizeof(cap));
    EXPECT_EQ(cap.version, 1);
    ++caps;
    if (cap.id == uapi::vfio_iommu_type1_info_cap_iova_range) {
      uapi::vfio_iommu_type1_info_cap_iova_range_data data;
      std::memcpy(&data, bytes + at, sizeof(data));
      EXPECT_EQ(data.nr_iovas, 1u);
      uapi::vfio_iova_range range;
      std::memcpy(&range, bytes + at + sizeof(data), sizeof(range));
      EXPECT_EQ(range.start, aperture);
      EXPECT_EQ(range.end, uapi::mock_aperture_last);
    } else {
      EXPECT_EQ(cap.id, uapi::vfio_iommu_type1_info_dma_avail);
      EXPECT_EQ((cap.next == 0 ? answer.info.argsz : cap.next) - at,
                (sizeof(uapi::vfio_iommu_type1_info_dma_avail_data) + 7) & ~uint64_t{7});
    }
    at = cap.next;
  }
  EXPECT_EQ(caps, 2u);
}

TEST_P(iommufd_selftest_compat, get_info) {
  info_answer answer;
  const auto ask = [&](uint32_t argsz) {
    answer.info = {};
    answer.info.argsz = argsz;
    auto* const bytes = reinterpret_cast<std::byte*>(&answer);
    std::fill(bytes + argsz, bytes + sizeof(answer), std::byte{0xaa});
    ASSERT_EQ(s.ioctl(uapi::vfio_iommu_get_info, answer), 0);
    // Nothing beyond what the user has room for.
    EXPECT_TRUE(std::all_of(bytes + argsz, bytes + sizeof(answer), [](std::byte b) {
      return b == std::byte{0xaa};
    })) << argsz;
    EXPECT_EQ(answer.info.flags, uapi::vfio_iommu_info_pgsizes | uapi::vfio_iommu_info_caps);
    EXPECT_NE(answer.info.iova_pgsizes, 0u);
  };
  ask(offsetof(uapi::vfio_iommu_type1_info, cap_offset));
  ask(sizeof(answer.info));
  EXPECT_EQ(answer.info.cap_offset, 0u);
  const uint32_t caplen = answer.info.argsz;
  EXPECT_GT(caplen, sizeof(answer.info));
  for (uint32_t size = sizeof(answer.info); size <= caplen; ++size) {
    ask(size);
    EXPECT_EQ(answer.info.cap_offset != 0, size == caplen);
    if (answer.info.cap_offset != 0) check_cap_chain(answer);
  }
}

TEST_P(iommufd_selftest_compat, map) {
  uint64_t unmapped = 0;
  ASSERT_EQ(map(buffer, aperture, buffer_size), 0);
  ASSERT_EQ(unmap(aperture, buffer_size, &unmapped), 0);
  EXPECT_EQ(unmapped, buffer_size);
  EXPECT_EQ(unmap(aperture, buffer_size), 0);

  ASSERT_EQ(map(buffer, aperture, buffer_size), 0);
  EXPECT_EQ(unmap(aperture, buffer_size, nullptr, uapi::vfio_dma_unmap_flag_all), -EINVAL);
  ASSERT_EQ(unmap(0, 0, &unmapped, uapi::vfio_dma_unmap_flag_all), 0);
  EXPECT_EQ(unmapped, buffer_size);

  std::vector<uint64_t> offsets(buffer_size / page_size);
  for (size_t i = 0; i != offsets.size(); ++i) {
    offsets[i] = i * page_size;
    ASSERT_EQ(map(buffer + offsets[i], aperture + offsets[i], page_size), 0);
  }
  std::shuffle(offsets.begin(), offsets.end(), std::mt19937(1));
  for (const uint64_t offset : offsets) ASSERT_EQ(unmap(aperture + offset, page_size), 0);
}

TEST_P(iommufd_selftest_compat, huge_map) {
  s.give_huge_pages(other_buffer, 2);
  ASSERT_EQ(map(other_buffer, aperture, 2 * huge_page_size), 0);
  std::vector<uint64_t> parts(16);
  std::iota(parts.begin(), parts.end(), 0);
  std::shuffle(parts.begin(), parts.end(), std::mt19937(1));
  const uint64_t size = 2 * huge_page_size / parts.size();
  // Version 1 cuts a mapping, version 2 does not.
  for (const uint64_t part : parts) {
    ASSERT_EQ(unmap(aperture + part * size, size), is_v1() ? 0 : -ENOENT);
  }
}

}  // namespace
}  // namespace iommulab::v6_12::iommufd_selftest_cases
