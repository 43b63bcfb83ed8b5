// SPDX-License-Identifier: GPL-2.0-only
#include "support/long_run.h"

#include <cstdlib>

namespace iommulab {

bool is_long_run() {
  const char* value = std::getenv("IOMMULAB_LONG");  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr && *value != '\0';
}

}  // namespace iommulab
