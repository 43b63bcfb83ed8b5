// SPDX-License-Identifier: GPL-2.0-only
//
// What the extracted functions use of the rest of the kernel, written from what they need: integer
// helpers, atomics, and the parts of devices, domains and units that they look at. What a machine
// without bounce buffers, peer-to-peer memory and incoherent devices never does stops the program.
#pragma once

#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned int ioasid_t;

#define CONFIG_64BIT 1
#define CONFIG_NEED_SG_DMA_LENGTH 1
#define CONFIG_NEED_SG_DMA_FLAGS 1
#define CONFIG_SWIOTLB 1
#define IS_ENABLED(option) option
#define BITS_PER_LONG 64
#define BIT(n) (1UL << (n))
#define BIT_ULL(n) (1ULL << (n))
#define BIT_MASK(n) (1UL << ((n) % BITS_PER_LONG))
#define GENMASK(high, low) (((~0UL) << (low)) & (~0UL >> (BITS_PER_LONG - 1 - (high))))
#define GENMASK_ULL(high, low) GENMASK(high, low)
#define SZ_4K 0x1000UL
#define SZ_2M 0x200000UL
#define SZ_1G 0x40000000UL
#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))
#define round_down(x, y) ((x) & ~((typeof(x))(y)-1))
#define IS_ALIGNED(x, a) (((x) & ((typeof(x))(a)-1)) == 0)
#define max(a, b)                      \
  ({                                   \
    typeof(a) max_a_ = (a);            \
    typeof(b) max_b_ = (b);            \
    max_a_ > max_b_ ? max_a_ : max_b_; \
  })
#define min_t(type, a, b) min((type)(a), (type)(b))
#define min_not_zero(a, b) ({ (a) == 0 ? (b) : (b) == 0 ? (a) : min(a, b); })
#define struct_size(p, member, count) (sizeof(*(p)) + sizeof((p)->member[0]) * (count))
#define check_add_overflow(a, b, sum) __builtin_add_overflow(a, b, sum)
#define overflows_type(value, type) ((typeof(type))(value) != (value))
#define ilog2(n) (fls_long(n) - 1)
#define __roundup_pow_of_two(n) roundup_pow_of_two(n)
#define __fls(word) ((unsigned long)fls_long(word) - 1)
#define bits_per(n) fls_long(n)

#define WARN_ON_ONCE(condition) WARN_ON(condition)
#define dev_WARN_ONCE(dev, condition, ...) ((void)(dev), WARN_ON(condition))
#define dev_notice(dev, ...) ((void)(dev))
#define dev_warn_once(dev, ...) ((void)(dev))
#define pr_err_ratelimited(...) pr_err(__VA_ARGS__)
#define pr_warn_ratelimited(...) pr_err(__VA_ARGS__)
#define pr_crit(...) pr_err(__VA_ARGS__)
#define pr_debug(...) ((void)0)
#define trace_map(...) ((void)0)
#define trace_unmap(...) ((void)0)
#define trace_swiotlb_bounced(...) ((void)0)
#define trace_cache_tag_flush_range(...) ((void)0)
#define trace_cache_tag_flush_range_np(...) ((void)0)
#define trace_cache_tag_flush_all(...) ((void)0)
#define trace_dma_map_page(...) ((void)0)
#define trace_dma_unmap_page(...) ((void)0)
#define trace_dma_map_sg(...) ((void)0)
#define trace_dma_map_sg_err(...) ((void)0)
#define trace_dma_unmap_sg(...) ((void)0)
#define kmsan_handle_dma(...) ((void)0)
#define kmsan_handle_dma_sg(...) ((void)0)
#define debug_dma_map_page(...) ((void)0)
#define debug_dma_unmap_page(...) ((void)0)
#define debug_dma_map_sg(...) ((void)0)
#define debug_dma_unmap_sg(...) ((void)0)
#define debug_dma_dump_mappings(dev) ((void)0)

// One locked instruction each, as on x86; the second form one without the lock.
#define try_cmpxchg64(word, old, value) \
  __atomic_compare_exchange_n(word, old, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
static inline bool try_cmpxchg64_local(u64* word, u64* old, u64 value) {
#ifdef __x86_64__
  bool same;
  __asm__ volatile("cmpxchgq %3, %0"
                   : "+m"(*word), "+a"(*old), "=@ccz"(same)
                   : "r"(value)
                   : "memory");
  return same;
#else
  return try_cmpxchg64(word, old, value);
#endif
}
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)

typedef struct {
  long long value;
} atomic64_t;
typedef struct {
  int value;
} atomic_t;
#define atomic64_read(a) __atomic_load_n(&(a)->value, __ATOMIC_RELAXED)
#define atomic64_inc(a) ((void)__atomic_fetch_add(&(a)->value, 1, __ATOMIC_SEQ_CST))
#define atomic_read(a) __atomic_load_n(&(a)->value, __ATOMIC_RELAXED)
#define atomic_xchg(a, v) __atomic_exchange_n(&(a)->value, v, __ATOMIC_SEQ_CST)

