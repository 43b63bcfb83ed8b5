// SPDX-License-Identifier: GPL-2.0-only
//
// Linux 6.12's DMA API over an IOMMU, page tables and batches of invalidations included, and the
// allocator below it: its own code, taken out of its sources by name when the build is configured
// (names_6_12.txt), around which stand here what the functions use of the rest and the functions
// that kernel_dma.h declares.
//
// All of it is one translation unit. What the kernel calls from file to file is called here too,
// and not inlined: that is told beforehand, where each is declared.
#include "symbols.h"
// symbols.h first: the kernel's headers declare what it renames.
#include <linux/iova.h>

#include <lib/rbtree.c>

// Functions of one file that another file calls.
#define from_other_file __attribute__((noinline))
// iova.c
from_other_file unsigned long alloc_iova_fast(struct iova_domain* iovad, unsigned long size,
                                              unsigned long limit_pfn, bool flush_rcache);
from_other_file void free_iova_fast(struct iova_domain* iovad, unsigned long pfn,
                                    unsigned long size);

#include <drivers/iommu/iommu-pages.h>

#include <drivers/iommu/iova.c>

#include "kernel_dma.h"
#include "shims.h"

__thread unsigned long this_cpu_offset;
unsigned int possible_cpus = 1;
struct kmem_cache* slab_caches;
struct kmem_cache* kmalloc_caches[kmalloc_sizes];

#include "dma_mapping_h.inc"
#include "iommu_h.inc"
#include "scatterlist_h.inc"

// lib/scatterlist.c
from_other_file struct scatterlist* sg_next(struct scatterlist* sg);

struct iommu_domain_ops {
  int (*map_pages)(struct iommu_domain*, unsigned long iova, phys_addr_t, size_t pgsize,
                   size_t pgcount, int prot, gfp_t, size_t* mapped);
  size_t (*unmap_pages)(struct iommu_domain*, unsigned long iova, size_t pgsize, size_t pgcount,
                        struct iommu_iotlb_gather*);
  int (*iotlb_sync_map)(struct iommu_domain*, unsigned long iova, size_t size);
  void (*flush_iotlb_all)(struct iommu_domain*);
  void (*iotlb_sync)(struct iommu_domain*, struct iommu_iotlb_gather*);
  phys_addr_t (*iova_to_phys)(struct iommu_domain*, dma_addr_t);
};
struct iommu_domain {
  unsigned type;
  const struct iommu_domain_ops* ops;
  unsigned long pgsize_bitmap;
  struct iommu_domain_geometry geometry;
  struct iommu_dma_cookie* iova_cookie;
};

// iommu.c
from_other_file struct iommu_domain* iommu_get_dma_domain(struct device* dev);
from_other_file phys_addr_t iommu_iova_to_phys(struct iommu_domain* domain, dma_addr_t iova);
from_other_file size_t iommu_unmap(struct iommu_domain* domain, unsigned long iova, size_t size);
from_other_file size_t iommu_unmap_fast(struct iommu_domain* domain, unsigned long iova,
                                        size_t size, struct iommu_iotlb_gather* gather);
from_other_file int iommu_map(struct iommu_domain* domain, unsigned long iova, phys_addr_t paddr,
                              size_t size, int prot, gfp_t gfp);
from_other_file ssize_t iommu_map_sg(struct iommu_domain* domain, unsigned long iova,
                                     struct scatterlist* sg, unsigned int nents, int prot,
                                     gfp_t gfp);
// dma-iommu.c
from_other_file dma_addr_t iommu_dma_map_page(struct device* dev, struct page* page,
                                              unsigned long offset, size_t size,
                                              enum dma_data_direction dir, unsigned long attrs);
from_other_file void iommu_dma_unmap_page(struct device* dev, dma_addr_t handle, size_t size,
                                          enum dma_data_direction dir, unsigned long attrs);
from_other_file int iommu_dma_map_sg(struct device* dev, struct scatterlist* sg, int nents,
                                     enum dma_data_direction dir, unsigned long attrs);
from_other_file void iommu_dma_unmap_sg(struct device* dev, struct scatterlist* sg, int nents,
                                        enum dma_data_direction dir, unsigned long attrs);

#include "iommu_inline.inc"
// In the order in which one needs another.
#include "intel_h.inc"

// What the functions use of struct dmar_domain.
struct dmar_domain {
  int nid;
  u8 iommu_coherency : 1;
  u8 set_pte_snp : 1;
  u8 use_first_level : 1;
  u8 nested_parent : 1;
  u8 has_mappings : 1;
  u8 iotlb_sync_map : 1;
  spinlock_t cache_lock;
  struct list_head cache_tags;
  struct qi_batch* qi_batch;
  int iommu_superpage;
  struct dma_pte* pgd;
  int gaw;
  int agaw;
  u64 max_addr;
  struct iommu_domain domain;
};
#define to_dmar_domain(d) container_of(d, struct dmar_domain, domain)

