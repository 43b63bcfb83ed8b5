// SPDX-License-Identifier: GPL-2.0-only
//
// A script of a capture, played on a system of our own, with what belongs to each operation on
// both sides.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/trace.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/capture_run.h"
#include "lab/replay/hardware_trace.h"
#include "lab/replay/operation_marks.h"
#include "lab/replay/page_names.h"
#include "lab/replay/replay_differences.h"
#include "lab/script/session.h"

namespace iommulab::verify {

class played_script {
 public:
  /// The folder outlives the script.
  explicit played_script(const capture_folder& folder) : folder_(folder) {}

  /// Errors are those of the files. EINVAL for a recording that is cut short. A system that is not
  /// one on which the script can be run is a difference; then operations are missing.
  absl::Status play();

  [[nodiscard]] const dmalab::script& script() const { return script_; }
  [[nodiscard]] const std::vector<dmalab::outcome>& outcomes() const { return outcomes_; }
  [[nodiscard]] const replay_differences& differences() const { return differences_; }
  [[nodiscard]] bool has_calls() const { return has_calls_; }
  /// The operation's part of the capture's call tree; the script has each.
  [[nodiscard]] const operation_calls& captured_calls(const dmalab::operation& op) const {
    return captured_calls_.at(op.number);
  }
  /// What our run did in the operation at `index`, and what it did before it since the one above.
  [[nodiscard]] absl::Span<const trace_event> events_of(size_t index) const;
  [[nodiscard]] absl::Span<const trace_event> events_before(size_t index) const;
  /// Our driver's lines in it.
  [[nodiscard]] numbered_lines our_log(const dmalab::outcome& o) const;
  /// The dumps' names, with our tables at that moment.
  [[nodiscard]] const std::vector<std::pair<std::string, numbered_lines>>& tables() const {
    return tables_;
  }

  [[nodiscard]] page_names names(const hardware_trace& trace) const;
  /// Everything that our hardware saw, for the roles of pages.
  [[nodiscard]] hardware_trace our_trace() const;

 private:
  absl::Status read();
  [[nodiscard]] absl::Status check_dumps() const;
  absl::Status start();
  absl::Status run_operations();
  void dump_tables(const std::string& name);

  const capture_folder& folder_;
  std::unique_ptr<capture_run> run_;
  trace_subscription recording_;
  replay_differences differences_;
  size_t first_event_ = 0;  ///< of the script
  dmalab::script script_;
  bool has_calls_ = false;
  calls_by_operation captured_calls_;
  std::vector<dmalab::outcome> outcomes_;
  std::vector<std::pair<size_t, size_t>> events_;  ///< of each operation: first, one past the last
  std::vector<std::pair<std::string, numbered_lines>> tables_;
};

}  // namespace iommulab::verify
