// SPDX-License-Identifier: GPL-2.0-only
//
// A shim, written for this benchmark from what the allocator needs; see bench/kernel/README.md.
#pragma once

#include <errno.h>
#include <limits.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SIZE 4096UL

// The allocator is there: its header declares the functions.
#define CONFIG_IOMMU_IOVA 1
#define IS_REACHABLE(option) option

#define static_assert(condition) _Static_assert(condition, #condition)

#define min(a, b)                      \
  ({                                   \
    typeof(a) min_a_ = (a);            \
    typeof(b) min_b_ = (b);            \
    min_a_ < min_b_ ? min_a_ : min_b_; \
  })
#define swap(a, b)         \
  do {                     \
    typeof(a) swap_ = (a); \
    (a) = (b);             \
    (b) = swap_;           \
  } while (0)
#define ALIGN(x, a) (((x) + (a)-1) & ~((a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((a)-1))

#define pr_err(...) fprintf(stderr, "kernel: " __VA_ARGS__)
#define ERR_PTR(error) ((void*)(long)(error))

// What the kernel only warns of is a bug of the benchmark that calls it.
#define BUG_ON(condition)                                                            \
  do {                                                                               \
    if (unlikely(condition)) {                                                       \
      fprintf(stderr, "kernel: BUG at %s:%d: %s\n", __FILE__, __LINE__, #condition); \
      abort();                                                                       \
    }                                                                                \
  } while (0)
#define WARN_ON(condition)              \
  ({                                    \
    bool warn_ = !!(condition);         \
    BUG_ON(warn_&& #condition != NULL); \
    warn_;                              \
  })