struct mutex {
  int unused;
};
/// Armed, it never fires: no time passes in a benchmark.
struct timer_list {
  unsigned long expires;
};
#define jiffies 0UL
#define mod_timer(timer, at) ((void)((timer)->expires = (at)))
#define static_branch_unlikely(key) ((void)(key), false)
static bool iommu_deferred_attach_enabled;

enum dma_data_direction { DMA_BIDIRECTIONAL, DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_NONE };

struct iommu_domain;
struct iommu_iotlb_gather;
struct iommu_dma_cookie;
struct dmar_domain;
struct iommu_group {
  struct iommu_domain* default_domain;
};
struct dev_iommu {
  bool pci_32bit_workaround;
};
struct dma_map_ops;
struct device {
  const struct dma_map_ops* dma_ops;
  bool dma_iommu;
  u64* dma_mask;
  u64 bus_dma_limit;
  u64 segment_boundary;
  unsigned max_segment;
  unsigned min_align_mask;
  bool dma_coherent;
  bool is_pci;
  bool dma_uses_io_tlb;
  struct dev_iommu* iommu;
  struct iommu_group* iommu_group;
  void* iommu_priv;
};
struct pci_dev {
  struct device dev;
  bool untrusted;
};
#define get_dma_ops(d) ((d)->dma_ops)
#define use_dma_iommu(d) ((d)->dma_iommu)
#define valid_dma_direction(dir) ((unsigned)(dir) <= DMA_FROM_DEVICE)
#define to_pci_dev(d) container_of(d, struct pci_dev, dev)
#define dev_is_pci(d) ((d)->is_pci)
#define dev_is_dma_coherent(d) ((d)->dma_coherent)
#define dma_get_mask(d) ((d)->dma_mask != NULL ? *(d)->dma_mask : 0xffffffffu)
#define dma_get_seg_boundary(d) ((d)->segment_boundary)
#define dma_get_max_seg_size(d) ((d)->max_segment)
#define dma_get_min_align_mask(d) ((d)->min_align_mask)
#define dev_iommu_priv_get(d) ((d)->iommu_priv)
#define PCI_DEVID(bus, devfn) ((u16)((bus) << 8 | (devfn)))

struct intel_iommu {
  u64 cap;
  u64 ecap;
  u32 gcmd;
  int (*submit)(void* unit, const void* descriptors, unsigned count);
  void* unit;
};
struct device_domain_info {
  u8 bus, devfn;
  u16 pfsid;
  u8 ats_qdep;
  bool dtlb_extra_inval;
};

// Never met here.
static inline void never(void) {
  abort();
}
#define arch_sync_dma_for_device(...) never()
#define arch_sync_dma_for_cpu(...) never()
#define is_swiotlb_active(dev) (never(), (void)(dev), false)
#define swiotlb_tbl_map_single(...) (never(), DMA_MAPPING_ERROR)
#define iommu_dma_map_sg_swiotlb(...) (never(), 0)
#define iommu_dma_unmap_sg_swiotlb(...) never()
#define iommu_deferred_attach(dev, domain) (never(), 0)
#define arch_dma_map_page_direct(...) false
#define arch_dma_unmap_page_direct(...) false
#define arch_dma_map_sg_direct(...) false
#define arch_dma_unmap_sg_direct(...) false
#define dma_direct_map_page(...) (never(), DMA_MAPPING_ERROR)
#define dma_direct_unmap_page(...) never()
#define dma_direct_map_sg(...) (never(), 0)
#define dma_direct_unmap_sg(...) never()
#define __iommu_flush_iotlb(...) never()
#define iommu_flush_write_buffer(iommu) ((void)(iommu))
#define clflush_cache_range(address, size) ((void)(address), (void)(size))

// Asked, and answered no.
#define swiotlb_tbl_unmap_single(dev, phys, size, dir, attrs) \
  do {                                                        \
    if (unlikely((dev)->dma_uses_io_tlb)) never();            \
  } while (0)
#define dma_kmalloc_needs_bounce(dev, size, dir) ((void)(size), (void)(dir), false)
#define dma_kmalloc_safe(dev, dir) ((void)(dir), true)
#define dma_kmalloc_size_aligned(size) ((void)(size), true)
#define iommu_dma_sync_sg_for_device(dev, sg, nents, dir) \
  do {                                                    \
    if (!dev_is_dma_coherent(dev)) never();               \
  } while (0)
#define iommu_dma_sync_sg_for_cpu(dev, sg, nents, dir) \
  iommu_dma_sync_sg_for_device(dev, sg, nents, dir)
struct pci_p2pdma_map_state {
  int map;
};
enum pci_p2pdma_map_type { PCI_P2PDMA_MAP_BUS_ADDR = 1, PCI_P2PDMA_MAP_THRU_HOST_BRIDGE };
#define is_pci_p2pdma_page(page) unlikely((page)->flags != 0)
#define pci_p2pdma_map_segment(...) (never(), PCI_P2PDMA_MAP_BUS_ADDR)
