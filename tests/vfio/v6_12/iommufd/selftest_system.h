// SPDX-License-Identifier: GPL-2.0-only
//
// iommufd with the kernel's mock devices (CONFIG_IOMMUFD_TEST), in a system without any other
// IOMMU, and a process that uses it through its descriptor, as tools/testing/selftests/iommu does.
// At the end nothing may be left: no pin, no charge, no allocation, no warning.
//
// Results are 0 or more, or negative errnos, where the kernel's test looks at errno.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "core/iommu/iommu.h"
#include "core/iommu/iommu_sysfs.h"
#include "core/iommu/v6_12/iommu.h"
#include "core/sysfs.h"
#include "platform/memory/page_allocator.h"
#include "platform/memory/physical_memory.h"
#include "vfio/process/device_nodes.h"
#include "vfio/process/task_struct.h"
#include "vfio/process/uaccess.h"
#include "vfio/uapi/iommufd.h"
#include "vfio/uapi/iommufd_test.h"
#include "vfio/uapi/vfio.h"
#include "vfio/v6_12/iommufd/iommufd.h"

namespace iommulab::v6_12::iommufd_selftest_cases {

using uapi::iommu_test_cmd;
using uapi::iommu_test_op;

inline constexpr uint64_t aperture = uapi::mock_aperture_start;
inline constexpr uint64_t half_page = page_size / 2;
inline constexpr uint64_t huge_page_size = uint64_t{2} << 20;
inline constexpr uint64_t buffer = 0x7e0000000000;  ///< address of the process's memory
inline constexpr uint64_t buffer_size = 16 * page_size;
inline constexpr uint64_t data_va = 0x7f0000100000;  ///< of what requests point to
inline constexpr uint64_t argument_of_request = 0x7f0000000000;
inline constexpr uint32_t map_rw = uapi::iommu_ioas_map_writeable | uapi::iommu_ioas_map_readable;

/// What a mock device is called.
struct mock_ids {
  uint32_t stdev = 0;
  uint32_t hwpt = 0;
  uint32_t idev = 0;
};

/// The caller's bytes at an address of the process, for a while.
class user_bytes {
 public:
  user_bytes(mm_struct& mm, uint64_t at, absl::Span<std::byte> bytes)
      : mm_(mm), at_(at), size_(bytes.size()) {
    EXPECT_EQ(mm.map_bytes(at, bytes), 0);
  }
  ~user_bytes() { EXPECT_EQ(mm_.unmap(at_, size_), 0); }
  user_bytes(const user_bytes&) = delete;
  user_bytes& operator=(const user_bytes&) = delete;

 private:
  mm_struct& mm_;
  uint64_t at_;
  uint64_t size_;
};

struct selftest_system {
  explicit selftest_system(uint64_t ram_size = uint64_t{32} << 20, bool has_selftest = true)
      : ram(*physical_memory::create(
            std::vector<memory_range>{{phys_addr(0), ram_size, memory_range::kind::ram}})),
        allocator(*ram, env.trace),
        users(allocator),
        module{env, iommu, slab, users, nodes, true, false, has_selftest} {
    iommulab::iommu_init(core);
    iommu_dev_init(core);
    EXPECT_EQ(iommu_subsys_init(iommu), 0);
    EXPECT_EQ(iommufd_init(module), 0);
    current.mm = std::make_shared<mm_struct>(users);
    current.user = std::make_shared<user_struct>();
    give_pages(buffer, buffer_size);
    live_before = slab.live();
  }
  ~selftest_system() {
    current.files.exit_files();
    expect_nothing_left();
    iommufd_exit(module);
  }

  void expect_nothing_left() {
    EXPECT_EQ(users.pins(), 0u);
    EXPECT_EQ(current.mm->pinned_vm, 0u);
    EXPECT_EQ(current.mm->locked_vm, 0u);
    EXPECT_EQ(current.user->locked_vm, 0u);
    EXPECT_EQ(slab.live(), live_before);
    expect_no_warning();
  }
  void expect_no_warning() {
    for (const log_line& line : env.log.lines()) {
      EXPECT_EQ(line.text.find("WARNING"), std::string::npos) << line.text;
    }
  }

