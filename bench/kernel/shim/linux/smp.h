// SPDX-License-Identifier: GPL-2.0-only
//
// A shim, written for this benchmark from what the allocator needs; see bench/kernel/README.md.
//
// Processors. Each thread says once which one it is, by where that one's copy of every per-CPU
// object lies from the first one's: raw_cpu_ptr() is then one addition, as in the kernel.
#pragma once

#include <linux/compiler.h>
#include <linux/symbols.h>
#include <stdlib.h>
#include <string.h>

enum { percpu_stride = 64 };  // of one object; none is larger

#ifdef KERNEL_THREADS
extern __thread unsigned long this_cpu_offset;
#else
extern unsigned long this_cpu_offset;
#endif
extern unsigned int possible_cpus;

#define raw_cpu_ptr(ptr) ((typeof(ptr))((char*)(ptr) + this_cpu_offset))
#define per_cpu_ptr(ptr, cpu) ((typeof(ptr))((char*)(ptr) + (unsigned long)(cpu)*percpu_stride))

#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < possible_cpus; ++(cpu))
#define for_each_online_cpu(cpu) for_each_possible_cpu(cpu)
#define num_online_cpus() possible_cpus
#define cache_line_size() 64

static inline void* __alloc_percpu(size_t size, size_t align) {
  if (size > percpu_stride || align > percpu_stride) abort();
  void* all = aligned_alloc(percpu_stride, (size_t)possible_cpus * percpu_stride);
  if (all != NULL) memset(all, 0, (size_t)possible_cpus * percpu_stride);
  return all;
}
static inline void free_percpu(void* all) {
  free(all);
}
