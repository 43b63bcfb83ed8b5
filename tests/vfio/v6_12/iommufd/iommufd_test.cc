// SPDX-License-Identifier: GPL-2.0-only
//
// What a user of an iommufd sees, and that nothing is left when memory runs out half-way. Expected
// values: Linux 6.12's source and its selftests (tools/testing/selftests/iommu), and what was
// recorded of it.
#include <random>

#include "iommufd_system.h"

namespace iommulab::v6_12::iommufd_test {
namespace {

TEST(iommufd_objects, have_the_lowest_free_numbers_from_one_on) {
  iommufd_system s;
  const int fd = s.open();
  EXPECT_EQ(s.ioas(fd), 1u);
  EXPECT_EQ(s.ioas(fd), 2u);
  EXPECT_EQ(s.ioas(fd), 3u);
  EXPECT_EQ(s.destroy(fd, 2), 0);
  EXPECT_EQ(s.destroy(fd, 2), -ENOENT);
  EXPECT_EQ(s.ioas(fd), 2u);
  EXPECT_EQ(s.ioas(fd), 4u);
}

TEST(iommufd_requests, have_their_sizes_checked) {
  iommufd_system s;
  const int fd = s.open();
  struct longer {
    uapi::iommu_ioas_alloc cmd;
    uint32_t more = 0;
  } both;
  both.cmd.size = 8;
  EXPECT_EQ(s.ioctl(fd, uapi::iommu_ioas_alloc_request, both), -EINVAL);
  both.cmd.size = sizeof(both);
  EXPECT_EQ(s.ioctl(fd, uapi::iommu_ioas_alloc_request, both), 0);
  both.more = 1;
  EXPECT_EQ(s.ioctl(fd, uapi::iommu_ioas_alloc_request, both), -E2BIG);
  both.cmd.size = sizeof(both) + 4;
  both.more = 0;
  EXPECT_EQ(s.ioctl(fd, uapi::iommu_ioas_alloc_request, both), -EFAULT);
  EXPECT_EQ(s.ioctl(fd, uapi::request(0xff), both), -ENOTTY);
}

TEST(iommufd_maps, choose_addresses_by_the_length_and_the_users_address) {
  iommufd_system s;
  const int fd = s.open();
  const uint32_t a = s.ioas(fd);
  constexpr uint32_t free = 6;
  // As recorded: s3-ioas, operations 22 to 28.
  EXPECT_EQ(s.map(fd, a, memory_va, 0x1000, 0, free), 0);
  EXPECT_EQ(s.mapped_at, 0x1000u);
  EXPECT_EQ(s.map(fd, a, memory_va, 0x3000, 0, free), 0);
  EXPECT_EQ(s.mapped_at, 0x4000u);
  EXPECT_EQ(s.map(fd, a, memory_va + 0x1000, 0x4000, 0, free), 0);
  EXPECT_EQ(s.mapped_at, 0x7000u);
  EXPECT_EQ(s.map(fd, a, memory_va + 0x40000000, 0x200000, 0, free), 0);
  EXPECT_EQ(s.mapped_at, 0x200000u);
  EXPECT_EQ(s.map(fd, a, memory_va + 0x40000000, 0x400000, 0, free), 0);
  EXPECT_EQ(s.mapped_at, 0x400000u);
  EXPECT_EQ(s.map(fd, a, memory_va + 0x123, 0x45, 0, free), 0);
  EXPECT_EQ(s.mapped_at, 0x2123u);
  EXPECT_EQ(s.map(fd, a, memory_va, 1, 0, free), 0);
  EXPECT_EQ(s.mapped_at, 0x2000u);
  EXPECT_EQ(s.map(fd, a, memory_va, 0, 0, free), -EINVAL);
  EXPECT_EQ(s.map(fd, a, memory_va, uint64_t{1} << 63, 0, free), -EOVERFLOW);
  EXPECT_EQ(s.map(fd, a, memory_va, 0x1000, 0, 0), -EINVAL);
  EXPECT_EQ(s.users.pins(), 0u);
}

TEST(iommufd_maps, of_a_range_that_has_one_are_refused) {
  iommufd_system s;
  const int fd = s.open();
  const uint32_t a = s.ioas(fd);
  EXPECT_EQ(s.map(fd, a, memory_va, 0x4000, 0x100000), 0);
  EXPECT_EQ(s.map(fd, a, memory_va, 0x1000, 0x103000), -EEXIST);
  EXPECT_EQ(s.map(fd, a, memory_va, 0x1000, 0x104000), 0);
  EXPECT_EQ(s.unmap(fd, a, 0x100000, 0x1000), -ENOENT);
  EXPECT_EQ(s.unmap(fd, a, 0x200000, 0x1000), -ENOENT);
  // What lies before the area that is cut goes.
  EXPECT_EQ(s.map(fd, a, memory_va, 0x4000, 0x200000), 0);
  EXPECT_EQ(s.unmap(fd, a, 0x100000, 0x101000), -ENOENT);
  EXPECT_EQ(s.map(fd, a, memory_va, 0x1000, 0x100000), 0);
  EXPECT_EQ(s.unmap(fd, a, 0, UINT64_MAX), 0);
  EXPECT_EQ(s.unmapped, 0x5000u);
  EXPECT_EQ(s.unmap(fd, a, 0, UINT64_MAX), 0);
  EXPECT_EQ(s.unmapped, 0u);
}

struct attached_system : iommufd_system {
  attached_system() {
    fd = open();
    a = ioas(fd);
    give_memory(memory_va, 64);
    idev = bind(fd, dev(at(0, 3)));
    uint32_t pt = a;
    EXPECT_EQ(iommufd_device_attach(*idev, pt), 0);
    h = pt;
    dev_id = id;
    domain = driver.domains.back().get();
  }
  ~attached_system() {
    if (is_attached) iommufd_device_detach(*idev);
    iommufd_device_unbind(*idev);
  }
  int fd = -1;
  uint32_t a = 0;
  uint32_t h = 0;
  uint32_t dev_id = 0;
  iommufd_device* idev = nullptr;
  fake_domain* domain = nullptr;
  bool is_attached = true;
};

TEST(iommufd_devices, have_what_the_ioas_has) {
  attached_system s;
  EXPECT_EQ(s.map(s.fd, s.a, memory_va, 0x4000, 0x100000), 0);
  EXPECT_EQ(s.users.pins(), 4u);
  EXPECT_EQ(s.current.mm->pinned_vm, 4u);
  EXPECT_EQ(s.domain->pages.size(), 4u);
  EXPECT_EQ(s.domain->pages.at(0x102000), s.current.mm->translate(memory_va + 0x2000)->value());
  EXPECT_EQ(s.destroy(s.fd, s.a), -EBUSY);
  EXPECT_EQ(s.destroy(s.fd, s.h), -EBUSY);
  EXPECT_EQ(s.destroy(s.fd, s.id), -EBUSY);
  EXPECT_EQ(s.unmap(s.fd, s.a, 0x100000, 0x4000), 0);
  EXPECT_EQ(s.users.pins(), 0u);
  EXPECT_TRUE(s.domain->pages.empty());
}

TEST(iommufd_devices, reserve_what_they_cannot_reach) {
  attached_system s;
  std::array<uapi::iommu_iova_range, 2> ranges;
  ASSERT_EQ(s.current.mm->map_bytes(argument_va + 0x1000, bytes_of(ranges)), 0);
  uapi::iommu_ioas_iova_ranges cmd{sizeof(cmd), s.a, 1, 0, argument_va + 0x1000};
  EXPECT_EQ(s.ioctl(s.fd, uapi::iommu_ioas_iova_ranges_request, cmd), -EMSGSIZE);
  EXPECT_EQ(cmd.num_iovas, 2u);
  EXPECT_EQ(s.ioctl(s.fd, uapi::iommu_ioas_iova_ranges_request, cmd), 0);
  EXPECT_EQ(cmd.out_iova_alignment, 0x1000u);
  EXPECT_EQ(ranges[0].last, 0xfedfffffu);
  EXPECT_EQ(ranges[1].start, 0xfef00000u);
  EXPECT_EQ(ranges[1].last, 0x7fffffffffu);
  EXPECT_EQ(s.map(s.fd, s.a, memory_va, 0x1000, 0xfee00000), -EINVAL);
}

TEST(iommufd_devices, of_a_group_share_a_page_table) {
  attached_system s;
  const uint32_t b = s.ioas(s.fd);
  iommufd_device* const one = s.bind(s.fd, s.dev(at(0, 4, 0)));
  iommufd_device* const two = s.bind(s.fd, s.dev(at(0, 4, 1)));
  uint32_t pt = b;
  EXPECT_EQ(iommufd_device_attach(*one, pt), 0);
  const uint32_t first = pt;
  pt = s.a;
  EXPECT_EQ(iommufd_device_attach(*two, pt), -EINVAL);
  pt = b;
  EXPECT_EQ(iommufd_device_attach(*two, pt), 0);
  EXPECT_EQ(pt, first);
  pt = s.a;
  EXPECT_EQ(iommufd_device_replace(*one, pt), 0);
  EXPECT_EQ(pt, s.h);
  EXPECT_EQ(s.domain->attached.size(), 3u);
  iommufd_device_detach(*one);
  EXPECT_EQ(s.domain->attached.size(), 3u);
  iommufd_device_detach(*two);
  EXPECT_EQ(s.domain->attached.size(), 1u);
  iommufd_device_unbind(*one);
  iommufd_device_unbind(*two);
}

TEST(iommufd_devices, keep_their_iommufd) {
  attached_system s;
  EXPECT_EQ(s.map(s.fd, s.a, memory_va, 0x4000, 0x100000), 0);
  s.current.files.close(s.fd);
  EXPECT_EQ(s.users.pins(), 4u);
  iommufd_device_detach(*s.idev);
  EXPECT_EQ(s.users.pins(), 0u);
  s.is_attached = false;
}

TEST(iommufd_copies, share_pins) {
  attached_system s;
  const uint32_t b = s.ioas(s.fd);
  EXPECT_EQ(s.map(s.fd, s.a, memory_va, 0x8000, 0x100000), 0);
  EXPECT_EQ(s.copy(s.fd, b, s.a, 0x4000, 0x200000, 0x102000), 0);
  EXPECT_EQ(s.copy(s.fd, s.a, s.a, 0x4000, 0x300000, 0x102000), 0);
  EXPECT_EQ(s.users.pins(), 8u);
  EXPECT_EQ(s.unmap(s.fd, s.a, 0x100000, 0x8000), 0);
  EXPECT_EQ(s.users.pins(), 4u);
  EXPECT_EQ(s.copy(s.fd, b, s.a, 0x1000, 0x400000, 0x304000), -ENOENT);
  EXPECT_EQ(s.unmap(s.fd, s.a, 0, UINT64_MAX), 0);
  EXPECT_EQ(s.users.pins(), 0u);
}

TEST(iommufd_attaches, that_fail_leave_nothing) {
  iommufd_system s;
  const int fd = s.open();
  const uint32_t a = s.ioas(fd);
  s.give_memory(memory_va, 4);
  EXPECT_EQ(s.map(fd, a, memory_va, 0x4000, 0x100000), 0);
  EXPECT_EQ(s.map(fd, a, memory_va + 0x100000, 0x1000, 0x200000), 0);  // nothing is there
  iommufd_device* const idev = s.bind(fd, s.dev(at(0, 3)));
  uint32_t pt = a;
  EXPECT_EQ(iommufd_device_attach(*idev, pt), -EFAULT);
  EXPECT_EQ(s.users.pins(), 0u);
  EXPECT_EQ(s.current.mm->pinned_vm, 0u);
  EXPECT_EQ(s.unmap(fd, a, 0x200000, 0x1000), 0);
  EXPECT_EQ(s.map(fd, a, memory_va, 0x10, 0x300000), 0);  // no whole page
  EXPECT_EQ(iommufd_device_attach(*idev, pt), -EADDRINUSE);
  EXPECT_EQ(s.unmap(fd, a, 0x300000, 0x10), 0);
  EXPECT_EQ(iommufd_device_attach(*idev, pt), 0);
  EXPECT_EQ(s.users.pins(), 4u);
  iommufd_device_detach(*idev);
  iommufd_device_unbind(*idev);
}

TEST(iommufd_limits, are_the_users_or_the_processes) {
  attached_system s;
  s.current.effective.reset(14);
  s.current.rlimit_memlock = 4 * page_size;
  EXPECT_EQ(s.map(s.fd, s.a, memory_va, 0x5000, 0x100000), -ENOMEM);
  EXPECT_TRUE(s.domain->pages.empty());
  EXPECT_EQ(s.map(s.fd, s.a, memory_va, 0x4000, 0x100000), 0);
  EXPECT_EQ(s.current.user->locked_vm, 4u);
  EXPECT_EQ(s.current.mm->locked_vm, 0u);
  EXPECT_EQ(s.map(s.fd, s.a, memory_va, 0x1000, 0x200000), -ENOMEM);
  EXPECT_EQ(s.unmap(s.fd, s.a, 0, UINT64_MAX), 0);
  EXPECT_EQ(s.current.user->locked_vm, 0u);
}

TEST(iommufd_containers, answer_what_they_are) {
  iommufd_system s(true);
  const int fd = s.open("/dev/vfio/vfio");
  struct answer {
    uapi::vfio_iommu_type1_info info;
    std::array<uint64_t, 8> caps{};
  } a;
  a.info.argsz = sizeof(a);
  EXPECT_EQ(s.ioctl(fd, uapi::vfio_iommu_get_info, a), -ENODEV);
  iommufd_ctx* const ictx = iommufd_ctx_from_fd(s.trace, s.current, fd, s.error);
  EXPECT_EQ(iommufd_vfio_compat_ioas_create(*ictx), 0);
  EXPECT_EQ(iommufd_vfio_compat_ioas_create(*ictx), 0);
  iommufd_ctx_put(ictx);
  EXPECT_EQ(s.ioctl(fd, uapi::vfio_iommu_get_info, a), 0);
  EXPECT_EQ(a.info.argsz, 72u);  // one range
  EXPECT_EQ(a.info.flags, 3u);
  EXPECT_EQ(a.info.cap_offset, 24u);
  EXPECT_EQ(a.info.iova_pgsizes, 0xfffffffffffff000u);
  EXPECT_EQ(a.caps[0], (uint64_t{40} << 32) | 0x10003);
  EXPECT_EQ(a.caps[1], UINT32_MAX);
  EXPECT_EQ(a.caps[2], 0x10001u);
  EXPECT_EQ(a.caps[3], 1u);
  EXPECT_EQ(a.caps[5], UINT64_MAX);
}

// ---- Failing allocations

/// All that takes memory, as far as it comes.
void use_everything(iommufd_system& s) {
  const int fd = s.open();
  if (fd < 0) return;
  const uint32_t a = s.ioas(fd);
  const uint32_t b = s.ioas(fd);
  s.map(fd, a, memory_va, 0x40000, 0x100000);
  iommufd_device* const idev = s.bind(fd, s.dev(at(0, 3)));
  if (idev == nullptr) {
    s.current.files.close(fd);
    return;
  }
  const uint32_t dev_id = s.id;
  uint32_t pt = a;
  bool is_attached = iommufd_device_attach(*idev, pt) == 0;
  s.map(fd, a, memory_va, 0x1000, 0x200000);
  s.copy(fd, b, a, 0x8000, 0x300000, 0x100000);
  s.copy(fd, a, a, 0x8000, 0x300000, 0x100000);
  const int64_t h = s.hwpt(fd, dev_id, b);
  if (h > 0) {
    pt = static_cast<uint32_t>(h);
    if (is_attached) {
      iommufd_device_replace(*idev, pt);
    } else {
      is_attached = iommufd_device_attach(*idev, pt) == 0;
    }
  }
  iommufd_ctx* const ictx = iommufd_ctx_from_fd(s.trace, s.current, fd, s.error);
  uint32_t access_id = 0;
  iommufd_access* const access = iommufd_access_create(
      *ictx, {.needs_pin_pages = true, .unmap = [](uint64_t, uint64_t) {}}, access_id, s.error);
  iommufd_ctx_put(ictx);
  if (access != nullptr) {
    std::array<phys_addr, 8> pages;
    if (iommufd_access_attach(*access, b) == 0) {
      if (iommufd_access_pin_pages(*access, 0x302000, 0x4000, absl::MakeSpan(pages), 0) == 0) {
        iommufd_access_unpin_pages(*access, 0x302000, 0x4000);
      }
    }
    iommufd_access_destroy(*access);
  }
  uapi::iommu_fault_alloc fault{sizeof(fault)};
  s.ioctl(fd, uapi::iommu_fault_queue_alloc_request, fault);
  s.unmap(fd, a, 0, UINT64_MAX);
  if (is_attached) iommufd_device_detach(*idev);
  iommufd_device_unbind(*idev);
  s.current.files.exit_files();
}

TEST(iommufd_failures, of_each_allocation_leave_nothing) {
  iommufd_system s;
  s.give_memory(memory_va, 64);
  const size_t domains = s.driver.domains.size();
  const uint64_t before = s.slab.allocations();
  use_everything(s);
  const uint64_t all = s.slab.allocations() - before;
  EXPECT_GT(all, 40u);
  for (uint64_t n = 1; n <= all; ++n) {
    const int64_t live = s.slab.live();
    s.slab.fail_at(n);
    use_everything(s);
    s.slab.fail_never();
    EXPECT_EQ(s.slab.live(), live) << n;
    EXPECT_EQ(s.users.pins(), 0u) << n;
    EXPECT_EQ(s.current.mm->pinned_vm, 0u) << n;
    EXPECT_EQ(s.driver.domains.size(), domains) << n;
    for (const std::string& line : s.log()) {
      ASSERT_EQ(line.find("WARNING"), std::string::npos) << n << " " << line;
    }
  }
}

// ---- Random operations against a shadow

/// What is mapped where, by arithmetic of its own.
struct shadow {
  std::map<uint64_t, uint64_t> pages;  ///< user addresses by I/O virtual address
  std::map<uint64_t, uint64_t> areas;  ///< bytes by first address
};

class random_run {
 public:
  explicit random_run(attached_system& system) : s(system) {
    b = s.ioas(s.fd);
    iommufd_ctx* const ictx = iommufd_ctx_from_fd(s.trace, s.current, s.fd, s.error);
    access =
        iommufd_access_create(*ictx, {.needs_pin_pages = true, .unmap = {}}, access_id, s.error);
    iommufd_ctx_put(ictx);
    EXPECT_EQ(iommufd_access_attach(*access, s.a), 0);
  }
  ~random_run() {
    while (!pinned.empty()) unpin();
    iommufd_access_destroy(*access);
  }

