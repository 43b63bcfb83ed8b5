// SPDX-License-Identifier: GPL-2.0-only
//
// What is told of a served program's calls, as it happens: the call with its result, what the unit
// was told meanwhile, and the events that were asked for.
//
//   ioctl(7 /dev/vfio/vfio, VFIO_IOMMU_MAP_DMA) = 0
//       IOTLB page did=3 addr=0x100000 am=0 ih=0 dr=1 dw=1
//         vfio_iommu_type1_ioctl(cmd=0x3b71) {
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/trace.h"
#include "kernel/kernel.h"
#include "lab/events/event_words.h"

namespace iommulab {

class call_report {
 public:
  /// `classes` none: nothing is told. `file` empty: standard error, as it is now.
  call_report(kernel& system, trace_class classes, const std::string& file);
  ~call_report();
  call_report(const call_report&) = delete;
  call_report& operator=(const call_report&) = delete;

  [[nodiscard]] bool is_on() const { return descriptor_ >= 0; }
  /// A call is through; `what` is it in words, without its result.
  void tell(const std::string& what, int64_t result);
  /// What happened since the last call was not the program's doing.
  void forget() { recorder_.clear(); }
  /// A line of its own, also when nothing is told of calls: to standard error then.
  void say(const std::string& line) const;

 private:
  void put(const std::string& text) const;

  kernel& system_;
  trace_class classes_;
  int descriptor_ = -1;
  trace_recorder recorder_;
  trace_subscription subscription_;
  event_words words_;
  size_t log_seen_ = 0;
};

/// "VFIO_IOMMU_MAP_DMA", of a request to the file that was opened under this path; a number where
/// there is none.
std::string request_name(const std::string& path, uint32_t request);

}  // namespace iommulab
