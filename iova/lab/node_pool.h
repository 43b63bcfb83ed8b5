// SPDX-License-Identifier: GPL-2.0-only
//
// Where an engine's nodes come from: chunks cut into nodes, and a list of free ones, as a slab
// cache. Memory goes back when the pool goes. Nodes are counted; a test makes them fail through
// the host's slab_failures.
//
// The pool's own lock guards its list, so nodes may be taken outside the engine's locks, as the
// kernel does. A node belongs to whoever took it until it is given back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "core/slab.h"

namespace iommulab {

template <class Node, class Lock>
class node_pool {
 public:
  /// `failures` may be null.
  explicit node_pool(slab_failures* failures) : failures_(failures) {}
  node_pool(const node_pool&) = delete;
  node_pool& operator=(const node_pool&) = delete;

  /// A new node, or null when there is no memory.
  template <class... Arguments>
  [[nodiscard, gnu::always_inline]] Node* make(Arguments&&... arguments) {
    if (failures_ != nullptr && failures_->should_fail()) [[unlikely]]
      return nullptr;
    return new (take()) Node{std::forward<Arguments>(arguments)...};
  }
  void destroy(Node* node) {
    node->~Node();
    give_back(reinterpret_cast<slot*>(node));
    if (failures_ != nullptr) [[unlikely]]
      failures_->freed();
  }

  /// Nodes that are out now.
  [[nodiscard]] uint64_t live() const { return live_; }

 private:
  union slot {
    slot* next;
    alignas(Node) std::byte node[sizeof(Node)];
  };
  static constexpr size_t slots_a_chunk = sizeof(slot) < 1024 ? 16384 / sizeof(slot) : 16;

  void* take() {
    lock_.lock();
    if (free_ == nullptr) [[unlikely]]
      add_chunk();
    slot* s = free_;
    free_ = s->next;
    ++live_;
    lock_.unlock();
    return s;
  }
  void give_back(slot* s) {
    lock_.lock();
    s->next = free_;
    free_ = s;
    --live_;
    lock_.unlock();
  }
  // Rare: not inlined, so that take() is.
  [[gnu::noinline]] void add_chunk() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    chunks_.push_back(std::make_unique<slot[]>(slots_a_chunk));
    slot* chunk = chunks_.back().get();
    for (size_t i = slots_a_chunk; i-- > 0;) {
      chunk[i].next = free_;
      free_ = &chunk[i];
    }
  }

  slab_failures* failures_;
  Lock lock_;
  slot* free_ ABSL_GUARDED_BY(lock_) = nullptr;
  uint64_t live_ = 0;
  std::vector<std::unique_ptr<slot[]>> chunks_ ABSL_GUARDED_BY(lock_);
};

}  // namespace iommulab
