// SPDX-License-Identifier: GPL-2.0-only
//
// Where the kernel stops: panic() and BUG(). The composition catches them; nothing continues
// behind one.
#pragma once

#include <stdexcept>
#include <string>

namespace iommulab {

/// panic(): the system cannot go on.
class kernel_panic : public std::runtime_error {
 public:
  explicit kernel_panic(const std::string& message) : std::runtime_error(message) {}
};

/// BUG_ON(): a state that the code rules out.
class kernel_bug : public std::logic_error {
 public:
  explicit kernel_bug(const std::string& message) : std::logic_error(message) {}
};

inline void bug_on(bool condition, const char* what) {
  if (condition) throw kernel_bug(what);
}

}  // namespace iommulab
