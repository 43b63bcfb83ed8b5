// SPDX-License-Identifier: GPL-2.0-only
//
// How a walk over the kernel's lists is stopped, wherever there is one: by the kernel's int. A
// callback that returns nonzero ends the walk and is its result; one that returns nothing stops no
// walk. A question (is there one that …?) is not a walk: it takes a predicate.
#pragma once

#include <type_traits>
#include <utility>

namespace iommulab {

/// One step: what the callback returns, 0 when that is nothing.
template <typename F, typename... Args>
int walk_step_of(F& fn, Args&&... args) {
  using result = std::invoke_result_t<F&, Args...>;
  if constexpr (std::is_void_v<result>) {
    fn(std::forward<Args>(args)...);
    return 0;
  } else {
    static_assert(std::is_same_v<result, int>, "a walk is stopped by an int");
    return fn(std::forward<Args>(args)...);
  }
}

}  // namespace iommulab
