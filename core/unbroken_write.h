// SPDX-License-Identifier: GPL-2.0-only
//
// While files are written, signals that would end the process wait.
#pragma once

#include <array>
#include <csignal>
#include <cstddef>

namespace iommulab {

/// As long as one exists, an interrupt, a hang-up and a request to end are only noted; its end lets
/// the first of them do what it would have done. So what was begun is finished or taken back. For
/// work of a moment, in one place at a time.
class unbroken_write {
 public:
  unbroken_write();
  ~unbroken_write();
  unbroken_write(const unbroken_write&) = delete;
  unbroken_write& operator=(const unbroken_write&) = delete;

  /// Whether one of them came: what takes longer gives up then.
  [[nodiscard]] static bool interrupted();

 private:
  static constexpr std::array<int, 4> signals = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
  std::array<struct sigaction, signals.size()> before_{};
};

}  // namespace iommulab
