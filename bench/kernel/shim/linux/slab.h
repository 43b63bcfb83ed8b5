// SPDX-License-Identifier: GPL-2.0-only
//
// A shim, written for this benchmark from what the allocator needs; see bench/kernel/README.md.
//
// A slab cache is a list of free objects for each processor, without a lock, over chunks that it
// keeps until it is destroyed. Objects begin at cache lines (the allocator asks for
// SLAB_HWCACHE_ALIGN), also those of kmalloc(), each behind a line that names its cache.
#pragma once

#include <linux/kernel.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#define GFP_KERNEL 0u
#define GFP_ATOMIC 0u
#define __GFP_NOWARN 0u
#define SLAB_HWCACHE_ALIGN 0u

enum { slab_line = 64, slab_chunk_objects = 256, slab_cpus = 64 };

struct slab_chunk {
  struct slab_chunk* next;
  void* objects;
};
struct slab_list {
  void* first;
} __attribute__((aligned(percpu_stride)));

struct kmem_cache {
  struct slab_list free[slab_cpus];
  size_t size;  // whole lines
  spinlock_t lock;
  struct slab_chunk* chunks;
  struct kmem_cache* next_cache;
};
extern struct kmem_cache* slab_caches;

static inline void** slab_free_list(struct kmem_cache* cache) {
#ifdef KERNEL_THREADS
  return &raw_cpu_ptr(&cache->free[0])->first;
#else
  return &cache->free[0].first;
#endif
}

// Cuts a new chunk up and returns its first object.
static __attribute__((noinline)) void* slab_refill(struct kmem_cache* cache, void** list) {
  struct slab_chunk* chunk = malloc(sizeof(*chunk));
  char* objects = aligned_alloc(slab_line, cache->size * slab_chunk_objects);
  if (chunk == NULL || objects == NULL) {
    free(chunk);
    free(objects);
    return NULL;
  }
  chunk->objects = objects;
  for (size_t i = slab_chunk_objects - 1; i > 0; --i) {
    *(void**)(objects + i * cache->size) = *list;
    *list = objects + i * cache->size;
  }
  spin_lock(&cache->lock);
  chunk->next = cache->chunks;
  cache->chunks = chunk;
  spin_unlock(&cache->lock);
  return objects;
}

static inline struct kmem_cache* kmem_cache_create(const char* name, size_t size, size_t align,
                                                   unsigned flags, void (*constructor)(void*)) {
  (void)name, (void)align, (void)flags, (void)constructor;
  struct kmem_cache* cache = aligned_alloc(slab_line, ALIGN(sizeof(*cache), (size_t)slab_line));
  if (cache == NULL) return NULL;
  memset(cache, 0, sizeof(*cache));
  cache->size = ALIGN(size, (size_t)slab_line);
  cache->next_cache = slab_caches;
  slab_caches = cache;
  return cache;
}

static inline void kmem_cache_destroy(struct kmem_cache* cache) {
  if (cache == NULL) return;
  struct kmem_cache** link = &slab_caches;
  while (*link != cache) link = &(*link)->next_cache;
  *link = cache->next_cache;
  while (cache->chunks != NULL) {
    struct slab_chunk* chunk = cache->chunks;
    cache->chunks = chunk->next;
    free(chunk->objects);
    free(chunk);
  }
  free(cache);
}

static inline void* kmem_cache_alloc(struct kmem_cache* cache, gfp_t flags) {
  (void)flags;
  void** list = slab_free_list(cache);
  void* object = *list;
  if (unlikely(object == NULL)) return slab_refill(cache, list);
  *list = *(void**)object;
  return object;
}

static inline void* kmem_cache_zalloc(struct kmem_cache* cache, gfp_t flags) {
  void* object = kmem_cache_alloc(cache, flags);
  if (likely(object != NULL)) {
    // The size of the small case is known here: four stores, no call.
    if (likely(cache->size == slab_line)) {
      memset(object, 0, slab_line);
    } else {
      memset(object, 0, cache->size);
    }
  }
  return object;
}

static inline void kmem_cache_free(struct kmem_cache* cache, void* object) {
  void** list = slab_free_list(cache);
  *(void**)object = *list;
  *list = object;
}

// Objects that are out.
static inline size_t slab_live(const struct kmem_cache* cache) {
  size_t live = 0;
  for (const struct slab_chunk* c = cache->chunks; c != NULL; c = c->next) {
    live += slab_chunk_objects;
  }
  for (size_t cpu = 0; cpu < slab_cpus; ++cpu) {
    for (void* o = cache->free[cpu].first; o != NULL; o = *(void**)o) --live;
  }
  return live;
}
static inline size_t slab_live_bytes(void) {
  size_t bytes = 0;
  for (const struct kmem_cache* c = slab_caches; c != NULL; c = c->next_cache) {
    bytes += slab_live(c) * c->size;
  }
  return bytes;
}

// kmalloc(): a cache a size, made when that size is first asked for.
enum { kmalloc_sizes = 4 };
extern struct kmem_cache* kmalloc_caches[kmalloc_sizes];

static __attribute__((noinline)) struct kmem_cache* kmalloc_new_cache(size_t size) {
  for (int i = 0; i < kmalloc_sizes; ++i) {
    if (kmalloc_caches[i] == NULL) {
      kmalloc_caches[i] = kmem_cache_create("kmalloc", size, 0, 0, NULL);
      return kmalloc_caches[i];
    }
  }
  abort();  // an allocator of more sizes than this shim was written for
}

static inline void* kzalloc(size_t size, gfp_t flags) {
  const size_t whole = slab_line + ALIGN(size, (size_t)slab_line);
  struct kmem_cache* cache = NULL;
  for (int i = 0; i < kmalloc_sizes && kmalloc_caches[i] != NULL; ++i) {
    if (kmalloc_caches[i]->size == whole) cache = kmalloc_caches[i];
  }
  if (unlikely(cache == NULL)) cache = kmalloc_new_cache(whole);
  if (unlikely(cache == NULL)) return NULL;
  char* line = kmem_cache_alloc(cache, flags);
  if (unlikely(line == NULL)) return NULL;
  *(struct kmem_cache**)(line + sizeof(void*)) = cache;  // behind the list's link
  return memset(line + slab_line, 0, size);
}
static inline void* kcalloc(size_t n, size_t size, gfp_t flags) {
  return kzalloc(n * size, flags);
}

static inline void kfree(void* object) {
  if (object == NULL) return;
  char* line = (char*)object - slab_line;
  kmem_cache_free(*(struct kmem_cache**)(line + sizeof(void*)), line);
}
