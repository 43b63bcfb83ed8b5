// SPDX-License-Identifier: GPL-2.0-only
//
// Messages of several lines put together: request and reason of the two-line wordings, a queue
// message and its descriptors, QEMU's reason and device. Other lines may stand between them, and
// two processors' messages may be mixed: where the kernel prints who calls, that tells them apart;
// else the order does.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/fault/lines/fault_line.h"

namespace iommulab {

class fault_assembler {
 public:
  /// A complete message, with the place of its first line.
  using receiver = std::function<void(fault_line, const std::string& source)>;

  explicit fault_assembler(receiver next) : next_(std::move(next)) {}

  void add(fault_line line, const std::string& caller, const std::string& source);
  /// Nothing more will come: what is incomplete goes on as it is.
  void finish();
  [[nodiscard]] bool holds() const { return !requests_.empty() || !queue_.empty(); }

 private:
  struct waiting {
    fault_line line;
    std::string caller;
    std::string source;
  };

  bool add_reason(fault_line& line, const std::string& caller, const std::string& source);
  bool add_device(const fault_line& line);
  void settle();
  void finish_queue();

  receiver next_;
  std::vector<waiting> requests_;  ///< without their reasons, in order
  std::vector<waiting> reasons_;   ///< that came meanwhile, in order
  std::vector<waiting> queue_;     ///< messages whose descriptors may follow
};

}  // namespace iommulab
