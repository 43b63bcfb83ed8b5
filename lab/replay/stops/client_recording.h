// SPDX-License-Identifier: GPL-2.0-only
//
// Recordings of a client's operations, of Linux 6.12: what it did (script.txt), what came of each
// operation (ops.txt), and what the unit was told meanwhile (effects.txt).
//
//   10 gtype d0 DMA -> r=3 ok type=DMA
//     k: …                      what the kernel logged, s: … the answer of `sysfs`
//
//   10 gtype d0 DMA -> r=3 ok type=DMA
//       CC device did=3 sid=0x18 fm=0
//       IOTLB domain did=3 dr=1 dw=1
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/replay/capture_folder.h"

namespace iommulab::verify {

inline constexpr const char* operations_file = "ops.txt";
inline constexpr const char* effects_file = "effects.txt";

struct client_operation {
  size_t line = 0;  ///< of ops.txt
  unsigned number = 0;
  std::vector<std::string> words;  ///< "gtype", "d0", "DMA"
  std::string text;                ///< "gtype d0 DMA"
  std::string result;              ///< behind the arrow
  numbered_lines answers;          ///< "k: …" and "s: …"
  numbered_lines effects;          ///< of effects.txt, without translations of DMA
};

/// The script is read as any client's (lab/clients/client_script.h). EINVAL, naming file and line,
/// where the three files do not agree or one does not read.
absl::StatusOr<std::vector<client_operation>> read_client_operations(const capture_folder& folder);

}  // namespace iommulab::verify
