// SPDX-License-Identifier: GPL-2.0-only
//
// A listener to calls that keeps nothing: for tests of what the driver does when it is followed.
#pragma once

#include <cstdint>

#include "core/trace.h"

namespace iommulab {

class call_counter : public trace_sink {
 public:
  void on_event(const trace_event& event) override {
    if (event.kind() == trace_kind::call_enter) ++calls;
  }
  uint64_t calls = 0;
};

}  // namespace iommulab
