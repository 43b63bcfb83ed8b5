// SPDX-License-Identifier: GPL-2.0-only
//
// The lock of an engine that one thread uses.
#pragma once

#include "absl/base/thread_annotations.h"

namespace iommulab {

/// For one thread: costs nothing and guards nothing.
class ABSL_LOCKABLE no_lock {
 public:
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {}
  void unlock() ABSL_UNLOCK_FUNCTION() {}
};

}  // namespace iommulab
