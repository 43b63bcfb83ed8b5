// SPDX-License-Identifier: GPL-2.0-or-later
#include "iova/linux/catalogue.h"

namespace iommulab {

absl::Span<const iova_catalogue_entry> linux_iova_allocators() {
  return {};
}

}  // namespace iommulab
