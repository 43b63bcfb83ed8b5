// SPDX-License-Identifier: GPL-2.0-only
//
// Bytes of a log made into lines, whatever they are in: plain text, gzip or xz (by content, not by
// name), UTF-8 with or without a mark, UTF-16 of either byte order. What it cannot be, a sentence
// says: other archives, images, cut and damaged ones.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cli/fault/reading/byte_source.h"
#include "core/unpack.h"

namespace iommulab {

/// Takes bytes, gives lines. Holds no more than a line, and 4 KiB in the beginning, by which it
/// tells what they are.
class log_decoder {
 public:
  /// A line without its end, and its number from 1. A line longer than 64 KiB is cut.
  using receiver = std::function<void(std::string_view line, size_t number)>;

  explicit log_decoder(receiver next) : next_(std::move(next)) {}

  /// EINVAL, a sentence without a subject ("is a zip archive: …").
  absl::Status feed(std::string_view bytes);
  /// No more bytes.
  absl::Status finish();
  /// No more bytes for a while: what is held in the beginning has to do.
  absl::Status pause();

  [[nodiscard]] size_t lines() const { return inner_ ? inner_->lines() : lines_; }
  /// EINVAL when it does not look like a text: too many bytes are control characters.
  [[nodiscard]] absl::Status check_text() const;

 private:
  enum class encoding : uint8_t { bytes, utf16_little, utf16_big };

  absl::Status begin();
  absl::Status pass(std::string_view bytes, bool last);
  absl::Status unpack(std::string_view bytes, bool last);
  void decode(std::string_view bytes);
  void take_unit(uint16_t unit);
  void split(std::string_view text);
  void give(std::string_view line);

  receiver next_;
  std::string head_;
  bool begun_ = false;
  std::unique_ptr<unpacker> archive_;
  std::unique_ptr<log_decoder> inner_;  ///< of what the archive holds
  size_t depth_ = 0;                    ///< how many archives are around
  encoding encoding_ = encoding::bytes;
  std::string odd_;         ///< the first byte of a unit whose second has not come
  uint16_t surrogate_ = 0;  ///< the first half of a pair
  std::string rest_;        ///< the line that has not ended
  size_t lines_ = 0;
  uint64_t bytes_ = 0;
  uint64_t controls_ = 0;
};

/// Reads `source` to its end. `paused` is called when nothing comes for a while. EINVAL and EIO as
/// above, without a subject.
absl::Status read_log(byte_source& source, log_decoder& text, const std::function<void()>& paused);

}  // namespace iommulab
