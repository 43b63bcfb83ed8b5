// SPDX-License-Identifier: GPL-2.0-only
//
// A script run on a system, operation by operation, with what is to be seen after each.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "kernel/kernel.h"
#include "lab/script/script.h"

namespace iommulab::dmalab {

struct outcome {
  const operation* op = nullptr;
  std::string result;
  int list_size = 0;      ///< unmaps that wait for a flush
  bool timer_on = false;  ///< the unmap timer
  uint64_t time_ns = 0;   ///< when the operation began
  uint64_t spent_ns = 0;  ///< how long it took
  size_t first_log = 0;   ///< lines of the log that it printed
  size_t last_log = 0;    ///< one past them
  std::string bug;        ///< what a BUG() or a panic said; the session ends there
};

struct session_hooks {
  /// Before an operation: the pages that it will get, in order; the allocator chooses those that
  /// are not given.
  std::function<std::vector<phys_addr>(const operation&)> pages;
  /// Right before and right after an operation; false ends the session.
  std::function<void(const operation&)> begins;
  std::function<bool(const outcome&)> ends;
};

/// Whether a session could not begin because of what the running system did, and not because of
/// what the script says: a page of the script's in use, a device gone from the bus.
bool is_refused_by_system(const absl::Status& status);

/// Runs the operations in order. EINVAL for a script that no system of this machine can run.
absl::StatusOr<std::vector<outcome>> run_session(kernel& system, const script& from,
                                                 const session_hooks& hooks);

/// "fgraph" and plain recordings alike: keeps the pages of recorded coherent buffers from being
/// chosen, and says for each operation which of them it gets.
std::vector<phys_addr> recorded_coherent_page(const operation& op, uint64_t coherent_bytes);

/// The time-independent part of a line: "3 map 1 0 … -> phys=… ; ls=0 tm=0", without the number of
/// polls, which is no result.
std::string outcome_line(const operation& op, const std::string& result, int list_size,
                         bool timer_on);

}  // namespace iommulab::dmalab
