// SPDX-License-Identifier: GPL-2.0-only
//
// Every symbol of the kernel's files and of the shims that other files of the program can see gets
// the prefix KERNEL_CODE, so that several builds of several versions stand in one program.
#pragma once

#define KERNEL_PASTE(prefix, name) prefix##_##name
#define KERNEL_JOIN(prefix, name) KERNEL_PASTE(prefix, name)
#define KERNEL_NAME(name) KERNEL_JOIN(KERNEL_CODE, name)

// drivers/iommu/iova.c
#define __free_iova KERNEL_NAME(free_iova_node)
#define alloc_iova KERNEL_NAME(alloc_iova)
#define alloc_iova_fast KERNEL_NAME(alloc_iova_fast)
#define find_iova KERNEL_NAME(find_iova)
#define free_iova KERNEL_NAME(free_iova)
#define free_iova_fast KERNEL_NAME(free_iova_fast)
#define init_iova_domain KERNEL_NAME(init_iova_domain)
#define iova_cache_get KERNEL_NAME(iova_cache_get)
#define iova_cache_put KERNEL_NAME(iova_cache_put)
#define iova_domain_init_rcaches KERNEL_NAME(iova_domain_init_rcaches)
#define iova_rcache_range KERNEL_NAME(iova_rcache_range)
#define put_iova_domain KERNEL_NAME(put_iova_domain)
#define reserve_iova KERNEL_NAME(reserve_iova)

// lib/rbtree.c
#define __rb_erase_color KERNEL_NAME(rb_erase_color)
#define __rb_insert_augmented KERNEL_NAME(rb_insert_augmented_node)
#define rb_erase KERNEL_NAME(rb_erase)
#define rb_first KERNEL_NAME(rb_first)
#define rb_first_postorder KERNEL_NAME(rb_first_postorder)
#define rb_insert_color KERNEL_NAME(rb_insert_color)
#define rb_last KERNEL_NAME(rb_last)
#define rb_next KERNEL_NAME(rb_next)
#define rb_next_postorder KERNEL_NAME(rb_next_postorder)
#define rb_prev KERNEL_NAME(rb_prev)
#define rb_replace_node KERNEL_NAME(rb_replace_node)
#define rb_replace_node_rcu KERNEL_NAME(rb_replace_node_rcu)

// the shims
#define kmalloc_caches KERNEL_NAME(kmalloc_caches)
#define slab_caches KERNEL_NAME(slab_caches)
#define possible_cpus KERNEL_NAME(possible_cpus)
#define this_cpu_offset KERNEL_NAME(this_cpu_offset)
