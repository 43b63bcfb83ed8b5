// SPDX-License-Identifier: GPL-2.0-only
//
// The host's own functions behind those that the library puts itself before, and who asks for them:
// what the system itself does with files is not the program's doing.
#pragma once

#include <dlfcn.h>

namespace iommulab {

/// The next function of this name behind ours.
template <typename Function>
Function* next_function(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// As long as one lives, this thread is the system, not the program.
class inside_guard {
 public:
  inside_guard() { ++depth(); }
  ~inside_guard() { --depth(); }
  inside_guard(const inside_guard&) = delete;
  inside_guard& operator=(const inside_guard&) = delete;

  static bool is_inside() { return depth() != 0; }

 private:
  static int& depth() {
    static thread_local int value = 0;
    return value;
  }
};

}  // namespace iommulab