// cache.c
from_other_file void cache_tag_flush_range(struct dmar_domain* domain, unsigned long start,
                                           unsigned long end, int ih);
from_other_file void cache_tag_flush_range_np(struct dmar_domain* domain, unsigned long start,
                                              unsigned long end);
from_other_file void cache_tag_flush_all(struct dmar_domain* domain);
// mapping.c
struct dma_map_ops {
  dma_addr_t (*map_page)(struct device*, struct page*, unsigned long offset, size_t size,
                         enum dma_data_direction, unsigned long attrs);
  void (*unmap_page)(struct device*, dma_addr_t, size_t size, enum dma_data_direction,
                     unsigned long attrs);
  int (*map_sg)(struct device*, struct scatterlist*, int nents, enum dma_data_direction,
                unsigned long attrs);
  void (*unmap_sg)(struct device*, struct scatterlist*, int nents, enum dma_data_direction,
                   unsigned long attrs);
};
from_other_file dma_addr_t dma_map_page_attrs(struct device* dev, struct page* page, size_t offset,
                                              size_t size, enum dma_data_direction dir,
                                              unsigned long attrs);
from_other_file void dma_unmap_page_attrs(struct device* dev, dma_addr_t addr, size_t size,
                                          enum dma_data_direction dir, unsigned long attrs);
from_other_file unsigned int dma_map_sg_attrs(struct device* dev, struct scatterlist* sg, int nents,
                                              enum dma_data_direction dir, unsigned long attrs);
from_other_file void dma_unmap_sg_attrs(struct device* dev, struct scatterlist* sg, int nents,
                                        enum dma_data_direction dir, unsigned long attrs);

static int qi_submit_sync(struct intel_iommu* iommu, struct qi_desc* desc, unsigned count,
                          unsigned long options) {
  (void)options;
  return iommu->submit(iommu->unit, desc, count);
}

// Each behind what it uses.
// clang-format off
#include "intel_inline.inc"
#include "intel_cache.inc"
#include "intel_iommu.inc"
#include "iommu_core.inc"
#include "scatterlist_c.inc"
#include "dma_iommu.inc"
#include "dma_mapping_c.inc"
// clang-format on

static const struct iommu_domain_ops domain_ops = {
    .map_pages = intel_iommu_map_pages,
    .unmap_pages = intel_iommu_unmap_pages,
    .iotlb_sync_map = intel_iommu_iotlb_sync_map,
    .flush_iotlb_all = intel_flush_iotlb_all,
    .iotlb_sync = intel_iommu_tlb_sync,
    .iova_to_phys = intel_iommu_iova_to_phys,
};

struct kernel_dma {
  struct intel_iommu iommu;
  struct dmar_domain domain;
  struct qi_batch batch;
  struct cache_tag tag;
  struct iommu_dma_cookie cookie;
  struct iommu_group group;
  struct dev_iommu dev_iommu;
  struct pci_dev pdev;
  u64 dma_mask;
  struct scatterlist* list;
  unsigned pieces;
};

static bool init_queue(struct iommu_dma_cookie* cookie, struct iommu_domain* domain) {
  cookie->options.fq_size = IOVA_DEFAULT_FQ_SIZE;
  cookie->options.fq_timeout = IOVA_DEFAULT_FQ_TIMEOUT;
  struct iova_fq* fq = calloc(1, struct_size(fq, entries, IOVA_DEFAULT_FQ_SIZE));
  if (fq == NULL) return false;
  iommu_dma_init_one_fq(fq, IOVA_DEFAULT_FQ_SIZE);
  cookie->percpu_fq = fq;  // of the one processor
  cookie->fq_domain = domain;
  return true;
}

struct kernel_dma* kernel_dma_create(const struct kernel_dma_config* config) {
  struct kernel_dma* dma = calloc(1, sizeof(*dma));
  if (dma == NULL || !memory_init() || iova_cache_get() != 0) {
    free(dma);
    return NULL;
  }
  dma->iommu.cap = config->cap;
  dma->iommu.ecap = config->ecap;
  dma->iommu.gcmd = DMA_GCMD_TE;
  dma->iommu.submit = config->submit;
  dma->iommu.unit = config->unit;

  struct dmar_domain* domain = &dma->domain;
  domain->iommu_coherency = 1;
  domain->use_first_level = config->first_level;
  domain->iommu_superpage = config->superpages;
  domain->gaw = config->width;
  domain->agaw = width_to_agaw(config->width);
  domain->pgd = iommu_alloc_page_node(0, GFP_ATOMIC);
  domain->qi_batch = &dma->batch;
  INIT_LIST_HEAD(&domain->cache_tags);
  dma->tag.type = CACHE_TAG_IOTLB;
  dma->tag.iommu = &dma->iommu;
  dma->tag.domain_id = config->did;
  list_add_tail(&dma->tag.node, &domain->cache_tags);

