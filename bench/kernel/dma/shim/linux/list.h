// SPDX-License-Identifier: GPL-2.0-only
//
// A shim, written for this benchmark from what 6.12's DMA code needs; see bench/kernel/README.md.
#pragma once

#include <linux/container_of.h>
#include <stdbool.h>

struct list_head {
  struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name) \
  { &(name), &(name) }
#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_for_each_entry(at, head, member)                                     \
  for (at = list_entry((head)->next, typeof(*at), member); &at->member != (head); \
       at = list_entry(at->member.next, typeof(*at), member))

static inline void INIT_LIST_HEAD(struct list_head* list) {
  list->next = list;
  list->prev = list;
}
static inline bool list_empty(const struct list_head* head) {
  return head->next == head;
}
static inline void list_add_between(struct list_head* entry, struct list_head* prev,
                                    struct list_head* next) {
  next->prev = entry;
  entry->next = next;
  entry->prev = prev;
  prev->next = entry;
}
static inline void list_add(struct list_head* entry, struct list_head* head) {
  list_add_between(entry, head, head->next);
}
static inline void list_add_tail(struct list_head* entry, struct list_head* head) {
  list_add_between(entry, head->prev, head);
}
static inline void list_del(struct list_head* entry) {
  entry->next->prev = entry->prev;
  entry->prev->next = entry->next;
}
/// All of `list`, which is not used any more, to the beginning of `head`.
static inline void list_splice(const struct list_head* list, struct list_head* head) {
  if (list_empty(list)) return;
  list->next->prev = head;
  list->prev->next = head->next;
  head->next->prev = list->prev;
  head->next = list->next;
}
