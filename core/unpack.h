// SPDX-License-Identifier: GPL-2.0-only
//
// Compressed bytes unpacked piece by piece, so that neither side is ever held as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/status.h"

namespace iommulab {

enum class packing : uint8_t { none, xz, gzip };

/// What bytes that begin so are packed with.
packing packing_of(std::string_view first_bytes);

class unpacker {
 public:
  virtual ~unpacker() = default;

  /// Unpacks `packed`, of which the part that was used is taken away, and appends to `text`, some
  /// 64 KiB at most. `last`: no packed bytes will follow. EINVAL, a sentence ("not a sound
  /// gzip archive: it is cut short"), when they are damaged or end too early.
  virtual absl::Status unpack(std::string_view& packed, bool last, std::string& text) = 0;
  /// Whether all that was taken has been given, and the archive may end here.
  [[nodiscard]] virtual bool complete() const = 0;
};

/// Null for `none`.
std::unique_ptr<unpacker> make_unpacker(packing kind);

}  // namespace iommulab
