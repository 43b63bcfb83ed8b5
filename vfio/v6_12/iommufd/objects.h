// SPDX-License-Identifier: GPL-2.0-only
//
// One open iommufd, and the objects in it that a user names by number. Numbers are the lowest free
// ones from 1 on. Linux v6.12 drivers/iommu/iommufd/iommufd_private.h
//
// Invariants: an object with a number and without a pointer is being made, and nobody finds it.
// `users` counts who holds an object, the table itself included; `shortterm_users` those of them
// that go by themselves soon. An object with one user is a leaf, and may be destroyed.
//
// One thread at a time: the kernel's locks of objects have no counterpart.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include "core/slab.h"
#include "vfio/v6_12/iommufd/iommufd.h"

namespace iommulab::v6_12 {

struct iommufd_ioas;
struct iommufd_group;

/// Linux v6.12 drivers/iommu/iommufd/iommufd_private.h: enum iommufd_object_type; `any` is also
/// what asks for all of them.
enum class iommufd_object_type : uint8_t {
  any,
  device,
  hwpt_paging,
  hwpt_nested,
  ioas,
  access,
  fault,
  selftest,
};

/// struct iommufd_object
struct iommufd_object {
  explicit iommufd_object(iommufd_object_type type_) : type(type_) {}
  virtual ~iommufd_object() = default;
  iommufd_object(const iommufd_object&) = delete;
  iommufd_object& operator=(const iommufd_object&) = delete;

  /// iommufd_object_ops: what it holds is let go; its memory goes behind this.
  virtual void destroy() = 0;
  /// The same of an object that was never to be found.
  virtual void abort() { destroy(); }
  /// The file that has to be closed before abort(), or null.
  [[nodiscard]] virtual file* aborted_file() { return nullptr; }

  unsigned shortterm_users = 1;
  unsigned users = 1;
  iommufd_object_type type;
  uint32_t id = 0;
};
inline uint32_t trace_word(const iommufd_object& obj) {
  return obj.id;
}

/// ictx->objects, an xarray that gives out numbers.
class iommufd_object_table {
 public:
  /// A number without an object: 0, -ENOMEM, or -EBUSY when all are taken.
  int alloc(slab_failures& slab, uint32_t& id);
  /// Null where there is none, or none yet.
  [[nodiscard]] iommufd_object* load(uint32_t id) const;
  /// The number has an object from now on.
  void store(uint32_t id, iommufd_object& obj) { slots_.at(id).object = &obj; }
  /// Null when there was no object.
  iommufd_object* erase(uint32_t id);
  /// No number is taken.
  [[nodiscard]] bool empty() const { return slots_.empty(); }
  /// The object with the lowest number from `id` on, or null.
  [[nodiscard]] iommufd_object* next(uint32_t id) const;

 private:
  struct slot {
    iommufd_object* object = nullptr;
    slab_token node;
  };
  std::map<uint32_t, slot> slots_;
  uint32_t first_candidate_ = 1;  ///< all below are taken
};

/// Who is charged for pinned pages. Linux v6.12 drivers/iommu/iommufd/io_pagetable.h
enum class iopt_pages_account : uint8_t { none, user, mm };

/// struct iommufd_ctx
class iommufd_ctx {
 public:
  iommufd_ctx(iommufd_module& module_, file& filp_) : module(module_), filp(filp_) {}
  iommufd_ctx(const iommufd_ctx&) = delete;
  iommufd_ctx& operator=(const iommufd_ctx&) = delete;

  [[nodiscard]] tracer& trace() const { return module.env.trace; }

  iommufd_module& module;
  file& filp;  ///< ictx->file
  iommufd_object_table objects;
  struct group_slot {
    iommufd_group* group = nullptr;
    slab_token node;
  };
  std::map<int, group_slot> groups;  ///< by the number of the IOMMU group
  iopt_pages_account account_mode = iopt_pages_account::none;
  bool no_iommu_mode = false;
  iommufd_ioas* vfio_ioas = nullptr;
};

/// iommufd_lock_obj(): false when it is on its way out.
inline bool iommufd_lock_obj(iommufd_object& obj) {
  if (obj.users == 0 || obj.shortterm_users == 0) return false;
  ++obj.users;
  ++obj.shortterm_users;
  return true;
}
inline void iommufd_put_object(iommufd_object& obj) {
  --obj.users;
  --obj.shortterm_users;
}

/// A number for a new object: 0 or a negative errno.
int iommufd_object_reserve(iommufd_ctx& ictx, iommufd_object& obj);

/// A new object with a number that nobody finds yet. Null with `error` set.
/// Linux v6.12 drivers/iommu/iommufd/main.c: _iommufd_object_alloc()
template <typename T, typename... Args>
T* iommufd_object_alloc(iommufd_ctx& ictx, iommufd_object_type type, int& error, Args&&... args) {
  IOMMULAB_CALL(ictx.trace(), "_iommufd_object_alloc", {"type", type});
  error = -ENOMEM;
  kernel_ptr<T> obj = kernel_new<T>(ictx.module.slab, std::forward<Args>(args)...);
  if (obj == nullptr) return this_call.result(static_cast<T*>(nullptr), error);
  obj->type = type;
  error = iommufd_object_reserve(ictx, *obj);
  if (error != 0) return this_call.result(static_cast<T*>(nullptr), error);
  return this_call.result(obj.release());
}
/// From now on the object can be found; nothing may fail any more.
void iommufd_object_finalize(iommufd_ctx& ictx, iommufd_object& obj);
/// Frees an object that was not finalized and holds nothing.
void iommufd_object_abort(iommufd_ctx& ictx, iommufd_object& obj);
/// The same of one that was made ready.
void iommufd_object_abort_and_destroy(iommufd_ctx& ictx, iommufd_object& obj);

/// Held, until iommufd_put_object(). Null with `error` set: -ENOENT when there is none of the type.
iommufd_object* iommufd_get_object(iommufd_ctx& ictx, uint32_t id, iommufd_object_type type,
                                   int& error);

inline constexpr unsigned remove_wait_shortterm = 1;
/// Destroys the object when nobody else holds it: 0, -EBUSY, -ENOENT. `to_destroy`, which the
/// caller holds and lets go of, may be null.
int iommufd_object_remove(iommufd_ctx& ictx, iommufd_object* to_destroy, uint32_t id,
                          unsigned flags);
/// Whoever made the object is done with it.
void iommufd_object_destroy_user(iommufd_ctx& ictx, iommufd_object& obj);
/// The caller lets go; it goes if that was the last one.
void iommufd_object_put_and_try_destroy(iommufd_ctx& ictx, iommufd_object& obj);

}  // namespace iommulab::v6_12
