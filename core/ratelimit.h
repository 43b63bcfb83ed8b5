// SPDX-License-Identifier: GPL-2.0-only
//
// A limit on how often a message is printed: 10 in 5 seconds of virtual time. The owner's lock
// guards it.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/strings/str_format.h"
#include "core/environment.h"

namespace iommulab {

class ratelimit_state {
 public:
  /// Whether a message of `function` may be printed now. What was held back is counted, and told
  /// when the time is over. Linux v4.4 lib/ratelimit.c: ___ratelimit()
  bool allows(environment& env, std::string_view function) {
    constexpr uint64_t interval_ns = 5'000'000'000;
    constexpr unsigned burst = 10;
    const uint64_t now = env.clock.now_ns();
    if (!counting_) {
      counting_ = true;
      begin_ns_ = now;
    }
    if (now > begin_ns_ + interval_ns) {
      if (missed_ != 0) {
        env.log.print(log_level::warning,
                      absl::StrFormat("%s: %d callbacks suppressed", function, missed_));
      }
      *this = {};
    }
    if (printed_ < burst) {
      ++printed_;
      return true;
    }
    ++missed_;
    return false;
  }

 private:
  bool counting_ = false;
  uint64_t begin_ns_ = 0;
  unsigned printed_ = 0;
  unsigned missed_ = 0;
};

}  // namespace iommulab
