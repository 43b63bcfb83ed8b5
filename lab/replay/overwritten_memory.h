// SPDX-License-Identifier: GPL-2.0-only
//
// Memory that Linux 4.4 overwrites by mistake, and a sound driver does not. When a page inside a
// 2 MiB page is mapped, 4.4 takes the large page for a table and writes the small page's entry into
// the mapped memory. Our log names both entries:
//   DMAR: ERROR: DMA PTE for vPFN 0x203 already set (to 39a00083 not 39400003)
// so 4.4 wrote 39400003h at 39a00000h + 203h % 512 * 8 = 39a00018h: what is read at exactly these
// eight bytes may be that entry, and nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lab/script/script.h"

namespace iommulab::verify {

/// Whether a line of our log is such a one: the old entry is a large page, and the new one is not.
bool tells_of_overwriting(std::string_view line);

class overwritten_memory {
 public:
  /// Takes a line of our log; any other than the one above says nothing.
  void take(std::string_view line);

  /// What `op`, a peek that gave `ours` here, gives on 4.4. None when it is no peek, or one of
  /// memory that 4.4 left alone.
  [[nodiscard]] std::optional<std::string> peeked(const dmalab::script& script,
                                                  const dmalab::operation& op,
                                                  std::string_view ours) const;

 private:
  std::map<uint64_t, uint8_t> bytes_;  ///< by physical address
};

}  // namespace iommulab::verify
