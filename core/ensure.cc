// SPDX-License-Identifier: GPL-2.0-only
#include "core/ensure.h"

#include <cstdio>
#include <cstdlib>

namespace iommulab {

void broken_invariant(const char* what) {
  std::fprintf(stderr, "iommulab: does not hold: %s\n", what);
  std::abort();
}

}  // namespace iommulab
