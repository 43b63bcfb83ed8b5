// SPDX-License-Identifier: GPL-2.0-only
//
// Where a replay could not go on as it was recorded: the running system had nothing that the next
// recorded call could be made on. That is no fault of the recording but a behaviour that changed:
// the call is left out, the replay goes on, and the difference is reported beside what was
// compared.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "lab/replay/class_result.h"

namespace iommulab::verify {

class replay_differences {
 public:
  /// What is recorded from here on is of `phase`, and stands in `file`.
  void enter(std::string phase, std::string file);
  [[nodiscard]] const std::string& file() const { return file_; }

  /// Line `line` of the file says `recorded`; instead, `here`.
  void add(size_t line, std::string_view recorded, std::string_view here);
  /// The same of another file.
  void add_at(const std::string& file, size_t line, std::string_view recorded,
              std::string_view here);
  [[nodiscard]] bool empty() const { return all_.empty(); }

  /// One result a phase, "netup workload", which names the first few.
  [[nodiscard]] std::vector<class_result> results() const;
  /// The first as a sentence, for those to whom it is a reason to stop; OK without any.
  [[nodiscard]] absl::Status status() const;

 private:
  struct entry {
    std::string phase;
    std::string sentence;
  };
  std::string phase_;
  std::string file_;
  std::vector<entry> all_;
};

}  // namespace iommulab::verify
