// SPDX-License-Identifier: GPL-2.0-only
//
// A shim, written for this benchmark from what the allocator needs; see bench/kernel/README.md.
#pragma once

static inline void kmemleak_transient_leak(const void* object) {
  (void)object;
}
