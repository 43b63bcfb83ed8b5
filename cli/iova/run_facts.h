// SPDX-License-Identifier: GPL-2.0-only
//
// What a time depends on besides the code that is timed: how this program was built, and the
// machine that it runs on.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace iommulab {

struct build_facts {
  std::string type;      ///< of CMake: "Release"
  std::string flags;     ///< of the compiler: "-O3 -DNDEBUG"
  std::string compiler;  ///< with its version
  bool assertions = false;
  bool sanitizer = false;
};
build_facts this_build();

/// Why times of such a build say little: one sentence, or nothing.
std::string timing_remark(const build_facts& build);
/// The same on `err`, as "iommulab: warning: …"; nothing where there is nothing to say.
void warn_of_build(std::ostream& err, const build_facts& build);

struct machine_facts {
  std::string cpu;            ///< model; empty: the kernel does not say
  unsigned cpus = 0;          ///< that this program may use
  std::vector<double> loads;  ///< of the last 1, 5 and 15 minutes; empty: the kernel does not say
};
machine_facts this_machine();

}  // namespace iommulab