  /// Pages of the process: runs of one to three neighbours.
  void give_pages(uint64_t va, uint64_t size) {
    std::vector<phys_addr> pages;
    for (uint64_t i = 0; i < size / page_size; ++i) pages.push_back(*users.alloc());
    std::sort(pages.begin(), pages.end());
    std::vector<phys_addr> runs;
    for (size_t left = pages.size(), length = 1; left != 0; length = length % 3 + 1) {
      const size_t run = std::min(left, length);
      left -= run;
      for (size_t i = 0; i < run; ++i) runs.push_back(pages[left + i]);
    }
    ASSERT_EQ(current.mm->map_pages(va, runs, true), 0);
  }
  /// MAP_HUGETLB
  void give_huge_pages(uint64_t va, uint64_t count) {
    std::vector<phys_addr> pages;
    for (uint64_t i = 0; i < count; ++i) {
      const phys_addr first = *users.alloc_block(9);
      for (uint64_t at = 0; at < huge_page_size; at += page_size) pages.push_back(first + at);
    }
    ASSERT_EQ(current.mm->map_pages(va, pages, true), 0);
  }
  void take_memory(uint64_t va, uint64_t size) { ASSERT_EQ(current.mm->unmap(va, size), 0); }

  // ---- Requests

  void open() { fd = nodes.open(current, "/dev/iommu"); }
  int64_t request(task_struct& task, uint32_t number, uint64_t arg) {
    return current.files.lookup(fd)->unlocked_ioctl(task, number, arg);
  }
  template <typename T>
  int64_t ioctl(task_struct& task, uint32_t number, T& cmd) {
    const user_bytes bytes(*task.mm, argument_of_request, bytes_of(cmd));
    return request(task, number, argument_of_request);
  }
  template <typename T>
  int64_t ioctl(uint32_t number, T& cmd) {
    return ioctl(current, number, cmd);
  }
  static iommu_test_cmd command(iommu_test_op op, int64_t id) {
    iommu_test_cmd cmd;
    cmd.op = op;
    cmd.id = static_cast<uint32_t>(id);
    return cmd;
  }
  int64_t test(iommu_test_cmd& cmd) {
    cmd.size = sizeof(cmd);
    return ioctl(uapi::iommu_test_request, cmd);
  }

  /// 0 when there is none.
  uint32_t ioas_alloc() {
    uapi::iommu_ioas_alloc cmd{sizeof(cmd)};
    return ioctl(uapi::iommu_ioas_alloc_request, cmd) == 0 ? cmd.out_ioas_id : 0;
  }
  int64_t destroy(uint32_t id) {
    uapi::iommu_destroy cmd{sizeof(cmd), id};
    return ioctl(uapi::iommu_destroy_request, cmd);
  }
  int64_t map(uint32_t ioas, uint64_t va, uint64_t length, uint64_t& iova,
              uint32_t flags = map_rw) {
    uapi::iommu_ioas_map cmd{sizeof(cmd), flags, ioas, 0, va, length, iova};
    const int64_t ret = ioctl(uapi::iommu_ioas_map_request, cmd);
    if (ret == 0) iova = cmd.iova;
    return ret;
  }
  int64_t map_fixed(uint32_t ioas, uint64_t va, uint64_t length, uint64_t iova) {
    return map(ioas, va, length, iova, map_rw | uapi::iommu_ioas_map_fixed_iova);
  }
  int64_t unmap(uint32_t ioas, uint64_t iova, uint64_t length, uint64_t* unmapped = nullptr) {
    uapi::iommu_ioas_unmap cmd{sizeof(cmd), ioas, iova, length};
    const int64_t ret = ioctl(uapi::iommu_ioas_unmap_request, cmd);
    if (unmapped != nullptr) *unmapped = cmd.length;
    return ret;
  }
  int64_t copy(uint32_t dst, uint64_t& dst_iova, uint32_t src, uint64_t src_iova, uint64_t length,
               uint32_t flags) {
    uapi::iommu_ioas_copy cmd{sizeof(cmd), flags, dst, src, length, dst_iova, src_iova};
    const int64_t ret = ioctl(uapi::iommu_ioas_copy_request, cmd);
    if (ret == 0) dst_iova = cmd.dst_iova;
    return ret;
  }
  int64_t copy_fixed(uint32_t dst, uint64_t dst_iova, uint32_t src, uint64_t src_iova,
                     uint64_t length) {
    return copy(dst, dst_iova, src, src_iova, length,
                uapi::iommu_ioas_map_fixed_iova | uapi::iommu_ioas_map_writeable);
  }
  int64_t allow_iovas(uint32_t ioas, std::vector<uapi::iommu_iova_range> ranges) {
    uapi::iommu_ioas_allow_iovas cmd{sizeof(cmd), ioas, static_cast<uint32_t>(ranges.size()), 0,
                                     data_va};
    ranges.emplace_back();
    const user_bytes bytes(*current.mm, data_va,
                           absl::MakeSpan(reinterpret_cast<std::byte*>(ranges.data()),
                                          ranges.size() * sizeof(ranges[0])));
    return ioctl(uapi::iommu_ioas_allow_iovas_request, cmd);
  }
  /// `count` comes back as the ranges that there are, `alignment` as theirs.
  int64_t iova_ranges(uint32_t ioas, std::array<uapi::iommu_iova_range, 8>& ranges, uint32_t& count,
                      uint64_t& alignment) {
    ranges = {};
    const user_bytes bytes(*current.mm, data_va, bytes_of(ranges));
    uapi::iommu_ioas_iova_ranges cmd{sizeof(cmd), ioas, count, 0, data_va};
    const int64_t ret = ioctl(uapi::iommu_ioas_iova_ranges_request, cmd);
    count = cmd.num_iovas;
    alignment = cmd.out_iova_alignment;
    return ret;
  }
  int64_t option(uint16_t op, uint32_t what, uint32_t object, uint64_t& value) {
    uapi::iommu_option cmd{sizeof(cmd), what, op, 0, object, value};
    const int64_t ret = ioctl(uapi::iommu_option_request, cmd);
    value = cmd.val64;
    return ret;
  }
  int64_t set_option(uint32_t what, uint32_t object, uint64_t value) {
    return option(uapi::iommu_option_op_set, what, object, value);
  }

