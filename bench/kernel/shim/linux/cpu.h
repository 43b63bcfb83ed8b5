// SPDX-License-Identifier: GPL-2.0-only
//
// A shim, written for this benchmark from what the allocator needs; see bench/kernel/README.md.
// Processors neither come nor go.
#pragma once

#include <linux/container_of.h>
#include <linux/types.h>

enum { CPUHP_IOMMU_IOVA_DEAD };

static inline int cpuhp_setup_state_multi(int state, const char* name, void* startup,
                                          int (*teardown)(unsigned int, struct hlist_node*)) {
  (void)state, (void)name, (void)startup, (void)teardown;
  return 0;
}
static inline void cpuhp_remove_multi_state(int state) {
  (void)state;
}
static inline int cpuhp_state_add_instance_nocalls(int state, struct hlist_node* node) {
  (void)state, (void)node;
  return 0;
}
static inline int cpuhp_state_remove_instance_nocalls(int state, struct hlist_node* node) {
  (void)state, (void)node;
  return 0;
}

#define hlist_entry_safe(ptr, type, member) ((ptr) ? container_of(ptr, type, member) : NULL)
