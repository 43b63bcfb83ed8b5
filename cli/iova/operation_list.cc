// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/operation_list.h"

#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/number.h"
#include "iova/trace/trace.h"

namespace iommulab {
namespace {

std::optional<uint64_t> number(const std::string& word) {
  const std::optional<uint64_t> value = parse_number(word);
  return value.value_or(0) > iova_trace_last_frame ? std::nullopt : value;
}

class list_parser {
 public:
  /// Says what is wrong with an operation; empty: nothing.
  std::string take(const std::string& text) {
    std::vector<std::string> words = absl::StrSplit(text, ' ', absl::SkipWhitespace());
    if (words.empty()) return "empty";
    const std::string name = words.front();
    std::vector<uint64_t> numbers;
    for (size_t i = 1; i < words.size(); ++i) {
      const std::optional<uint64_t> value = number(words[i]);
      if (!value) return words[i] + " is no number up to 2^52 - 1";
      numbers.push_back(*value);
    }
    if (name == "alloc") return alloc(numbers);
    if (name == "free") return free(numbers);
    if (name == "reserve") return reserve(numbers);
    return "must be alloc SIZE [LIMIT], free N or reserve LO HI";
  }

  std::vector<listed_operation> finish() && { return std::move(operations_); }

 private:
  std::string alloc(const std::vector<uint64_t>& numbers) {
    if (numbers.empty() || numbers.size() > 2) return "alloc takes SIZE and perhaps LIMIT";
    if (numbers[0] == 0) return "SIZE is 0";
    listed_operation& added = operations_.emplace_back();
    added.operation.slot = static_cast<uint32_t>(live_.size());
    added.operation.size = numbers[0];
    if (numbers.size() == 2) added.operation.limit_pfn = numbers[1];
    live_.push_back(true);
    return "";
  }
  std::string free(const std::vector<uint64_t>& numbers) {
    if (numbers.size() != 1) return "free takes N";
    if (numbers[0] >= live_.size() || !live_[numbers[0]]) {
      return absl::StrFormat("alloc %d is not live", numbers[0]);
    }
    live_[numbers[0]] = false;
    listed_operation& added = operations_.emplace_back();
    added.operation.what = iova_operation::action::free;
    added.operation.slot = static_cast<uint32_t>(numbers[0]);
    return "";
  }
  std::string reserve(const std::vector<uint64_t>& numbers) {
    if (numbers.size() != 2) return "reserve takes LO and HI";
    if (numbers[0] > numbers[1]) return "HI is less than LO";
    listed_operation& added = operations_.emplace_back();
    added.reserve = true;
    added.operation.limit_pfn = numbers[0];
    added.operation.size = numbers[1] - numbers[0] + 1;
    return "";
  }

  std::vector<listed_operation> operations_;
  std::vector<bool> live_;
};

}  // namespace

absl::StatusOr<std::vector<listed_operation>> parse_operation_list(std::string_view text) {
  list_parser parser;
  size_t nth = 0;
  const std::vector<std::string> parts =
      absl::StrSplit(absl::string_view(text.data(), text.size()), ';');
  for (const std::string& part : parts) {
    ++nth;
    const std::string why = parser.take(part);
    if (why.empty()) continue;
    return errno_status(EINVAL, absl::StrFormat("operation %d is \"%s\": %s", nth,
                                                absl::StripAsciiWhitespace(part), why));
  }
  return std::move(parser).finish();
}

}  // namespace iommulab