  // ---- Page tables

  struct nested_data {
    uint32_t type = uapi::iommu_hwpt_data_selftest;
    uint32_t length = sizeof(uapi::iommu_hwpt_selftest);
    bool is_there = true;
    uint32_t fault_id = 0;
  };
  int64_t hwpt_alloc(uint32_t dev, uint32_t pt, uint32_t flags, uint32_t& hwpt) {
    uapi::iommu_hwpt_alloc cmd{sizeof(cmd), flags, dev, pt};
    const int64_t ret = ioctl(uapi::iommu_hwpt_alloc_request, cmd);
    if (ret == 0) hwpt = cmd.out_hwpt_id;
    return ret;
  }
  int64_t hwpt_alloc_nested(uint32_t dev, uint32_t pt, uint32_t flags, uint32_t& hwpt,
                            const nested_data& how) {
    uapi::iommu_hwpt_selftest data{uapi::iommu_test_iotlb_default};
    const user_bytes bytes(*current.mm, data_va, bytes_of(data));
    uapi::iommu_hwpt_alloc cmd{sizeof(cmd), flags, dev, pt};
    cmd.data_type = how.type;
    cmd.data_len = how.length;
    cmd.data_uptr = how.is_there ? data_va : 0;
    cmd.fault_id = how.fault_id;
    const int64_t ret = ioctl(uapi::iommu_hwpt_alloc_request, cmd);
    if (ret == 0) hwpt = cmd.out_hwpt_id;
    return ret;
  }
  int64_t set_dirty_tracking(uint32_t hwpt, bool enable) {
    uapi::iommu_hwpt_set_dirty_tracking cmd{
        sizeof(cmd), enable ? uapi::iommu_hwpt_dirty_tracking_enable : 0, hwpt, 0};
    return ioctl(uapi::iommu_hwpt_set_dirty_tracking_request, cmd);
  }
  int64_t get_dirty_bitmap(uint32_t hwpt, uint64_t iova, uint64_t length, uint64_t size,
                           uint64_t bitmap, uint32_t flags) {
    uapi::iommu_hwpt_get_dirty_bitmap cmd{sizeof(cmd), hwpt, flags, 0, iova, length, size, bitmap};
    return ioctl(uapi::iommu_hwpt_get_dirty_bitmap_request, cmd);
  }

  // ---- IOMMU_TEST_CMD

