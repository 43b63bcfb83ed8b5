// SPDX-License-Identifier: GPL-2.0-only
//
// A shim, written for this benchmark from what the allocator needs; see bench/kernel/README.md.
// One instruction each, as on x86 in the kernel.
#pragma once

#include <stdbool.h>

/// Index of the lowest bit that is set; `word` is not 0.
static inline unsigned long __ffs(unsigned long word) {
  return (unsigned long)__builtin_ctzl(word);
}

/// Index of the highest bit that is set, counted from 1; 0 for 0.
static inline int fls_long(unsigned long word) {
  return word == 0 ? 0 : 64 - __builtin_clzl(word);
}

static inline bool is_power_of_2(unsigned long n) {
  return n != 0 && (n & (n - 1)) == 0;
}

/// `n` is not 0.
static inline unsigned long roundup_pow_of_two(unsigned long n) {
  return 1UL << fls_long(n - 1);
}

/// The least k with n <= 1 << k.
static inline int order_base_2(unsigned long n) {
  return n > 1 ? fls_long(n - 1) : 0;
}
