// SPDX-License-Identifier: GPL-2.0-only
//
// One build of a kernel's own allocator: its drivers/iommu/iova.c and lib/rbtree.c, unchanged, and
// what kernel_build.inc declares beside them. Built once for each version, with locks and without:
// KERNEL_CODE prefixes its symbols, KERNEL_THREADS gives it locks.
//
// Both files are one translation unit, so the compiler may inline the tree into the allocator,
// which it cannot in the kernel: what this rival gains by that it shall have.
#include <linux/symbols.h>
// symbols.h first: the kernel's headers declare what it renames.
#include <lib/rbtree.c>

#include <drivers/iommu/iova.c>

#ifdef KERNEL_THREADS
__thread unsigned long this_cpu_offset;
#else
unsigned long this_cpu_offset;
#endif
unsigned int possible_cpus = 1;
struct kmem_cache* slab_caches;
struct kmem_cache* kmalloc_caches[kmalloc_sizes];

// kernel_engine.h reads both members through a struct of its own.
_Static_assert(percpu_stride == 64, "what this_cpu_offset counts in");
_Static_assert(offsetof(struct iova, pfn_hi) == 3 * sizeof(void*), "layout of struct iova");
_Static_assert(offsetof(struct iova, pfn_lo) == 4 * sizeof(void*), "layout of struct iova");

struct iova_domain* KERNEL_NAME(make_domain)(unsigned long granule, unsigned long start_pfn,
                                             unsigned int cpus) {
  if (cpus == 0 || cpus > slab_cpus) return NULL;
  possible_cpus = cpus;
  struct iova_domain* domain = calloc(1, sizeof(*domain));
  if (domain == NULL) return NULL;
  if (iova_cache_get() != 0) {
    free(domain);
    return NULL;
  }
  init_iova_domain(domain, granule, start_pfn);
  if (iova_domain_init_rcaches(domain) != 0) {
    put_iova_domain(domain);
    iova_cache_put();
    free(domain);
    return NULL;
  }
  return domain;
}

void KERNEL_NAME(destroy_domain)(struct iova_domain* domain) {
  put_iova_domain(domain);
  iova_cache_put();
  free(domain);
}

static struct iova* range_at(struct rb_node* node) {
  struct iova* range = node == NULL ? NULL : to_iova(node);
  return range == NULL || range->pfn_lo == IOVA_ANCHOR ? NULL : range;
}
struct iova* KERNEL_NAME(first_range)(struct iova_domain* domain) {
  return range_at(rb_first(&domain->rbroot));
}
struct iova* KERNEL_NAME(next_range)(struct iova* range) { return range_at(rb_next(&range->node)); }

unsigned long KERNEL_NAME(live_nodes)(void) { return slab_live(iova_cache); }
unsigned long KERNEL_NAME(live_bytes)(void) { return slab_live_bytes(); }