  int64_t mock_domain(uint32_t pt, mock_ids* ids = nullptr) {
    iommu_test_cmd cmd = command(iommu_test_op::mock_domain, pt);
    return mock_domain_with(cmd, ids);
  }
  int64_t mock_domain_flags(uint32_t pt, uint32_t flags, mock_ids* ids = nullptr) {
    iommu_test_cmd cmd = command(iommu_test_op::mock_domain_flags, pt);
    cmd.mock_domain.dev_flags = flags;
    return mock_domain_with(cmd, ids);
  }
  int64_t mock_domain_with(iommu_test_cmd& cmd, mock_ids* ids) {
    const int64_t ret = test(cmd);
    if (ret == 0 && ids != nullptr) {
      *ids = {cmd.mock_domain.out_stdev_id, cmd.mock_domain.out_hwpt_id,
              cmd.mock_domain.out_idev_id};
    }
    return ret;
  }
  int64_t replace(uint32_t stdev, uint32_t pt) {
    iommu_test_cmd cmd = command(iommu_test_op::mock_domain_replace, stdev);
    cmd.mock_domain_replace.pt_id = pt;
    return test(cmd);
  }
  int64_t add_reserved(uint32_t ioas, uint64_t start, uint64_t length) {
    iommu_test_cmd cmd = command(iommu_test_op::add_reserved, ioas);
    cmd.add_reserved = {start, length};
    return test(cmd);
  }
  int64_t check_map(uint32_t hwpt, uint64_t va, uint64_t iova, uint64_t length) {
    iommu_test_cmd cmd = command(iommu_test_op::md_check_map, hwpt);
    cmd.check_map = {iova, length, va};
    return test(cmd);
  }
  int64_t check_refs(uint64_t va, uint64_t length, uint32_t refs) {
    iommu_test_cmd cmd = command(iommu_test_op::md_check_refs, 0);
    cmd.check_refs = {length, va, refs};
    return test(cmd);
  }
  int64_t check_iotlb(uint32_t hwpt, uint32_t id, uint32_t value) {
    iommu_test_cmd cmd = command(iommu_test_op::md_check_iotlb, hwpt);
    cmd.check_iotlb = {id, value};
    return test(cmd);
  }
  int64_t set_memory_limit(uint32_t limit) {
    iommu_test_cmd cmd = command(iommu_test_op::set_temp_memory_limit, 0);
    cmd.memory_limit.limit = limit;
    return test(cmd);
  }
  /// The descriptor, or a negative errno.
  int64_t create_access(uint32_t ioas, bool pins) {
    iommu_test_cmd cmd = command(iommu_test_op::create_access, ioas);
    cmd.create_access.flags = pins ? uapi::mock_flags_access_create_needs_pin_pages : 0;
    const int64_t ret = test(cmd);
    return ret == 0 ? cmd.create_access.out_access_fd : ret;
  }
  int64_t destroy_access(int64_t access) { return current.files.close(static_cast<int>(access)); }
  /// The number of what was pinned, or a negative errno.
  int64_t access_pages(int64_t access, uint64_t iova, uint64_t length, uint64_t va) {
    iommu_test_cmd cmd = command(iommu_test_op::access_pages, access);
    cmd.access_pages = {0, 0, iova, length, va};
    const int64_t ret = test(cmd);
    return ret == 0 ? cmd.access_pages.out_access_pages_id : ret;
  }
  int64_t destroy_access_pages(int64_t access, int64_t item) {
    iommu_test_cmd cmd = command(iommu_test_op::destroy_access_pages, access);
    cmd.destroy_access_pages.access_pages_id = static_cast<uint32_t>(item);
    return test(cmd);
  }
  int64_t access_replace_ioas(int64_t access, uint32_t ioas) {
    iommu_test_cmd cmd = command(iommu_test_op::access_replace_ioas, access);
    cmd.access_replace_ioas.ioas_id = ioas;
    return test(cmd);
  }
  int64_t access_rw(int64_t access, uint64_t iova, absl::Span<std::byte> data, uint32_t flags) {
    const user_bytes bytes(*current.mm, data_va, data);
    iommu_test_cmd cmd = command(iommu_test_op::access_rw, access);
    cmd.access_rw = {iova, data.size(), data_va, flags};
    return test(cmd);
  }
  /// Marks pages as written by a device; how many, or a negative errno.
  int64_t make_dirty(uint32_t hwpt, uint64_t iova, uint64_t length, uint64_t size,
                     uint64_t bitmap) {
    iommu_test_cmd cmd = command(iommu_test_op::dirty, hwpt);
    cmd.dirty = {0, iova, length, size, bitmap, 0};
    const int64_t ret = test(cmd);
    return ret == 0 ? static_cast<int64_t>(cmd.dirty.out_nr_dirty) : ret;
  }

  environment env;
  sysfs_tree sysfs;
  iommu_core core{env, sysfs};
  bus_type bus{env, sysfs, core, "pci"};
  slab_failures slab;
  iommu_subsystem iommu{core, bus, &slab};
  std::unique_ptr<physical_memory> ram;
  page_allocator allocator;
  user_pages users;
  device_nodes nodes;
  iommufd_module module;
  task_struct current;
  int fd = -1;
  int64_t live_before = 0;
};

}  // namespace iommulab::v6_12::iommufd_selftest_cases
