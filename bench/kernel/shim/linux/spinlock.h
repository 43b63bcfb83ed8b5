// SPDX-License-Identifier: GPL-2.0-only
//
// A shim, written for this benchmark from what the allocator needs; see bench/kernel/README.md.
//
// With KERNEL_THREADS a test-and-set lock, the same that the lab's threaded host has
// (core/spin_lock.h); without, nothing. Interrupts are nobody's here.
#pragma once

#ifdef KERNEL_THREADS

typedef struct {
  _Bool taken;
} spinlock_t;

static inline void spin_lock_init(spinlock_t* lock) {
  lock->taken = 0;
}
static inline void spin_lock(spinlock_t* lock) {
  while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE)) {
    while (__atomic_load_n(&lock->taken, __ATOMIC_RELAXED)) __builtin_ia32_pause();
  }
}
static inline void spin_unlock(spinlock_t* lock) {
  __atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

#else

typedef struct {
} spinlock_t;

static inline void spin_lock_init(spinlock_t* lock) {
  (void)lock;
}
static inline void spin_lock(spinlock_t* lock) {
  (void)lock;
}
static inline void spin_unlock(spinlock_t* lock) {
  (void)lock;
}

#endif

#define spin_lock_irqsave(lock, flags) ((void)((flags) = 0), spin_lock(lock))
#define spin_unlock_irqrestore(lock, flags) ((void)(flags), spin_unlock(lock))
#define assert_spin_locked(lock) ((void)(lock))

#define DEFINE_MUTEX(name) spinlock_t name
#define mutex_lock(lock) spin_lock(lock)
#define mutex_unlock(lock) spin_unlock(lock)
