// SPDX-License-Identifier: GPL-2.0-only
//
// A shim, written for this benchmark from what 6.12's DMA code needs; see bench/kernel/README.md.
//
// Memory: a gibibyte from physical address 0, which the host fills as it is touched, and a struct
// page of one cache line for each of its pages. Pages for tables are the last ones; a page that was
// freed is the next to be given out, as from a processor's own list in the kernel.
#pragma once

#include <linux/kernel.h>
#include <linux/list.h>
#include <sys/mman.h>

#define PAGE_SHIFT 12
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define PAGE_ALIGN(address) ALIGN(address, PAGE_SIZE)

#define __GFP_COMP 1u
#define __GFP_DMA 2u
#define __GFP_DMA32 4u
#define __GFP_HIGHMEM 8u
#define __GFP_ZERO 16u
#define gfpflags_allow_blocking(flags) ((void)(flags), false)
#define might_sleep_if(condition) ((void)(condition))

typedef uint64_t phys_addr_t;

struct page {
  unsigned long flags;
  struct list_head lru;
} __attribute__((aligned(64)));

enum { memory_pages = 1 << 18 };
static char* memory_base;
static struct page* memory_map;
static struct list_head free_pages_list = LIST_HEAD_INIT(free_pages_list);
static unsigned long pages_taken;

enum { NR_IOMMU_PAGES, NR_SECONDARY_PAGETABLE, page_state_items };
static long page_states[page_state_items];

#define page_to_pfn(page) ((unsigned long)((page)-memory_map))
#define pfn_to_page(pfn) (&memory_map[pfn])
#define page_to_phys(page) ((phys_addr_t)page_to_pfn(page) << PAGE_SHIFT)
#define phys_to_virt(address) ((void*)(memory_base + (address)))
#define virt_to_page(pointer) \
  pfn_to_page((unsigned long)((char*)(pointer)-memory_base) >> PAGE_SHIFT)
#define page_address(page) phys_to_virt(page_to_phys(page))
#define page_pgdat(page) (page)
#define mod_node_page_state(node, item, count) ((void)(node), page_states[item] += (count))
#define mod_lruvec_page_state(page, item, count) ((void)(page), page_states[item] += (count))

static inline bool memory_init(void) {
  if (memory_base != NULL) return true;
  const int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* base = mmap(NULL, memory_pages * PAGE_SIZE, prot, flags, -1, 0);
  void* map = mmap(NULL, memory_pages * sizeof(struct page), prot, flags, -1, 0);
  if (base == MAP_FAILED || map == MAP_FAILED) return false;
  memory_base = base;
  memory_map = map;
  return true;
}

static inline struct page* alloc_pages(gfp_t flags, unsigned order) {
  if (order != 0) abort();
  struct page* page;
  if (likely(!list_empty(&free_pages_list))) {
    page = list_entry(free_pages_list.next, struct page, lru);
    list_del(&page->lru);
  } else {
    if (pages_taken == memory_pages / 2) return NULL;
    page = pfn_to_page(memory_pages - ++pages_taken);
  }
  if ((flags & __GFP_ZERO) != 0) memset(page_address(page), 0, PAGE_SIZE);
  return page;
}
static inline struct page* alloc_pages_node(int node, gfp_t flags, unsigned order) {
  (void)node;
  return alloc_pages(flags, order);
}
static inline void put_page(struct page* page) {
  list_add(&page->lru, &free_pages_list);
}
static inline void __free_pages(struct page* page, unsigned order) {
  (void)order;
  put_page(page);
}
