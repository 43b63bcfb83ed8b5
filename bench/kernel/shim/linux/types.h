// SPDX-License-Identifier: GPL-2.0-only
//
// A shim, written for this benchmark from what the allocator needs; see bench/kernel/README.md.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef uint64_t dma_addr_t;
typedef unsigned int gfp_t;

struct hlist_node {
  struct hlist_node *next, **pprev;
};

#define __percpu
