// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/fault_pattern.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/counted.h"
#include "core/types.h"

namespace iommulab {
namespace {

constexpr uint64_t fewest_lines = 4;
constexpr size_t most_steps = 64;
/// Addresses at most this far apart are of one buffer; the DMA API rarely leaves less between two.
constexpr uint64_t same_piece = 16 * page_size;

/// "about 12 a second", with as many digits as mean something.
std::string rate_words(double rate) {
  constexpr double whole = 9.95;
  if (rate >= whole) return absl::StrFormat("%.0f", rate);
  return absl::StrFormat("%.1f", rate);
}

std::string seconds_words(double seconds) {
  if (seconds >= 10) return absl::StrFormat("%.0f s", seconds);
  return absl::StrFormat("%.3g s", seconds);
}

std::string step_words(int64_t step) {
  if (step == 0) {
    return "always the same address: one request that the device repeats, or one descriptor that "
           "it keeps using";
  }
  const uint64_t size =
      step < 0 ? uint64_t{0} - static_cast<uint64_t>(step) : static_cast<uint64_t>(step);
  std::string text =
      absl::StrFormat("%s in steps of 0x%x", step > 0 ? "upwards" : "downwards", size);
  if (size == page_size) {
    text +=
        ", page after page: one long transfer, or a scan through a buffer (a ring, an image) that "
        "is not mapped as a whole";
  } else {
    text += ": a ring or an array of buffers of that size, gone through in order";
  }
  return text;
}

std::string piece_words(const std::vector<address_piece>& pieces, size_t addresses) {
  if (pieces.size() == 1) {
    const address_piece& one = pieces.front();
    const uint64_t kib = (one.last - one.first + page_size) / 1024;
    return absl::StrFormat(
        "%d pages in one piece of %d KiB (0x%x to 0x%x): one buffer, or "
        "several side by side",
        one.pages, kib, one.first, one.last);
  }
  return absl::StrFormat("%d pages in %d pieces that lie apart: as many buffers, or more",
                         addresses, pieces.size());
}

}  // namespace

std::optional<double> time_stamp(std::string_view line) {
  for (size_t at = line.find('['); at != std::string_view::npos; at = line.find('[', at + 1)) {
    std::string_view inside = line.substr(at + 1);
    const size_t end = inside.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    inside = inside.substr(0, end);
    const size_t digit = inside.find_first_not_of(' ');
    if (digit == std::string_view::npos) continue;
    inside.remove_prefix(digit);
    if (inside.find('.') == std::string_view::npos ||
        inside.find_first_not_of("0123456789.") != std::string_view::npos) {
      continue;
    }
    double seconds = 0;
    const auto read = std::from_chars(inside.data(), inside.data() + inside.size(), seconds);
    if (read.ec == std::errc{} && read.ptr == inside.data() + inside.size()) return seconds;
  }
  return std::nullopt;
}

void fault_trail::add(std::optional<uint64_t> address, std::optional<double> when, uint64_t times) {
  lines_ += times;
  if (when) {
    stamped_ += times;
    if (last_time_ && *when < *last_time_) backwards_ = true;
    if (!first_time_) first_time_ = when;
    last_time_ = when;
  }
  if (!address) return;
  if (times > 1) {
    steps_ += times - 1;
    step_counts_[0] += times - 1;
  }
  if (last_address_) {
    ++steps_;
    const auto step = static_cast<int64_t>(*address - *last_address_);
    const auto known = step_counts_.find(step);
    if (known != step_counts_.end()) {
      ++known->second;
    } else if (step_counts_.size() < most_steps) {
      step_counts_.emplace(step, 1);
    }
  }
  last_address_ = address;
}

std::optional<double> fault_trail::seconds() const {
  if (stamped_ < 2 || backwards_ || *last_time_ <= *first_time_) return std::nullopt;
  return *last_time_ - *first_time_;
}

std::optional<double> fault_trail::rate() const {
  const auto span = seconds();
  if (!span) return std::nullopt;
  return static_cast<double>(stamped_ - 1) / *span;
}

std::optional<int64_t> fault_trail::step() const {
  if (steps_ + 1 < fewest_lines) return std::nullopt;
  for (const auto& [step, count] : step_counts_) {
    if (count * 10 >= steps_ * 9) return step;
  }
  return std::nullopt;
}

std::vector<address_piece> pieces_of(const std::set<uint64_t>& addresses) {
  std::vector<address_piece> pieces;
  for (const uint64_t address : addresses) {
    if (pieces.empty() || address - pieces.back().last > same_piece) {
      pieces.push_back({address, address, 1});
      continue;
    }
    pieces.back().last = address;
    ++pieces.back().pages;
  }
  return pieces;
}

std::string address_pattern(const std::set<uint64_t>& addresses) {
  if (addresses.empty()) return "no address";
  const uint64_t first = *addresses.begin();
  const uint64_t last = *addresses.rbegin();
  if (addresses.size() == 1) return absl::StrFormat("address 0x%x", first);
  uint64_t before = first;
  const bool in_sequence =
      std::all_of(std::next(addresses.begin()), addresses.end(),
                  [&](uint64_t at) { return at - std::exchange(before, at) == page_size; });
  if (in_sequence) {
    return absl::StrFormat("%d pages one behind the other, 0x%x to 0x%x", addresses.size(), first,
                           last);
  }
  return absl::StrFormat("%d addresses between 0x%x and 0x%x", addresses.size(), first, last);
}

std::vector<std::string> flood_words(const fault_trail& trail, const std::set<uint64_t>& addresses,
                                     uint64_t not_printed) {
  std::vector<std::string> words;
  if (not_printed != 0) {
    words.push_back(absl::StrFormat(
        "at least %d in all: %s and %d that the kernel did not print; faults that the unit could "
        "not record are in no log",
        trail.lines() + not_printed, counted(trail.lines(), "line"), not_printed));
  }
  if (trail.lines() < fewest_lines) return words;
  if (const auto rate = trail.rate()) {
    words.push_back(absl::StrFormat("about %s lines a second for %s, by the kernel's time stamps",
                                    rate_words(*rate), seconds_words(*trail.seconds())));
  }
  if (const auto step = trail.step()) words.push_back(step_words(*step));
  if (addresses.size() >= fewest_lines) {
    words.push_back(piece_words(pieces_of(addresses), addresses.size()));
  }
  return words;
}

}  // namespace iommulab
