// SPDX-License-Identifier: GPL-2.0-only
//
// What iommulab's own code rules out: an invariant, or what a function asks of its caller. In every
// build it ends the process with a sentence, for nothing that comes after could be trusted. Input
// that may be wrong is none of it: that is refused with a Status.
#pragma once

namespace iommulab {

/// Ends the process, out of the way of the code that never does.
[[noreturn]] void broken_invariant(const char* what);

inline void ensure(bool holds, const char* what) {
  if (!holds) [[unlikely]]
    broken_invariant(what);
}

}  // namespace iommulab
