// SPDX-License-Identifier: GPL-2.0-only
#include "dma/dma_pool.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "core/dma/dma_mapping.h"
#include "core/panic.h"
#include "core/sysfs.h"
#include "core/trace.h"
#include "dma/memory/kernel_address.h"

namespace iommulab {
namespace {

constexpr uint64_t smallest_block = sizeof(uint32_t);  // room for the offset of the next free one
constexpr size_t name_length = 31;

bool power_of_two(uint64_t value) {
  return (value & (value - 1)) == 0;
}

tracer& trace_of(const device& dev) {
  return dev.bus->env.trace;
}

std::string pools_file(const device& dev) {
  return absl::StrCat(dev.sysfs_path, "/pools");
}

// Blocks may lie at any byte, so the link is copied in and out.
std::byte* link_at(const dma_pool& pool, const dma_page& page, uint64_t offset) {
  std::byte* link = pool.registry.memory().at(page.vaddr + offset, sizeof(uint32_t));
  bug_on(link == nullptr, "dma_pool: a block lies outside of memory");
  return link;
}

void store_link(const dma_pool& pool, const dma_page& page, uint64_t offset, uint64_t next) {
  const auto value = static_cast<uint32_t>(next);
  std::memcpy(link_at(pool, page, offset), &value, sizeof(value));
}

uint32_t load_link(const dma_pool& pool, const dma_page& page, uint64_t offset) {
  uint32_t value = 0;
  std::memcpy(&value, link_at(pool, page, offset), sizeof(value));
  return value;
}

/// Where the block behind the one at `offset` begins. One that would reach the next boundary begins
/// there instead, even if it would end exactly at it.
uint64_t next_block(const dma_pool& pool, uint64_t offset) {
  const uint64_t next = offset + pool.size;
  const uint64_t boundary = (offset / pool.boundary + 1) * pool.boundary;
  return next + pool.size >= boundary ? boundary : next;
}

// Linux v4.4 mm/dmapool.c: pool_initialise_page(). All blocks are free, in the order of their
// addresses.
void pool_initialise_page(const dma_pool& pool, const dma_page& page) {
  uint64_t offset = 0;
  while (offset < pool.allocation) {
    const uint64_t next = next_block(pool, offset);
    store_link(pool, page, offset, next);
    offset = next;
  }
}

// Linux v4.4 mm/dmapool.c: pool_alloc_page()
std::unique_ptr<dma_page> pool_alloc_page(dma_pool& pool, gfp_t flags) {
  tracer& trace = trace_of(pool.dev);
  IOMMULAB_CALL(trace, "pool_alloc_page", {"pool", pool}, {"mem_flags", flags});
  auto page = std::make_unique<dma_page>();
  page->memory = slab_token(pool.registry.slab());
  if (!page->memory) return this_call.result(nullptr);
  const auto coherent = dma_alloc_coherent(pool.dev, pool.allocation, page->dma, flags);
  if (!coherent) return this_call.result(nullptr);
  page->vaddr = *coherent;
  page->taken.assign(pool.allocation, false);
  pool_initialise_page(pool, *page);
  return this_call.result(std::move(page));
}

// What a device wrote over a free block's link may name a block that is in use, or none at all.
bool names_no_free_block(const dma_pool& pool, const dma_page& page) {
  if (page.offset >= pool.allocation) return false;  // the end of the list
  return pool.allocation - page.offset < pool.size || page.taken[page.offset];
}

// The newest page with a free block, or null. One whose list leads astray counts as full.
dma_page* page_with_free_block(dma_pool& pool) ABSL_EXCLUSIVE_LOCKS_REQUIRED(pool.lock) {
  for (auto page = pool.page_list.rbegin(); page != pool.page_list.rend(); ++page) {
    if ((*page)->offset < pool.allocation && !names_no_free_block(pool, **page)) return page->get();
  }
  return nullptr;
}

// Linux v4.4 mm/dmapool.c: pool_find_page()
dma_page* pool_find_page(dma_pool& pool, dma_addr dma) ABSL_EXCLUSIVE_LOCKS_REQUIRED(pool.lock) {
  for (auto page = pool.page_list.rbegin(); page != pool.page_list.rend(); ++page) {
    if (dma >= (*page)->dma && dma - (*page)->dma < pool.allocation) return page->get();
  }
  return nullptr;
}

}  // namespace

dma_pool* dma_pools::add(std::unique_ptr<dma_pool> pool) {
  device& dev = pool->dev;
  dma_pool* added = pool.get();
  const spin_guard guard(lock_);
  const bool first = std::none_of(pools_.begin(), pools_.end(),
                                  [&](const auto& other) { return &other->dev == &dev; });
  pools_.push_back(std::move(pool));
  if (!first) return added;
  const absl::Status made =
      dev.bus->sysfs.create_file(pools_file(dev), [this, &dev] { return show(dev); });
  if (made.ok()) return added;
  std::erase_if(pools_, [&](const auto& other) { return other.get() == added; });
  return nullptr;
}

std::unique_ptr<dma_pool> dma_pools::remove(dma_pool& pool) {
  device& dev = pool.dev;
  // The list and the device's file change together.
  const spin_guard guard(lock_);
  const auto at = std::find_if(pools_.begin(), pools_.end(),
                               [&](const auto& other) { return other.get() == &pool; });
  bug_on(at == pools_.end(), "dma_pool_destroy: no such pool");
  std::unique_ptr<dma_pool> removed = std::move(*at);
  pools_.erase(at);
  const bool last = std::none_of(pools_.begin(), pools_.end(),
                                 [&](const auto& other) { return &other->dev == &dev; });
  // A device that has been unplugged took its files along.
  if (last) dev.bus->sysfs.remove(pools_file(dev)).IgnoreError();
  return removed;
}

std::string dma_pools::show(const device& dev) {
  std::string text = "poolinfo - 0.1\n";
  const spin_guard guard(lock_);
  for (auto pool = pools_.rbegin(); pool != pools_.rend(); ++pool) {
    dma_pool& p = **pool;
    if (&p.dev != &dev) continue;
    const spin_guard pages_guard(p.lock);
    uint64_t blocks = 0;
    for (const auto& page : p.page_list) blocks += page->in_use;
    absl::StrAppendFormat(&text, "%-16s %4d %4d %4d %2d\n", p.name, blocks,
                          p.page_list.size() * (p.allocation / p.size), p.size, p.page_list.size());
  }
  if (text.size() >= page_size) text.resize(page_size - 1);
  return text;
}

// Linux v4.4 mm/dmapool.c: dma_pool_create(). A boundary beyond the end of a page is the page's end
// here, as in later kernels: 4.4 hands out a last block that leaves its page then.
dma_pool* dma_pool_create(dma_pools& registry, std::string_view name, device& dev, uint64_t size,
                          uint64_t align, uint64_t boundary) {
  tracer& trace = trace_of(dev);
  IOMMULAB_CALL(trace, "dma_pool_create", {"name", name}, {"dev", dev}, {"size", size},
                {"align", align}, {"boundary", boundary});
  align = std::max<uint64_t>(align, 1);
  if (!power_of_two(align) || size == 0) return this_call.result(nullptr);
  size = std::max(size, smallest_block);
  const uint64_t aligned = (size + align - 1) & ~(align - 1);
  if (aligned < size) return this_call.result(nullptr);
  size = aligned;
  const uint64_t allocation = std::max(size, page_size);
  if (boundary == 0) {
    boundary = allocation;
  } else if (boundary < size || !power_of_two(boundary)) {
    return this_call.result(nullptr);
  }
  auto pool = std::make_unique<dma_pool>(registry, dev);
  pool->memory = slab_token(registry.slab());
  if (!pool->memory) return this_call.result(nullptr);
  pool->name = name.substr(0, name_length);
  pool->size = size;
  pool->allocation = allocation;
  pool->boundary = std::min(boundary, allocation);
  return this_call.result(registry.add(std::move(pool)));
}

// Linux v4.4 mm/dmapool.c: dma_pool_destroy(), with pool_free_page()
void dma_pool_destroy(dma_pool* pool) {
  if (pool == nullptr) return;
  IOMMULAB_CALL(trace_of(pool->dev), "dma_pool_destroy", {"pool", pool});
  dma_pools& registry = pool->registry;
  const std::unique_ptr<dma_pool> removed = registry.remove(*pool);
  std::vector<std::unique_ptr<dma_page>> pages;
  {
    const spin_guard guard(pool->lock);
    pages.swap(pool->page_list);
  }
  for (auto page = pages.rbegin(); page != pages.rend(); ++page) {
    const dma_page& p = **page;
    if (p.in_use != 0) {
      dev_printk(pool->dev, log_level::err, "dma_pool_destroy %s, %016x busy", pool->name,
                 kernel_address(p.vaddr));
    } else {
      dma_free_coherent(pool->dev, pool->allocation, p.vaddr, p.dma);
    }
  }
}

// Linux v4.4 mm/dmapool.c: dma_pool_alloc()
std::optional<phys_addr> dma_pool_alloc(dma_pool& pool, gfp_t flags, dma_addr& handle) {
  tracer& trace = trace_of(pool.dev);
  IOMMULAB_CALL(trace, "dma_pool_alloc", {"pool", pool}, {"mem_flags", flags});
  phys_addr block;
  const auto take = [&](dma_page& page) ABSL_EXCLUSIVE_LOCKS_REQUIRED(pool.lock) {
    const uint64_t offset = page.offset;
    ++page.in_use;
    page.taken[offset] = true;
    page.offset = load_link(pool, page, offset);
    if (names_no_free_block(pool, page)) {
      pool.dev.bus->env.log.remark(absl::StrFormat(
          "dma_pool %s: the link in a free block was overwritten with 0x%x: Linux 4.4 gives that "
          "out; here: the page counts as full",
          pool.name, page.offset));
    }
    block = page.vaddr + offset;
    handle = page.dma + offset;
  };
  bool found = false;
  {
    const spin_guard guard(pool.lock);
    if (dma_page* page = page_with_free_block(pool)) {
      take(*page);
      found = true;
    }
  }
  if (!found) {
    std::unique_ptr<dma_page> fresh = pool_alloc_page(pool, flags & ~gfp_zero);
    if (fresh == nullptr) return this_call.result(std::nullopt);
    const spin_guard guard(pool.lock);
    pool.page_list.push_back(std::move(fresh));
    take(*pool.page_list.back());
  }
  if ((flags & gfp_zero) != 0)
    std::memset(pool.registry.memory().at(block, pool.size), 0, pool.size);
  return this_call.result(block);
}

// Linux v4.4 mm/dmapool.c: dma_pool_free()
void dma_pool_free(dma_pool& pool, phys_addr vaddr, dma_addr dma) {
  IOMMULAB_CALL(trace_of(pool.dev), "dma_pool_free", {"pool", pool}, {"vaddr", vaddr},
                {"dma", dma});
  std::string complaint;
  {
    const spin_guard guard(pool.lock);
    dma_page* page = pool_find_page(pool, dma);
    const uint64_t offset = page != nullptr ? vaddr - page->vaddr : 0;
    if (page == nullptr) {
      complaint = absl::StrFormat("%016x/%x (bad dma)", kernel_address(vaddr), dma.value());
    } else if (dma - page->dma != offset) {
      complaint = absl::StrFormat("%016x (bad vaddr)/%x", kernel_address(vaddr), dma.value());
    } else if (!page->taken[offset]) {
      complaint = absl::StrFormat("dma %x already free", dma.value());
    } else {
      page->taken[offset] = false;
      --page->in_use;
      store_link(pool, *page, offset, page->offset);
      page->offset = offset;
    }
  }
  if (complaint.empty()) return;
  dev_printk(pool.dev, log_level::err, "dma_pool_free %s, %s", pool.name, complaint);
}

}  // namespace iommulab
