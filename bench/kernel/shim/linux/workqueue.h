// SPDX-License-Identifier: GPL-2.0-only
//
// A shim, written for this benchmark from what the allocator needs; see bench/kernel/README.md.
//
// Work is noted as pending and never runs by itself: an idle moment never comes in a benchmark.
#pragma once

#include <stdbool.h>

struct work_struct {
  void (*function)(struct work_struct*);
  bool pending;
};
struct delayed_work {
  struct work_struct work;
};

#define INIT_DELAYED_WORK(delayed, f) \
  ((void)((delayed)->work.function = (f), (delayed)->work.pending = false))

static inline bool schedule_delayed_work(struct delayed_work* delayed, unsigned long delay) {
  (void)delay;
  const bool was_idle = !delayed->work.pending;
  delayed->work.pending = true;
  return was_idle;
}
static inline bool cancel_delayed_work_sync(struct delayed_work* delayed) {
  const bool was_pending = delayed->work.pending;
  delayed->work.pending = false;
  return was_pending;
}
static inline unsigned long msecs_to_jiffies(unsigned int milliseconds) {
  return milliseconds;
}
