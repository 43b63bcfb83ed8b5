/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Linux 6.12's own DMA API over an IOMMU, compiled in user space (kernel_dma.c): one device in one
 * domain, with page tables in memory of its own. Invalidation descriptors go to whoever is handed
 * in, which has the queue and the unit. One thread. */
#ifndef IOMMULAB_BENCH_KERNEL_DMA_H
#define IOMMULAB_BENCH_KERNEL_DMA_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kernel_dma;
struct kernel_dma_config {
  int width;          /* of addresses in bits */
  int superpages;     /* 0 none, 1 of 2 MiB, 2 of 1 GiB as well */
  bool first_level;   /* tables of that format */
  bool lazy;          /* a flush queue */
  uint64_t cap, ecap; /* of the unit */
  uint16_t did;       /* as which the unit knows the domain */
  uint64_t dma_mask;  /* of the device */
  /* Takes descriptors of four words each, waits until the unit is through with them. */
  int (*submit)(void* unit, const void* descriptors, unsigned count);
  void* unit;
};

/* Null without memory. */
struct kernel_dma* kernel_dma_create(const struct kernel_dma_config* config);
/* Ranges that are mapped, or wait for a flush, go with it. */
void kernel_dma_destroy(struct kernel_dma* dma);
/* Page frames that are never given out, both ends included. */
void kernel_dma_reserve(struct kernel_dma* dma, uint64_t first, uint64_t last);

/* dma_map_page_attrs(), for reading and writing: all ones when it fails. `phys` is below 1 GiB. */
uint64_t kernel_dma_map(struct kernel_dma* dma, uint64_t phys, uint64_t size);
void kernel_dma_unmap(struct kernel_dma* dma, uint64_t address, uint64_t size);
/* A list of `pieces`, each of `bytes`, `step` bytes apart from `phys` on, that the next two use.
 * False without memory. */
bool kernel_dma_set_list(struct kernel_dma* dma, unsigned pieces, uint64_t phys, uint64_t bytes,
                         uint64_t step);
/* dma_map_sg_attrs(): the first piece's address, all ones when it fails. */
uint64_t kernel_dma_map_list(struct kernel_dma* dma);
void kernel_dma_unmap_list(struct kernel_dma* dma);

/* The page table alone: __domain_mapping(), and domain_unmap() with the tables that fell out freed
 * at once. Frames of 4 KiB; reading and writing. 0 or a negative errno. */
int kernel_dma_map_table(struct kernel_dma* dma, uint64_t frame, uint64_t phys_frame,
                         uint64_t pages);
void kernel_dma_unmap_table(struct kernel_dma* dma, uint64_t frame, uint64_t pages);
/* The entry for a frame; 0 for a hole. */
uint64_t kernel_dma_entry(struct kernel_dma* dma, uint64_t frame);

#ifdef __cplusplus
}
#endif

#endif
