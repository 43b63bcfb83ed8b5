// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/reading/log_decoder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/fault/reading/file_kinds.h"

namespace iommulab {
namespace {

constexpr size_t head_size = size_t{4} << 10;
constexpr size_t longest_line = size_t{64} << 10;
/// A compressed file that was compressed once more; what is deeper nobody makes by mistake.
constexpr size_t deepest = 2;

std::string utf8_of(uint32_t code) {
  constexpr unsigned bits = 6;
  const auto tail = [code](unsigned shift) {
    return static_cast<char>(0x80 | (code >> shift & 0x3f));
  };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xc0 | code >> bits), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xe0 | code >> 2 * bits), tail(bits), tail(0)};
  return {static_cast<char>(0xf0 | code >> 3 * bits), tail(2 * bits), tail(bits), tail(0)};
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x09 || (byte > 0x0d && byte < 0x1b) || byte == 0x7f;
}

}  // namespace

absl::Status log_decoder::feed(std::string_view bytes) {
  if (begun_) return pass(bytes, false);
  head_.append(bytes);
  return head_.size() < head_size ? absl::OkStatus() : begin();
}

absl::Status log_decoder::pause() {
  if (inner_) return inner_->pause();
  return begun_ || head_.empty() ? absl::OkStatus() : begin();
}

absl::Status log_decoder::finish() {
  if (!begun_) {
    if (absl::Status status = begin(); !status.ok()) return status;
  }
  if (archive_) {
    if (absl::Status status = pass({}, true); !status.ok()) return status;
    return inner_->finish();
  }
  if (!rest_.empty()) give(rest_);
  rest_.clear();
  return absl::OkStatus();
}

absl::Status log_decoder::begin() {
  begun_ = true;
  const std::string head = std::exchange(head_, {});
  if (const std::string_view kind = unreadable_kind(head); !kind.empty()) {
    return errno_status(EINVAL, kind);
  }
  if (const packing kind = packing_of(head); kind != packing::none) {
    if (depth_ == deepest) {
      return errno_status(EINVAL, "is an archive in an archive in an archive: unpack it first");
    }
    archive_ = make_unpacker(kind);
    inner_ = std::make_unique<log_decoder>(next_);
    inner_->depth_ = depth_ + 1;
    return pass(head, false);
  }
  std::string_view text = head;
  switch (text_kind_of(head)) {
    case text_kind::utf8_marked:
      text.remove_prefix(3);
      break;
    case text_kind::utf16_little:
      encoding_ = encoding::utf16_little;
      break;
    case text_kind::utf16_big:
      encoding_ = encoding::utf16_big;
      break;
    case text_kind::bytes:
      break;
  }
  return pass(text, false);
}

absl::Status log_decoder::pass(std::string_view bytes, bool last) {
  if (archive_) return unpack(bytes, last);
  if (encoding_ != encoding::bytes) {
    decode(bytes);
  } else {
    split(bytes);
  }
  return absl::OkStatus();
}

absl::Status log_decoder::unpack(std::string_view bytes, bool last) {
  std::string text;
  do {
    if (last && archive_->complete() && bytes.empty()) return absl::OkStatus();
    const size_t before = bytes.size();
    text.clear();
    if (absl::Status status = archive_->unpack(bytes, last, text); !status.ok()) {
      return errno_status(EINVAL, absl::StrFormat("is %s", status.message()));
    }
    if (absl::Status status = inner_->feed(text); !status.ok()) return status;
    if (!last && text.empty() && bytes.size() == before) break;
  } while (last || !bytes.empty() || !text.empty());
  return absl::OkStatus();
}

void log_decoder::take_unit(uint16_t unit) {
  const bool first_half = unit >= 0xd800 && unit < 0xdc00;
  const bool second_half = unit >= 0xdc00 && unit < 0xe000;
  constexpr uint32_t replacement = 0xfffd;
  constexpr uint16_t mark = 0xfeff;
  if (surrogate_ != 0) {
    const uint32_t pair = 0x10000u + ((surrogate_ & 0x3ffu) << 10) + (unit & 0x3ffu);
    surrogate_ = 0;
    split(utf8_of(second_half ? pair : replacement));
    if (second_half) return;
  }
  if (first_half) {
    surrogate_ = unit;
  } else if (second_half) {
    split(utf8_of(replacement));
  } else if (unit != mark) {
    split(utf8_of(unit));
  }
}

void log_decoder::decode(std::string_view bytes) {
  std::string joined = std::exchange(odd_, {});
  joined.append(bytes);
  const bool little = encoding_ == encoding::utf16_little;
  std::string ascii;  // what most of a log is, in one piece
  size_t at = 0;
  for (; at + 1 < joined.size(); at += 2) {
    const auto low = static_cast<unsigned char>(joined[at + (little ? 0 : 1)]);
    const auto high = static_cast<unsigned char>(joined[at + (little ? 1 : 0)]);
    if (high == 0 && low < 0x80 && surrogate_ == 0) {
      ascii += static_cast<char>(low);
      continue;
    }
    split(ascii);
    ascii.clear();
    take_unit(static_cast<uint16_t>(high << 8 | low));
  }
  split(ascii);
  odd_ = joined.substr(at);
}

void log_decoder::split(std::string_view text) {
  bytes_ += text.size();
  controls_ += static_cast<uint64_t>(std::count_if(text.begin(), text.end(), is_control));
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (end != std::string_view::npos && rest_.empty()) {
      give(line);
    } else {
      rest_.append(line.substr(0, longest_line - std::min(rest_.size(), longest_line)));
      if (end != std::string_view::npos) {
        give(rest_);
        rest_.clear();
      }
    }
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

void log_decoder::give(std::string_view line) {
  // Serial consoles end lines with "\r\n", "\n\r" or "\r\r\n".
  while (line.ends_with('\r')) line.remove_suffix(1);
  while (line.starts_with('\r')) line.remove_prefix(1);
  next_(line.substr(0, longest_line), ++lines_);
}

absl::Status log_decoder::check_text() const {
  if (inner_) return inner_->check_text();
  constexpr uint64_t one_in = 20;
  if (controls_ * one_in <= bytes_) return absl::OkStatus();
  return errno_status(
      EINVAL,
      absl::StrFormat("is no text: %d of its %d bytes are control characters", controls_, bytes_));
}

absl::Status read_log(byte_source& source, log_decoder& text, const std::function<void()>& paused) {
  std::array<char, size_t{64} << 10> room;
  while (true) {
    if (source.pauses()) {
      if (absl::Status status = text.pause(); !status.ok()) return status;
      paused();
    }
    const auto got = source.read(absl::MakeSpan(room));
    if (!got.ok()) {
      return errno_status(EIO, absl::StrFormat("cannot be read: %s", got.status().message()));
    }
    if (*got == 0) return text.finish();
    if (absl::Status status = text.feed({room.data(), *got}); !status.ok()) return status;
  }
}

}  // namespace iommulab