  domain->domain.type = config->lazy ? IOMMU_DOMAIN_DMA_FQ : IOMMU_DOMAIN_DMA;
  domain->domain.ops = &domain_ops;
  domain->domain.pgsize_bitmap =
      SZ_4K | (config->superpages > 0 ? SZ_2M : 0) | (config->superpages > 1 ? SZ_1G : 0);
  domain->domain.geometry.aperture_end = __DOMAIN_MAX_ADDR(config->width);
  domain->domain.geometry.force_aperture = true;
  domain->domain.iova_cookie = &dma->cookie;

  dma->cookie.type = IOMMU_DMA_IOVA_COOKIE;
  init_iova_domain(&dma->cookie.iovad, SZ_4K, 1);
  dma->dma_mask = config->dma_mask;
  dma->group.default_domain = &domain->domain;
  dma->dev_iommu.pci_32bit_workaround = true;
  struct device* dev = &dma->pdev.dev;
  dev->dma_iommu = true;
  dev->dma_mask = &dma->dma_mask;
  dev->segment_boundary = 0xffffffff;
  dev->max_segment = 0x10000;
  dev->dma_coherent = true;
  dev->is_pci = true;
  dev->iommu = &dma->dev_iommu;
  dev->iommu_group = &dma->group;
  const bool complete = domain->pgd != NULL && iova_domain_init_rcaches(&dma->cookie.iovad) == 0 &&
                        (!config->lazy || init_queue(&dma->cookie, &domain->domain));
  if (!complete) abort();  // nothing is large here
  return dma;
}

void kernel_dma_destroy(struct kernel_dma* dma) {
  struct list_head freelist = LIST_HEAD_INIT(freelist);
  if (dma->cookie.fq_domain != NULL) {
    struct iova_fq* fq = dma->cookie.percpu_fq;
    int i;
    fq_ring_for_each(i, fq) iommu_put_pages_list(&fq->entries[i].freelist);
    free(fq);
  }
  domain_unmap(&dma->domain, 0, DOMAIN_MAX_PFN(dma->domain.gaw), &freelist);
  iommu_put_pages_list(&freelist);
  put_iova_domain(&dma->cookie.iovad);
  iova_cache_put();
  free(dma->list);
  free(dma);
}

void kernel_dma_reserve(struct kernel_dma* dma, uint64_t first, uint64_t last) {
  reserve_iova(&dma->cookie.iovad, first, last);
}

uint64_t kernel_dma_map(struct kernel_dma* dma, uint64_t phys, uint64_t size) {
  return dma_map_page_attrs(&dma->pdev.dev, pfn_to_page(phys >> PAGE_SHIFT), phys & ~PAGE_MASK,
                            size, DMA_BIDIRECTIONAL, 0);
}
void kernel_dma_unmap(struct kernel_dma* dma, uint64_t address, uint64_t size) {
  dma_unmap_page_attrs(&dma->pdev.dev, address, size, DMA_BIDIRECTIONAL, 0);
}

bool kernel_dma_set_list(struct kernel_dma* dma, unsigned pieces, uint64_t phys, uint64_t bytes,
                         uint64_t step) {
  free(dma->list);
  dma->pieces = pieces;
  dma->list = calloc(pieces, sizeof(*dma->list));
  if (dma->list == NULL) return false;
  for (unsigned i = 0; i < pieces; ++i, phys += step) {
    sg_assign_page(&dma->list[i], pfn_to_page(phys >> PAGE_SHIFT));
    dma->list[i].offset = phys & ~PAGE_MASK;
    dma->list[i].length = bytes;
  }
  dma->list[pieces - 1].page_link |= SG_END;
  return true;
}
uint64_t kernel_dma_map_list(struct kernel_dma* dma) {
  const int mapped = dma_map_sg_attrs(&dma->pdev.dev, dma->list, dma->pieces, DMA_BIDIRECTIONAL, 0);
  return mapped > 0 ? sg_dma_address(dma->list) : DMA_MAPPING_ERROR;
}
void kernel_dma_unmap_list(struct kernel_dma* dma) {
  dma_unmap_sg_attrs(&dma->pdev.dev, dma->list, dma->pieces, DMA_BIDIRECTIONAL, 0);
}

int kernel_dma_map_table(struct kernel_dma* dma, uint64_t frame, uint64_t phys_frame,
                         uint64_t pages) {
  return __domain_mapping(&dma->domain, frame, phys_frame, pages, DMA_PTE_READ | DMA_PTE_WRITE,
                          GFP_ATOMIC);
}
void kernel_dma_unmap_table(struct kernel_dma* dma, uint64_t frame, uint64_t pages) {
  struct list_head freelist = LIST_HEAD_INIT(freelist);
  domain_unmap(&dma->domain, frame, frame + pages - 1, &freelist);
  iommu_put_pages_list(&freelist);
}
uint64_t kernel_dma_entry(struct kernel_dma* dma, uint64_t frame) {
  int level = 0;
  const struct dma_pte* pte = pfn_to_dma_pte(&dma->domain, frame, &level, GFP_ATOMIC);
  return pte == NULL ? 0 : pte->val;
}