  void step() {
    switch (pick(8)) {
      case 0:
      case 1:
        return map();
      case 2:
        return copy();
      case 3:
        return unmap();
      case 4:
        return pin();
      case 5:
        if (!pinned.empty()) unpin();
        return;
      case 6:
        return toggle_second();
      default:
        return unmap_other();
    }
  }

  void check() {
    std::set<uint64_t> used;
    std::map<uint64_t, uint64_t> expected;
    for (const auto& [iova, va] : mine.pages) {
      used.insert(va);
      expected[iova] = s.current.mm->translate(va)->value();
    }
    ASSERT_EQ(s.domain->pages, expected);
    if (second != 0) {
      ASSERT_EQ(s.driver.domains.back()->pages, expected);
    }
    for (const auto& [iova, length] : pinned) {
      for (uint64_t at = iova; at < iova + length; at += page_size) used.insert(mine.pages.at(at));
    }
    // Each set of pages is pinned once, however often it is mapped.
    ASSERT_GE(s.users.pins(), used.size());
    ASSERT_EQ(s.users.pins(), s.current.mm->pinned_vm);
  }

 private:
  uint64_t pick(uint64_t n) { return rng() % n; }
  uint64_t any_area() {
    auto it = mine.areas.begin();
    std::advance(it, static_cast<int64_t>(pick(mine.areas.size())));
    return it->first;
  }
  bool is_pinned(uint64_t iova, uint64_t length) {
    for (const auto& [at, size] : pinned) {
      if (at < iova + length && iova < at + size) return true;
    }
    return false;
  }
  void note(uint64_t iova, uint64_t va, uint64_t length) {
    mine.areas[iova] = length;
    for (uint64_t i = 0; i < length; i += page_size) mine.pages[iova + i] = va + i;
  }
  void map() {
    const uint64_t first = pick(60);
    const uint64_t count = 1 + pick(std::min<uint64_t>(16, 64 - first));
    const uint64_t va = memory_va + first * page_size;
    ASSERT_EQ(s.map(s.fd, s.a, va, count * page_size, 0, 6), 0);
    note(s.mapped_at, va, count * page_size);
  }
  void copy() {
    if (mine.areas.empty()) return;
    const uint64_t from = any_area();
    const uint64_t pages = mine.areas[from] / page_size;
    const uint64_t skip = pick(pages);
    const uint64_t length = (1 + pick(pages - skip)) * page_size;
    const uint64_t siova = from + skip * page_size;
    if (pick(3) == 0) {
      ASSERT_EQ(s.copy(s.fd, b, s.a, length, 0, siova, 6), 0);
      return;
    }
    ASSERT_EQ(s.copy(s.fd, s.a, s.a, length, 0, siova, 6), 0);
    note(s.mapped_at, mine.pages.at(siova), length);
  }
  void unmap() {
    if (mine.areas.empty()) return;
    const uint64_t iova = any_area();
    const uint64_t length = mine.areas[iova];
    if (is_pinned(iova, length)) return;
    ASSERT_EQ(s.unmap(s.fd, s.a, iova, length), 0);
    ASSERT_EQ(s.unmapped, length);
    mine.areas.erase(iova);
    for (uint64_t i = 0; i < length; i += page_size) mine.pages.erase(iova + i);
  }
  void unmap_other() {
    if (pick(10) == 0) s.unmap(s.fd, b, 0, UINT64_MAX);
  }
  void pin() {
    if (mine.areas.empty()) return;
    const uint64_t from = any_area();
    const uint64_t pages = mine.areas[from] / page_size;
    const uint64_t skip = pick(pages);
    const uint64_t count = 1 + pick(pages - skip);
    std::vector<phys_addr> out(count);
    const uint64_t iova = from + skip * page_size;
    ASSERT_EQ(iommufd_access_pin_pages(*access, iova, count * page_size, absl::MakeSpan(out), 0),
              0);
    for (uint64_t i = 0; i < count; ++i) {
      ASSERT_EQ(out[i], *s.current.mm->translate(mine.pages.at(iova + i * page_size)));
    }
    pinned.emplace_back(iova, count * page_size);
  }
  void unpin() {
    const size_t which = pick(pinned.size());
    iommufd_access_unpin_pages(*access, pinned[which].first, pinned[which].second);
    pinned.erase(pinned.begin() + static_cast<int64_t>(which));
  }
  /// Another domain of the same IOAS comes or goes.
  void toggle_second() {
    if (second != 0) {
      ASSERT_EQ(s.destroy(s.fd, second), 0);
      second = 0;
      return;
    }
    const int64_t made = s.hwpt(s.fd, s.dev_id, s.a);
    ASSERT_GT(made, 0);
    second = static_cast<uint32_t>(made);
  }

  attached_system& s;
  std::mt19937 rng{1};
  shadow mine;
  std::vector<std::pair<uint64_t, uint64_t>> pinned;
  iommufd_access* access = nullptr;
  uint32_t access_id = 0;
  uint32_t b = 0;
  uint32_t second = 0;
};

TEST(iommufd_random, operations_leave_what_a_shadow_has) {
  attached_system s;
  {
    random_run run(s);
    for (int i = 0; i < 2000; ++i) {
      run.step();
      if (i % 8 == 0) run.check();
      if (testing::Test::HasFatalFailure()) FAIL() << i;
    }
  }
  s.unmap(s.fd, s.a, 0, UINT64_MAX);
  EXPECT_EQ(s.users.pins(), 0u);
  EXPECT_EQ(s.current.mm->pinned_vm, 0u);
  for (const std::string& line : s.log())
    EXPECT_EQ(line.find("WARNING"), std::string::npos) << line;
}

}  // namespace
}  // namespace iommulab::v6_12::iommufd_test
