// SPDX-License-Identifier: GPL-2.0-only
//
// A list of those who want to be told of something, and the subscription that keeps one of them on
// it: destroying the subscription ends it. List and subscription may die in either order.
//
// Invariants: listeners are told in the order in which they subscribed. A listener may subscribe or
// end subscriptions while it is told: who was ended is told no more, who came is told from the
// next time on. With nobody on the list any() is one load of one byte.
//
// Threads: a list belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace iommulab {

template <typename Listener>
class listener_list {
 public:
  class subscription {
   public:
    subscription() = default;
    subscription(subscription&& other) noexcept
        : list_(std::exchange(other.list_, nullptr)), listener_(std::move(other.listener_)) {
      if (list_ != nullptr) list_->replace(&other, this);
    }
    subscription& operator=(subscription&& other) noexcept {
      if (this == &other) return *this;
      end();
      listener_ = std::move(other.listener_);
      list_ = std::exchange(other.list_, nullptr);
      if (list_ != nullptr) list_->replace(&other, this);
      return *this;
    }
    ~subscription() { end(); }

    /// Nothing more is told. A second call does nothing.
    void end() {
      if (list_ != nullptr) std::exchange(list_, nullptr)->drop(this);
    }
    /// Whether there is a list that tells.
    [[nodiscard]] bool active() const { return list_ != nullptr; }

   private:
    friend class listener_list;
    subscription(listener_list* list, Listener listener)
        : list_(list), listener_(std::move(listener)) {}

    listener_list* list_ = nullptr;
    Listener listener_{};
  };

  listener_list() = default;
  /// `changed` is called when somebody came or went.
  explicit listener_list(std::function<void()> changed) : changed_(std::move(changed)) {}
  ~listener_list() { forget_all(); }
  listener_list(const listener_list&) = delete;
  listener_list& operator=(const listener_list&) = delete;

  [[nodiscard]] subscription add(Listener listener) {
    subscription made(this, std::move(listener));
    entries_.push_back(&made);
    count();
    return made;  // moved or not, the entry follows it
  }

  [[nodiscard]] bool any() const { return any_; }

  /// With nobody on the list nothing is written: then any thread may call it.
  template <typename F>
  void each(F tell) const {
    if (!any_) return;
    const being_told guard(*this);
    const size_t there = entries_.size();
    for (size_t i = 0; i < there; ++i) {
      if (entries_[i] != nullptr) tell(entries_[i]->listener_);
    }
  }

  /// Ends every subscription.
  void end_all() {
    forget_all();
    count();
  }

 private:
  /// While it lives entries keep their places.
  class being_told {
   public:
    explicit being_told(const listener_list& list) : list_(list) { ++list_.telling_; }
    ~being_told() {
      if (--list_.telling_ == 0) std::erase(list_.entries_, nullptr);
    }
    being_told(const being_told&) = delete;
    being_told& operator=(const being_told&) = delete;

   private:
    const listener_list& list_;
  };

  void replace(const subscription* before, subscription* now) {
    for (subscription*& entry : entries_) {
      if (entry == before) entry = now;
    }
  }
  void forget_all() {
    for (subscription*& entry : entries_) {
      if (entry != nullptr) std::exchange(entry, nullptr)->list_ = nullptr;
    }
  }
  void drop(const subscription* gone) {
    replace(gone, nullptr);
    count();
  }
  void count() {
    if (telling_ == 0) std::erase(entries_, nullptr);
    any_ = false;
    for (const subscription* entry : entries_) any_ = any_ || entry != nullptr;
    if (changed_) changed_();
  }

  // Telling changes who is on the list only by taking out the ended ones.
  mutable std::vector<subscription*> entries_;
  mutable unsigned telling_ = 0;
  bool any_ = false;
  std::function<void()> changed_;
};

}  // namespace iommulab
