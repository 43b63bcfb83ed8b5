// SPDX-License-Identifier: GPL-2.0-only
//
// The whole interface of a kernel's iova.c, whatever its version: what trace files replay and
// what tools look into. Each function bears the kernel's name, with the allocator interface's
// grants in place of `struct iova *`.
//
// What a version does not have answers `supports()` with false and must not be called.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "iova/lab/allocator.h"
#include "iova/lab/catalogue.h"

namespace iommulab {

/// What came and went between versions.
enum class linux_iova_feature {
  split,          ///< split_and_remove_iova(), until 5.x
  copy_reserved,  ///< copy_reserved_iova()
  range_caches,   ///< the _fast pair and the per-CPU caches, from 4.7
  flush_global,   ///< free_global_cached_iovas(), from 5.11
  depot_work,     ///< the depot that shrinks by work, from 6.6
};

class linux_iova_domain : public iova_allocator {
 public:
  [[nodiscard]] virtual bool supports(linux_iova_feature feature) const = 0;

  /// init_iova_domain() again, on an empty space: put_iova_domain() first.
  virtual void init_iova_domain(const iova_space& space) = 0;
  /// iova_domain_init_rcaches(), or what the version's init does. False: no memory.
  virtual bool init_rcaches(unsigned cpus) = 0;

  /// The node that `grant` names.
  [[nodiscard]] virtual iova_range range(iova_grant grant) const = 0;
  /// The node that reserve_iova() returns: a new, an older or a wider one. Nothing: no memory.
  virtual std::optional<iova_range> reserve_iova(uint64_t pfn_lo, uint64_t pfn_hi) = 0;
  /// iova_rcache_get(): the lowest frame of a cached range for `size` frames, or no_iova.
  virtual uint64_t rcache_get(unsigned cpu, uint64_t size, uint64_t limit_pfn) = 0;
  /// free_iova(): frees the node that covers `frame`, if there is one.
  virtual void free_iova(uint64_t frame) = 0;
  /// find_iova()
  [[nodiscard]] virtual iova_grant find_iova(uint64_t frame) = 0;

  /// split_and_remove_iova() and free_iova_mem() of the piece cut out, which is returned.
  virtual std::optional<iova_range> split_and_remove_iova(iova_grant grant, uint64_t pfn_lo,
                                                          uint64_t pfn_hi) = 0;
  /// copy_reserved_iova(): every range of this domain is reserved in `to`, of the same version.
  virtual void copy_reserved_iova(linux_iova_domain& to) = 0;

  virtual void free_cpu_cached_iovas(unsigned cpu) = 0;
  virtual void free_global_cached_iovas() = 0;
  /// A processor goes: iova_cpuhp_dead(), or the notifier of the version.
  virtual void cpu_dead(unsigned cpu) = 0;
  /// Runs each pending depot work once, smallest size first; returns how many were pending.
  virtual unsigned run_depot_work() = 0;
  /// Magazines in the depot, one number a size class.
  [[nodiscard]] virtual std::vector<uint64_t> depot_sizes() const = 0;

  /// "cached32=0xf5000 cached=none max32=1": what the version keeps between searches, in the words
  /// of the recorded traces.
  [[nodiscard]] virtual std::string state() const = 0;
};

/// "v4_4", "v4_4_178", "v4_9", "v4_19", "v6_1", "v6_12". Null for another name, or without memory.
std::unique_ptr<linux_iova_domain> make_linux_iova_domain(std::string_view version,
                                                          const iova_setup& setup);

}  // namespace iommulab
