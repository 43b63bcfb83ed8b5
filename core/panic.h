// SPDX-License-Identifier: GPL-2.0-only
//
// Where the kernel stops: panic() and BUG(). run_guarded() is the one place that catches them;
// nothing continues behind one.
//
// bug_on() is for the kernel's own BUG_ON(), and for pointers that would have oopsed it; what
// iommulab's own code rules out is ensure()'s (core/ensure.h).
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace iommulab {

/// panic(): the system cannot go on.
class kernel_panic : public std::runtime_error {
 public:
  explicit kernel_panic(const std::string& message) : std::runtime_error(message) {}
};

/// BUG(): a state that the kernel's code rules out.
class kernel_bug : public std::logic_error {
 public:
  explicit kernel_bug(const std::string& message) : std::logic_error(message) {}
};

/// BUG(), out of the way of the code that it never stops.
[[noreturn]] void bug(const char* what);

/// BUG_ON()
inline void bug_on(bool condition, const char* what) {
  if (condition) [[unlikely]]
    bug(what);
}

/// How a stretch of the kernel's code ended.
struct guarded_outcome {
  enum class ending : uint8_t { complete, panic, bug };

  ending how = ending::complete;
  std::string message;  ///< of the panic or the bug

  [[nodiscard]] bool complete() const { return how == ending::complete; }
  /// Why it stopped: "DMAR hardware is malfunctioning", "BUG: unaligned range"; else empty.
  [[nodiscard]] std::string reason() const;
  /// The log's line: "Kernel panic - not syncing: …", "BUG: …"; else empty.
  [[nodiscard]] std::string line() const;
};

/// Runs code of the kernel; its panic() and BUG() end here. All else that is thrown passes.
template <typename F>
guarded_outcome run_guarded(F&& run) {
  try {
    std::forward<F>(run)();
    return {};
  } catch (const kernel_panic& panic) {
    return {guarded_outcome::ending::panic, panic.what()};
  } catch (const kernel_bug& bug) {
    return {guarded_outcome::ending::bug, bug.what()};
  }
}

}  // namespace iommulab
