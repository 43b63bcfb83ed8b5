// SPDX-License-Identifier: GPL-2.0-only
//
// The functions of the extracted files that are not static in the kernel, with the prefix of this
// build as in shim/linux/symbols.h.
#pragma once

#include <linux/symbols.h>

#define cache_tag_flush_all KERNEL_NAME(cache_tag_flush_all)
#define cache_tag_flush_range KERNEL_NAME(cache_tag_flush_range)
#define cache_tag_flush_range_np KERNEL_NAME(cache_tag_flush_range_np)
#define dma_map_page_attrs KERNEL_NAME(dma_map_page_attrs)
#define dma_map_sg_attrs KERNEL_NAME(dma_map_sg_attrs)
#define dma_unmap_page_attrs KERNEL_NAME(dma_unmap_page_attrs)
#define dma_unmap_sg_attrs KERNEL_NAME(dma_unmap_sg_attrs)
#define iommu_dma_map_page KERNEL_NAME(iommu_dma_map_page)
#define iommu_dma_map_sg KERNEL_NAME(iommu_dma_map_sg)
#define iommu_dma_unmap_page KERNEL_NAME(iommu_dma_unmap_page)
#define iommu_dma_unmap_sg KERNEL_NAME(iommu_dma_unmap_sg)
#define iommu_get_dma_domain KERNEL_NAME(iommu_get_dma_domain)
#define iommu_iova_to_phys KERNEL_NAME(iommu_iova_to_phys)
#define iommu_map KERNEL_NAME(iommu_map)
#define iommu_map_sg KERNEL_NAME(iommu_map_sg)
#define iommu_unmap KERNEL_NAME(iommu_unmap)
#define iommu_unmap_fast KERNEL_NAME(iommu_unmap_fast)
#define sg_next KERNEL_NAME(sg_next)
