// SPDX-License-Identifier: GPL-2.0-only
//
// Accesses that a test makes, each a file. Linux v6.12 drivers/iommu/iommufd/selftest.c
#include <algorithm>
#include <cerrno>
#include <list>
#include <vector>

#include "vfio/v6_12/iommufd/selftest/selftest.h"

namespace iommulab::v6_12 {
namespace {

/// What a test has pinned: struct selftest_access_item.
struct selftest_access_item {
  uint64_t iova = 0;
  uint64_t length = 0;
  uint32_t id = 0;
  slab_token memory;
};

/// struct selftest_access, and the file whose private data it is there.
class selftest_access final : public file {
 public:
  selftest_access(iommufd_module& module_, bool pins_, slab_token memory, slab_token file_memory)
      : module(module_),
        pins(pins_),
        memory_(std::move(memory)),
        file_memory_(std::move(file_memory)) {}
  void release() override;
  void unmap(uint64_t iova, uint64_t length);
  void unpin(std::list<selftest_access_item>::iterator item);

  iommufd_module& module;
  iommufd_access* access = nullptr;
  std::list<selftest_access_item> items;
  uint32_t next_id = 0;
  bool pins;  ///< it was made with selftest_access_ops_pin

 private:
  slab_token memory_;
  slab_token file_memory_;
};

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_access_get(). Held, until fput(). Null when
// the descriptor is no access.
selftest_access* iommufd_access_get(const iommufd_ucmd& ucmd, uint32_t fd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_access_get", {"fd", fd});
  auto* const staccess =
      dynamic_cast<selftest_access*>(ucmd.current.files.lookup(static_cast<int>(fd)));
  if (staccess != nullptr) get_file(*staccess);
  return this_call.result(staccess, staccess == nullptr ? -EBADFD : 0);
}

void selftest_access::unpin(std::list<selftest_access_item>::iterator item) {
  iommufd_access_unpin_pages(*access, item->iova, item->length);
  items.erase(item);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_access_unmap()
void selftest_access::unmap(uint64_t iova, uint64_t length) {
  IOMMULAB_CALL(module.env.trace, "iommufd_test_access_unmap", {"iova", iova}, {"length", length});
  const uint64_t iova_last = iova + length - 1;
  for (auto item = items.begin(); item != items.end();) {
    const auto at = item++;
    if (iova <= at->iova + at->length - 1 && iova_last >= at->iova) unpin(at);
  }
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_staccess_release()
void selftest_access::release() {
  IOMMULAB_CALL(module.env.trace, "iommufd_test_staccess_release");
  if (access == nullptr) return;
  unmap(0, UINT64_MAX);
  iommufd_access_destroy(*access);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_alloc_access(). Null: no memory.
selftest_access* iommufd_test_alloc_access(iommufd_module& module, bool pins) {
  IOMMULAB_CALL(module.env.trace, "iommufd_test_alloc_access");
  slab_token memory(module.slab);
  if (!memory) return this_call.result(nullptr, -ENOMEM);
  slab_token file_memory(module.slab);
  if (!file_memory) return this_call.result(nullptr, -ENOMEM);
  return this_call.result(
      new selftest_access(module, pins, std::move(memory), std::move(file_memory)), "access");
}

/// The access behind the file, attached, and the user told the descriptor; or nothing of that.
int connect_access(iommufd_ucmd& ucmd, uapi::iommu_test_cmd& cmd, selftest_access& staccess,
                   int fdno) {
  iommufd_access_ops ops;
  ops.needs_pin_pages = staccess.pins;
  ops.unmap = [&staccess](uint64_t iova, uint64_t length) { staccess.unmap(iova, length); };
  int rc = 0;
  uint32_t id = 0;
  iommufd_access* const access = iommufd_access_create(ucmd.ictx, std::move(ops), id, rc);
  if (access == nullptr) return rc;
  rc = iommufd_access_attach(*access, cmd.id);
  if (rc == 0) {
    cmd.create_access.out_access_fd = static_cast<uint32_t>(fdno);
    rc = iommufd_ucmd_respond(ucmd, cmd);
  }
  if (rc == 0) {
    staccess.access = access;
  } else {
    iommufd_access_destroy(*access);
  }
  return rc;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_create_access()
int iommufd_test_create_access(iommufd_ucmd& ucmd, uapi::iommu_test_cmd& cmd) {
  const uint32_t flags = cmd.create_access.flags;
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_test_create_access", {"ioas_id", cmd.id},
                {"flags", flags});
  if ((flags & ~uapi::mock_flags_access_create_needs_pin_pages) != 0) {
    return this_call.result(-EOPNOTSUPP);
  }
  selftest_access* const staccess = iommufd_test_alloc_access(ucmd.ictx.module, flags != 0);
  if (staccess == nullptr) return this_call.result(-ENOMEM);
  const int fdno = ucmd.current.files.install(*staccess);
  const int rc = connect_access(ucmd, cmd, *staccess, fdno);
  if (rc != 0) ucmd.current.files.close(fdno);
  return this_call.result(rc);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_access_replace_ioas()
int iommufd_test_access_replace_ioas(iommufd_ucmd& ucmd, const uapi::iommu_test_cmd& cmd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_test_access_replace_ioas", {"access_id", cmd.id});
  selftest_access* const staccess = iommufd_access_get(ucmd, cmd.id);
  if (staccess == nullptr) return this_call.result(-EBADFD);
  const int rc = iommufd_access_replace(*staccess->access, cmd.access_replace_ioas.ioas_id);
  fput(staccess);
  return this_call.result(rc);
}

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_access_item_destroy()
int iommufd_test_access_item_destroy(iommufd_ucmd& ucmd, const uapi::iommu_test_cmd& cmd) {
  const uint32_t item_id = cmd.destroy_access_pages.access_pages_id;
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_test_access_item_destroy", {"access_id", cmd.id},
                {"item_id", item_id});
  selftest_access* const staccess = iommufd_access_get(ucmd, cmd.id);
  if (staccess == nullptr) return this_call.result(-EBADFD);
  auto& items = staccess->items;
  const auto item = std::find_if(items.begin(), items.end(),
                                 [&](const auto& each) { return each.id == item_id; });
  const bool is_known = item != items.end();
  if (is_known) staccess->unpin(item);
  fput(staccess);
  return this_call.result(is_known ? 0 : -ENOENT);
}

namespace {

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_check_pages()
int iommufd_test_check_pages(const iommufd_ucmd& ucmd, uint64_t uptr,
                             absl::Span<const phys_addr> pages) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_test_check_pages", {"uptr", uptr},
                {"npages", pages.size()});
  for (const phys_addr page : pages) {
    phys_addr users;
    if (const int rc = iommufd_test_user_page(ucmd.current, uptr, users); rc != 0) {
      return this_call.result(rc);
    }
    if (users != page) return this_call.result(-EBADE);
    uptr += page_size;
  }
  return this_call.result(0);
}

/// What was pinned is compared with the user's, and noted; the user is told its number.
int note_pinned(iommufd_ucmd& ucmd, uapi::iommu_test_cmd& cmd, selftest_access& staccess,
                uint64_t iova, absl::Span<const phys_addr> pages) {
  const uint64_t uptr = cmd.access_pages.uptr;
  if (uptr != 0) {
    const int rc = iommufd_test_check_pages(ucmd, uptr - iova % page_size, pages);
    if (rc != 0) return rc;
  }
  slab_token memory(ucmd.ictx.module.slab);
  if (!memory) return -ENOMEM;
  const uint32_t id = staccess.next_id++;
  staccess.items.push_back({iova, cmd.access_pages.length, id, std::move(memory)});
  cmd.access_pages.out_access_pages_id = id;
  const int rc = iommufd_ucmd_respond(ucmd, cmd);
  if (rc != 0) staccess.items.pop_back();
  return rc;
}

int pin_for_test(iommufd_ucmd& ucmd, uapi::iommu_test_cmd& cmd, selftest_access& staccess) {
  if (!staccess.pins) return -EOPNOTSUPP;
  iommufd_access& access = *staccess.access;
  const uint32_t flags = cmd.access_pages.flags;
  const uint64_t length = cmd.access_pages.length;
  uint64_t iova = cmd.access_pages.iova;
  if ((flags & uapi::mock_flags_access_syz) != 0) {
    iova = access.ioas == nullptr ? 0 : iommufd_test_nth_area(access.ioas->iopt, iova);
  }
  const slab_token memory(ucmd.ictx.module.slab);
  if (!memory) return -ENOMEM;
  const uint64_t end = (iova + length + page_size - 1) & page_mask;
  std::vector<phys_addr> pages((end - (iova & page_mask)) / page_size);
  int rc = iommufd_access_pin_pages(access, iova, length, absl::MakeSpan(pages),
                                    flags & uapi::mock_flags_access_write);
  if (rc != 0) return rc;
  rc = note_pinned(ucmd, cmd, staccess, iova, pages);
  if (rc != 0) iommufd_access_unpin_pages(access, iova, length);
  return rc;
}

constexpr uint64_t most_bytes = uint64_t{16} << 20;

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_access_pages()
int iommufd_test_access_pages(iommufd_ucmd& ucmd, uapi::iommu_test_cmd& cmd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_test_access_pages", {"access_id", cmd.id},
                {"iova", cmd.access_pages.iova}, {"length", cmd.access_pages.length});
  if (cmd.access_pages.length > most_bytes) return this_call.result(-ENOMEM);
  constexpr uint32_t known = uapi::mock_flags_access_write | uapi::mock_flags_access_syz;
  if ((cmd.access_pages.flags & ~known) != 0) return this_call.result(-EOPNOTSUPP);
  selftest_access* const staccess = iommufd_access_get(ucmd, cmd.id);
  if (staccess == nullptr) return this_call.result(-EBADFD);
  const int rc = pin_for_test(ucmd, cmd, *staccess);
  fput(staccess);
  return this_call.result(rc);
}

namespace {

int copy_for_test(iommufd_ucmd& ucmd, const uapi::iommu_test_cmd& cmd, iommufd_access& access) {
  auto [iova, length, ubuf, flags] = cmd.access_rw;
  const bool writes = (flags & uapi::mock_access_rw_write) != 0;
  const slab_token memory(ucmd.ictx.module.slab);
  if (!memory) return -ENOMEM;
  std::vector<std::byte> tmp(length);
  if (writes && ucmd.current.mm->copy_from_user(absl::MakeSpan(tmp), ubuf) != 0) return -EFAULT;
  if ((flags & uapi::mock_flags_access_syz) != 0) {
    iova = access.ioas == nullptr ? 0 : iommufd_test_nth_area(access.ioas->iopt, iova);
  }
  const int rc = iommufd_access_rw(access, iova, absl::MakeSpan(tmp), flags);
  if (rc != 0) return rc;
  if (!writes && ucmd.current.mm->copy_to_user(ubuf, absl::MakeConstSpan(tmp)) != 0) return -EFAULT;
  return 0;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/selftest.c: iommufd_test_access_rw()
int iommufd_test_access_rw(iommufd_ucmd& ucmd, const uapi::iommu_test_cmd& cmd) {
  IOMMULAB_CALL(ucmd.ictx.trace(), "iommufd_test_access_rw", {"access_id", cmd.id},
                {"iova", cmd.access_rw.iova}, {"length", cmd.access_rw.length});
  if (cmd.access_rw.length > most_bytes) return this_call.result(-ENOMEM);
  constexpr uint32_t known =
      uapi::mock_access_rw_write | uapi::mock_access_rw_slow_path | uapi::mock_flags_access_syz;
  if ((cmd.access_rw.flags & ~known) != 0) return this_call.result(-EOPNOTSUPP);
  selftest_access* const staccess = iommufd_access_get(ucmd, cmd.id);
  if (staccess == nullptr) return this_call.result(-EBADFD);
  const int rc = copy_for_test(ucmd, cmd, *staccess->access);
  fput(staccess);
  return this_call.result(rc);
}

}  // namespace iommulab::v6_12
