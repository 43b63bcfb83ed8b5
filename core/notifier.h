// SPDX-License-Identifier: GPL-2.0-or-later
//
// Notifier chains: blocks in descending priority, first registered first among equals.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace iommulab {

/// What a notifier answers. The kernel folds an errno into `bad`; no chain here looks at it.
enum class notify_result { done, ok, bad };

template <typename Action, typename Data>
struct notifier_block {
  std::function<notify_result(Action, Data&)> notifier_call;
  int priority = 0;
};

template <typename Action, typename Data>
class notifier_chain {
 public:
  using block = notifier_block<Action, Data>;

  void register_block(block& nb) {
    const auto at = std::find_if(blocks_.begin(), blocks_.end(),
                                 [&](const block* b) { return b->priority < nb.priority; });
    blocks_.insert(at, &nb);
  }
  void unregister_block(const block& nb) {
    blocks_.erase(std::remove(blocks_.begin(), blocks_.end(), &nb), blocks_.end());
  }
  /// Calls every block; a block may unregister itself meanwhile.
  void call(Action action, Data& data) const {
    const std::vector<block*> snapshot = blocks_;
    for (const block* nb : snapshot) nb->notifier_call(action, data);
  }
  [[nodiscard]] bool empty() const { return blocks_.empty(); }

 private:
  std::vector<block*> blocks_;
};

}  // namespace iommulab
