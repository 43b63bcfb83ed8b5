// SPDX-License-Identifier: GPL-2.0-only
#include "dma/memory/coherent_memory.h"

#include <cstring>

#include "core/panic.h"

namespace iommulab {

void clear_memory(const coherent_memory& m, phys_addr address, uint64_t size) {
  std::byte* bytes = m.memory.at(address, size);
  bug_on(bytes == nullptr, "a coherent buffer lies outside of memory");
  std::memset(bytes, 0, size);
}

}  // namespace iommulab
