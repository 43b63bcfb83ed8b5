// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/iommufd/objects.h"

#include <cerrno>

#include "vfio/v6_12/iommufd/ioas.h"
#include "vfio/v6_12/iommufd/test_hooks.h"

namespace iommulab::v6_12 {

int iommufd_object_table::alloc(slab_failures& slab, uint32_t& id) {
  constexpr uint32_t limit_31b = INT32_MAX;
  uint32_t candidate = first_candidate_;
  for (auto at = slots_.lower_bound(candidate); at != slots_.end() && at->first == candidate;
       ++at) {
    ++candidate;
  }
  if (candidate > limit_31b) return -EBUSY;
  slab_token node(slab);
  if (!node) return -ENOMEM;
  slots_.emplace(candidate, slot{nullptr, std::move(node)});
  first_candidate_ = candidate + 1;
  id = candidate;
  return 0;
}

iommufd_object* iommufd_object_table::load(uint32_t id) const {
  const auto at = slots_.find(id);
  return at == slots_.end() ? nullptr : at->second.object;
}

iommufd_object* iommufd_object_table::erase(uint32_t id) {
  const auto at = slots_.find(id);
  if (at == slots_.end()) return nullptr;
  iommufd_object* const old = at->second.object;
  slots_.erase(at);
  first_candidate_ = std::min(first_candidate_, id);
  return old;
}

iommufd_object* iommufd_object_table::next(uint32_t id) const {
  for (auto at = slots_.lower_bound(id); at != slots_.end(); ++at) {
    if (at->second.object != nullptr) return at->second.object;
  }
  return nullptr;
}

int iommufd_object_reserve(iommufd_ctx& ictx, iommufd_object& obj) {
  return ictx.objects.alloc(ictx.module.slab, obj.id);
}

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_object_finalize()
void iommufd_object_finalize(iommufd_ctx& ictx, iommufd_object& obj) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_object_finalize", {"obj", obj});
  ictx.objects.store(obj.id, obj);
}

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_object_abort()
void iommufd_object_abort(iommufd_ctx& ictx, iommufd_object& obj) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_object_abort", {"obj", obj});
  if (ictx.objects.erase(obj.id) != nullptr) ictx.module.env.log.warn_on("iommufd_object_abort");
  kernel_delete(ictx.module.slab, &obj);
}

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_object_abort_and_destroy()
void iommufd_object_abort_and_destroy(iommufd_ctx& ictx, iommufd_object& obj) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_object_abort_and_destroy", {"obj", obj});
  // The file holds the object until it is closed.
  fput(obj.aborted_file());
  obj.abort();
  iommufd_object_abort(ictx, obj);
}

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_get_object()
iommufd_object* iommufd_get_object(iommufd_ctx& ictx, uint32_t id, iommufd_object_type type,
                                   int& error) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_get_object", {"id", id}, {"type", type});
  iommufd_object* const obj = iommufd_should_fail(ictx.module) ? nullptr : ictx.objects.load(id);
  const bool is_of_type = obj != nullptr && (type == iommufd_object_type::any || obj->type == type);
  if (!is_of_type || !iommufd_lock_obj(*obj)) {
    error = -ENOENT;
    return this_call.result(static_cast<iommufd_object*>(nullptr), error);
  }
  error = 0;
  return this_call.result(obj);
}

namespace {

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_object_dec_wait_shortterm(). With one thread
// nobody is there to wait for.
int iommufd_object_dec_wait_shortterm(iommufd_ctx& ictx, iommufd_object& to_destroy) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_object_dec_wait_shortterm", {"to_destroy", to_destroy});
  if (--to_destroy.shortterm_users == 0) return this_call.result(0);
  ictx.module.env.log.print(log_level::crit,
                            "iommufd: Time out waiting for iommufd object to become free");
  ++to_destroy.shortterm_users;
  return this_call.result(-EBUSY);
}

/// The object is out of the table, if nobody but the table holds it.
int take_out(iommufd_ctx& ictx, iommufd_object* to_destroy, uint32_t id, iommufd_object*& obj) {
  obj = ictx.objects.load(id);
  if (to_destroy != nullptr) {
    --obj->users;
    if (obj != to_destroy) {
      ictx.module.env.log.warn_on("iommufd_object_remove");
      return -ENOENT;
    }
  } else if (obj == nullptr) {
    return -ENOENT;
  }
  if (obj->users != 1) return -EBUSY;
  obj->users = 0;
  ictx.objects.erase(id);
  if (ictx.vfio_ioas == obj) ictx.vfio_ioas = nullptr;
  return 0;
}

}  // namespace

// Linux v6.12 drivers/iommu/iommufd/main.c: iommufd_object_remove()
int iommufd_object_remove(iommufd_ctx& ictx, iommufd_object* to_destroy, uint32_t id,
                          unsigned flags) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_object_remove", {"to_destroy", to_destroy}, {"id", id},
                {"flags", flags});
  const bool waits = (flags & remove_wait_shortterm) != 0;
  if (waits) {
    if (const int ret = iommufd_object_dec_wait_shortterm(ictx, *to_destroy); ret != 0) {
      --to_destroy->users;
      return this_call.result(ret);
    }
  }
  iommufd_object* obj = nullptr;
  if (const int ret = take_out(ictx, to_destroy, id, obj); ret != 0) {
    if (waits) obj->shortterm_users = 1;
    return this_call.result(ret);
  }
  if (!waits) {
    if (const int ret = iommufd_object_dec_wait_shortterm(ictx, *obj); ret != 0) {
      ictx.module.env.log.warn_on("iommufd_object_remove");
      return this_call.result(ret);
    }
  }
  // What the object holds may be all that keeps the context.
  slab_failures& slab = ictx.module.slab;
  obj->destroy();
  kernel_delete(slab, obj);
  return this_call.result(0);
}

// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: iommufd_object_destroy_user()
void iommufd_object_destroy_user(iommufd_ctx& ictx, iommufd_object& obj) {
  environment& env = ictx.module.env;
  IOMMULAB_CALL(env.trace, "iommufd_object_destroy_user", {"obj", obj});
  if (iommufd_object_remove(ictx, &obj, obj.id, remove_wait_shortterm) != 0) {
    env.log.warn_on("iommufd_object_destroy_user");
  }
}

// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: iommufd_object_put_and_try_destroy()
void iommufd_object_put_and_try_destroy(iommufd_ctx& ictx, iommufd_object& obj) {
  IOMMULAB_CALL(ictx.trace(), "iommufd_object_put_and_try_destroy", {"obj", obj});
  iommufd_object_remove(ictx, &obj, obj.id, 0);
}

}  // namespace iommulab::v6_12
