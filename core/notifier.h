// SPDX-License-Identifier: GPL-2.0-only
//
// Notifier chains: blocks in descending priority, first registered first among equals.
//
// A block that answers `bad` ends the call: the blocks after it do not hear of the action. A
// negative errno handed back by a notifier has the kernel's NOTIFY_STOP_MASK bit set, so it counts
// as `bad`: a device that the IOMMU driver refuses (-ENODEV) stays unknown to the later blocks.
#pragma once

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/enum_names.h"

namespace iommulab {

/// What a notifier answers; `bad` stops the chain.
enum class notify_result { done, ok, bad };
inline std::string_view name(notify_result result) {
  using enum notify_result;
  static constexpr auto names =
      enum_names<notify_result>({{done, "done"}, {ok, "ok"}, {bad, "bad"}});
  return names(result);
}
inline std::string_view trace_word(notify_result result) {
  return name(result);
}

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
  /// Calls the blocks in order until one answers `bad`; a block may unregister itself meanwhile.
  void call(Action action, Data& data) const {
    const std::vector<block*> snapshot = blocks_;
    for (const block* nb : snapshot) {
      if (nb->notifier_call(action, data) == notify_result::bad) return;
    }
  }
  [[nodiscard]] bool empty() const { return blocks_.empty(); }

 private:
  std::vector<block*> blocks_;
};

}  // namespace iommulab
