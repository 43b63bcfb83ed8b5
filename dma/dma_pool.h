// SPDX-License-Identifier: GPL-2.0-only
//
// Small blocks of coherent memory. Linux v4.4 mm/dmapool.c, by name.
//
// A pool cuts coherent allocations ("pages", at least one page of memory each) into blocks. The
// list of a page's free blocks lives in the free blocks themselves: the first 32 bits of each are
// the offset of the next one. So the order of blocks is the kernel's, and a device that writes to
// a free block does here what it does there; only, no block is ever handed out twice or outside
// of its page.
//
// Any thread may call any function. A pool's lock guards its pages; the registry's guards which
// pools there are. The coherent memory itself is taken and given back outside of both.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "core/device.h"
#include "core/dma/gfp.h"
#include "core/slab.h"
#include "core/spin_lock.h"
#include "core/types.h"
#include "platform/memory/physical_memory.h"

namespace iommulab {

class dma_pools;

/// Linux v4.4 mm/dmapool.c: struct dma_page
struct dma_page {
  slab_token memory;
  phys_addr vaddr;
  dma_addr dma;
  uint32_t in_use = 0;      ///< blocks handed out
  uint64_t offset = 0;      ///< of the first free block; not below the pool's allocation: none
  std::vector<bool> taken;  ///< by offset: a block that begins there is handed out
};
inline dma_addr trace_word(const dma_page& page) {
  return page.dma;
}

/// Linux v4.4 mm/dmapool.c: struct dma_pool
struct dma_pool {
  dma_pool(dma_pools& registry_, device& dev_) : registry(registry_), dev(dev_) {}
  dma_pool(const dma_pool&) = delete;
  dma_pool& operator=(const dma_pool&) = delete;

  dma_pools& registry;
  device& dev;
  slab_token memory;
  std::string name;
  uint64_t size = 0;        ///< bytes of a block
  uint64_t allocation = 0;  ///< bytes of a page
  uint64_t boundary = 0;    ///< no block crosses a multiple of this many bytes in its page
  spin_lock lock;
  /// Oldest first; the kernel's list is the other way round.
  std::vector<std::unique_ptr<dma_page>> page_list ABSL_GUARDED_BY(lock);
};
inline const std::string& trace_word(const dma_pool& pool) {
  return pool.name;
}

/// The pools of one system. Memory and injector must outlive it; pools that are left when it goes
/// are forgotten, their memory is not given back.
class dma_pools {
 public:
  dma_pools(physical_memory& memory, slab_failures& slab) : memory_(memory), slab_(slab) {}
  dma_pools(const dma_pools&) = delete;
  dma_pools& operator=(const dma_pools&) = delete;

  [[nodiscard]] physical_memory& memory() const { return memory_; }
  [[nodiscard]] slab_failures& slab() const { return slab_; }

  /// Registers a pool. With a device's first one comes the file "pools" in its sysfs folder; when
  /// that cannot be, the pool is dropped and null returned.
  dma_pool* add(std::unique_ptr<dma_pool> pool);
  /// Takes a pool out; the device's file goes with its last one.
  std::unique_ptr<dma_pool> remove(dma_pool& pool);
  /// The content of a device's file. Linux v4.4 mm/dmapool.c: show_pools()
  std::string show(const device& dev);

 private:
  physical_memory& memory_;
  slab_failures& slab_;
  spin_lock lock_;
  std::vector<std::unique_ptr<dma_pool>> pools_ ABSL_GUARDED_BY(lock_);  // oldest first
};

/// A pool of blocks of `size` bytes (at least 4), each aligned to `align` (0 means 1), none
/// crossing a multiple of `boundary` (0: the page's size). Null when `size` is 0, `align` or
/// `boundary` is no power of two, `boundary` is smaller than a block, or there is no memory for
/// the pool. 31 characters of `name` are kept.
dma_pool* dma_pool_create(dma_pools& registry, std::string_view name, device& dev, uint64_t size,
                          uint64_t align, uint64_t boundary);

/// Gives the pages back. One that still has blocks in use is complained about and kept from use for
/// good. Null is passed over.
void dma_pool_destroy(dma_pool* pool);

/// A block and, in `handle`, its address for the device; nothing when there is no memory.
std::optional<phys_addr> dma_pool_alloc(dma_pool& pool, gfp_t flags, dma_addr& handle);
/// The same, filled with zeros.
inline std::optional<phys_addr> dma_pool_zalloc(dma_pool& pool, gfp_t flags, dma_addr& handle) {
  return dma_pool_alloc(pool, flags | gfp_zero, handle);
}

/// Puts a block back. An address that belongs to no page, two addresses that do not belong
/// together, and a block that is not in use are complained about, in the words of a kernel with
/// slab debugging, and change nothing.
void dma_pool_free(dma_pool& pool, phys_addr vaddr, dma_addr dma);

}  // namespace iommulab
