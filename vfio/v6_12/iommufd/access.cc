// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/iommufd/access.h"

#include <algorithm>
#include <cerrno>

#include "vfio/v6_12/iommufd/test_hooks.h"

namespace iommulab::v6_12 {
namespace {

void leave_ioas(iommufd_access& access, iommufd_ioas& ioas, uint32_t list_id) {
  if (access.ops.unmap) access.ops.unmap(0, UINT64_MAX);
  iopt_remove_access(ioas.iopt, access, list_id);
  --ioas.users;
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_access_change_ioas()
int iommufd_access_change_ioas(iommufd_access& access, iommufd_ioas* new_ioas) {
  IOMMULAB_CALL(access.ictx->trace(), "iommufd_access_change_ioas", {"access", access},
                {"new_ioas", new_ioas});
  const uint32_t list_id = access.iopt_access_list_id;
  iommufd_ioas* const cur_ioas = access.ioas;
  if (cur_ioas != access.ioas_unpin) return this_call.result(-EBUSY);
  if (cur_ioas == new_ioas) return this_call.result(0);
  access.ioas = nullptr;  // nobody pins from now on
  if (new_ioas != nullptr) {
    const int rc = iopt_add_access(new_ioas->iopt, access);
    if (rc != 0) {
      access.ioas = cur_ioas;
      return this_call.result(rc);
    }
    ++new_ioas->users;
  }
  if (cur_ioas != nullptr) leave_ioas(access, *cur_ioas, list_id);
  access.ioas = new_ioas;
  access.ioas_unpin = new_ioas;
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_access_change_ioas_id()
int iommufd_access_change_ioas_id(iommufd_access& access, uint32_t id) {
  IOMMULAB_CALL(access.ictx->trace(), "iommufd_access_change_ioas_id", {"access", access},
                {"id", id});
  int error = 0;
  iommufd_ioas* const ioas = iommufd_get_ioas(*access.ictx, id, error);
  if (ioas == nullptr) return this_call.result(error);
  const int rc = iommufd_access_change_ioas(access, ioas);
  iommufd_put_object(*ioas);
  return this_call.result(rc);
}

void warn_of(const iommufd_access& access, std::string_view function) {
  access.ictx->module.env.log.warn_on(function);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_access_destroy_object()
void iommufd_access_destroy_object(iommufd_access& access) {
  environment& env = access.ictx->module.env;
  IOMMULAB_CALL(env.trace, "iommufd_access_destroy_object", {"access", access});
  if (access.ioas != nullptr && iommufd_access_change_ioas(access, nullptr) != 0) {
    env.log.warn_on("iommufd_access_destroy_object");
  }
  iommufd_ctx_put(access.ictx);
}

}  // namespace

void iommufd_access::destroy() {
  iommufd_access_destroy_object(*this);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_access_create()
iommufd_access* iommufd_access_create(iommufd_ctx& ictx, iommufd_access_ops ops, uint32_t& id,
                                      int& error) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_access_create", {"needs_pin_pages", ops.needs_pin_pages});
  iommufd_access* const access =
      iommufd_object_alloc<iommufd_access>(ictx, iommufd_object_type::access, error);
  if (access == nullptr) return this_call.result(access, error);
  access->iova_alignment = ops.needs_pin_pages ? page_size : 1;
  access->ops = std::move(ops);
  ++access->users;
  access->ictx = &ictx;
  iommufd_ctx_get(ictx);
  iommufd_object_finalize(ictx, *access);
  id = access->id;
  return this_call.result(access);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_access_destroy()
void iommufd_access_destroy(iommufd_access& access) {
  iommufd_ctx& ictx = *access.ictx;
  tracer& trace = ictx.trace();
  IOMMULAB_CALL(trace, "iommufd_access_destroy", {"access", access});
  iommufd_object_destroy_user(ictx, access);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_access_detach()
void iommufd_access_detach(iommufd_access& access) {
  IOMMULAB_CALL(access.ictx->trace(), "iommufd_access_detach", {"access", access});
  if (access.ioas == nullptr || iommufd_access_change_ioas(access, nullptr) != 0) {
    warn_of(access, "iommufd_access_detach");
  }
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_access_attach()
int iommufd_access_attach(iommufd_access& access, uint32_t ioas_id) {
  IOMMULAB_CALL(access.ictx->trace(), "iommufd_access_attach", {"access", access},
                {"ioas_id", ioas_id});
  if (access.ioas != nullptr) {
    warn_of(access, "iommufd_access_attach");
    return this_call.result(-EINVAL);
  }
  return this_call.result(iommufd_access_change_ioas_id(access, ioas_id));
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_access_replace()
int iommufd_access_replace(iommufd_access& access, uint32_t ioas_id) {
  IOMMULAB_CALL(access.ictx->trace(), "iommufd_access_replace", {"access", access},
                {"ioas_id", ioas_id});
  if (access.ioas == nullptr) return this_call.result(-ENOENT);
  return this_call.result(iommufd_access_change_ioas_id(access, ioas_id));
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_access_notify_unmap()
void iommufd_access_notify_unmap(io_pagetable& iopt, uint64_t iova, uint64_t length) {
  IOMMULAB_CALL(iopt.trace(), "iommufd_access_notify_unmap", {"iova", iova}, {"length", length});
  for (auto at = iopt.access_list.begin(); at != iopt.access_list.end();) {
    const uint32_t id = at->first;
    iommufd_access& access = *at->second.access;
    if (iommufd_lock_obj(access)) {
      if (access.ops.unmap) access.ops.unmap(iova, length);
      iommufd_put_object(access);
    }
    at = iopt.access_list.upper_bound(id);
  }
}

// ---- Pinning

namespace {

/// The accesses to the range's areas go. Whether the walk came to the end.
bool remove_accesses(const io_pagetable& iopt, uint64_t iova, uint64_t last_iova) {
  iopt_area_contig_iter iter;
  for (iopt_area* area = iopt_area_contig_init(iter, iopt, iova, last_iova); area != nullptr;
       area = iopt_area_contig_next(iter)) {
    // The kernel's compiler fetches the last argument first.
    const uint64_t last =
        iopt_area_iova_to_index(*area, std::min(last_iova, iopt_area_last_iova(*area)));
    iopt_area_remove_access(*area, iopt_area_iova_to_index(*area, iter.cur_iova), last);
  }
  return iopt_area_contig_done(iter);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iopt_area_contig_is_aligned()
bool iopt_area_contig_is_aligned(const iopt_area_contig_iter& iter) {
  const iopt_area& area = *iter.area;
  IOMMULAB_CALL(area.trace(), "iopt_area_contig_is_aligned", {"area", area});
  if (iopt_area_start_byte(area, iter.cur_iova) % page_size != 0) return this_call.result(false);
  if (iopt_area_contig_done(iter)) return this_call.result(true);
  return this_call.result(iopt_area_start_byte(area, iopt_area_last_iova(area)) % page_size ==
                          page_size - 1);
}

// Linux v6.12 drivers/iommu/iommufd/device.c: check_area_prot()
bool check_area_prot(const iopt_area& area, unsigned flags) {
  IOMMULAB_CALL(area.trace(), "check_area_prot", {"area", area}, {"flags", flags});
  const int wanted = (flags & iommufd_access_rw_write) != 0 ? iommu_write : iommu_read;
  return this_call.result((area.iommu_prot & wanted) != 0);
}

/// The part of the range that lies in the iterator's area; `out_pages` moves on.
int pin_in_area(const iopt_area_contig_iter& iter, uint64_t last_iova,
                absl::Span<phys_addr>& out_pages, unsigned flags) {
  iopt_area& area = *iter.area;
  const uint64_t last = std::min(last_iova, iopt_area_last_iova(area));
  const uint64_t last_index = iopt_area_iova_to_index(area, last);
  const uint64_t index = iopt_area_iova_to_index(area, iter.cur_iova);
  if (area.prevent_access || !iopt_area_contig_is_aligned(iter)) return -EINVAL;
  if (!check_area_prot(area, flags)) return -EPERM;
  const uint64_t pages = last_index - index + 1;
  if (pages > out_pages.size()) return -EINVAL;  // the kernel's callers have the room
  const int rc = iopt_area_add_access(area, index, last_index, out_pages, flags);
  if (rc == 0) out_pages.remove_prefix(pages);
  return rc;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_access_unpin_pages()
void iommufd_access_unpin_pages(iommufd_access& access, uint64_t iova, uint64_t length) {
  IOMMULAB_CALL(access.ictx->trace(), "iommufd_access_unpin_pages", {"access", access},
                {"iova", iova}, {"length", length});
  uint64_t last_iova = 0;
  if (length == 0 || add_overflows(iova, length - 1, last_iova) || access.ioas_unpin == nullptr ||
      !remove_accesses(access.ioas_unpin->iopt, iova, last_iova)) {
    warn_of(access, "iommufd_access_unpin_pages");
  }
}

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_access_pin_pages()
int iommufd_access_pin_pages(iommufd_access& access, uint64_t iova, uint64_t length,
                             absl::Span<phys_addr> out_pages, unsigned flags) {
  IOMMULAB_CALL(access.ictx->trace(), "iommufd_access_pin_pages", {"access", access},
                {"iova", iova}, {"length", length}, {"flags", flags});
  uint64_t last_iova = 0;
  if (iommufd_test_warn_on(access.ictx->module,
                           access.iova_alignment != page_size || !access.ops.unmap,
                           "iommufd_access_pin_pages")) {
    return this_call.result(-EINVAL);
  }
  if (length == 0) return this_call.result(-EINVAL);
  if (add_overflows(iova, length - 1, last_iova)) return this_call.result(-EOVERFLOW);
  if (access.ioas == nullptr) return this_call.result(-ENOENT);
  const io_pagetable& iopt = access.ioas->iopt;
  iopt_area_contig_iter iter;
  int rc = 0;
  for (const iopt_area* area = iopt_area_contig_init(iter, iopt, iova, last_iova); area != nullptr;
       area = iopt_area_contig_next(iter)) {
    rc = pin_in_area(iter, last_iova, out_pages, flags);
    if (rc != 0) break;
  }
  if (rc == 0 && !iopt_area_contig_done(iter)) rc = -ENOENT;
  if (rc != 0 && iova < iter.cur_iova) remove_accesses(iopt, iova, iter.cur_iova - 1);
  return this_call.result(rc);
}

namespace {

int copy_in_area(const iopt_area_contig_iter& iter, uint64_t last_iova, absl::Span<std::byte>& data,
                 unsigned flags) {
  const iopt_area& area = *iter.area;
  const uint64_t last = std::min(last_iova, iopt_area_last_iova(area));
  const uint64_t bytes = last - iter.cur_iova + 1;
  if (area.prevent_access) return -EINVAL;
  if (!check_area_prot(area, flags)) return -EPERM;
  const int rc = iopt_pages_rw_access(*area.pages, iopt_area_start_byte(area, iter.cur_iova),
                                      data.subspan(0, bytes), flags);
  if (rc == 0) data.remove_prefix(bytes);
  return rc;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/device.c: iommufd_access_rw()
int iommufd_access_rw(iommufd_access& access, uint64_t iova, absl::Span<std::byte> data,
                      unsigned flags) {
  IOMMULAB_CALL(access.ictx->trace(), "iommufd_access_rw", {"access", access}, {"iova", iova},
                {"length", data.size()}, {"flags", flags});
  uint64_t last_iova = 0;
  if (data.empty()) return this_call.result(-EINVAL);
  if (add_overflows(iova, data.size() - 1, last_iova)) return this_call.result(-EOVERFLOW);
  if (access.ioas == nullptr) return this_call.result(-ENOENT);
  iopt_area_contig_iter iter;
  for (const iopt_area* area = iopt_area_contig_init(iter, access.ioas->iopt, iova, last_iova);
       area != nullptr; area = iopt_area_contig_next(iter)) {
    const int rc = copy_in_area(iter, last_iova, data, flags);
    if (rc != 0) return this_call.result(rc);
  }
  return this_call.result(iopt_area_contig_done(iter) ? 0 : -ENOENT);
}

}  // namespace iommulab::v6_12
