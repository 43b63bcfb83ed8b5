// SPDX-License-Identifier: GPL-2.0-only
#include "iova/trace/trace_reader.h"

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/number.h"
#include "core/text_source.h"
#include "iova/trace/operation_table.h"
#include "iova/trace/recorded_end.h"
#include "iova/trace/trace_ids.h"

namespace iommulab {
namespace {

constexpr std::string_view arrow = " -> ";

/// The words of a line; more than there is room for are counted only.
struct words {
  explicit words(std::string_view line) {
    while (!line.empty()) {
      const size_t end = line.find(' ');
      const std::string_view word = line.substr(0, end);
      if (!word.empty() && count++ < all.size()) all[count - 1] = word;
      line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
    }
  }
  std::array<std::string_view, 16> all;
  size_t count = 0;
};

class parser {
 public:
  parser(std::string name, std::string_view text) {
    source_.name = std::move(name);
    source_.text = std::string(text);
    lines_ = source_.lines();
    trace_.name = source_.name;
  }

  absl::StatusOr<iova_trace> parse() && {
    trace_.steps.reserve(lines_.size());
    for (; at_ < lines_.size(); ++at_) {
      const std::string_view line = lines_[at_];
      if (line.starts_with('#')) read_comment(line);
      if (line.empty() || line.starts_with('#')) continue;
      if (absl::Status status = read_operation(line); !status.ok()) return status;
    }
    if (absl::Status whole = check_marked_end(source_, trace_.steps.size()); !whole.ok()) {
      return whole;
    }
    trace_.end = end_of(source_);
    trace_.slots = ids_.slots();
    return std::move(trace_);
  }

 private:
  absl::Status refuse(std::string_view field, std::string_view value, std::string_view why) const {
    return line_error(source_.name, at_ + 1, field, value, why);
  }

  /// "# Linux 4.4 iova, trace a_seq" says which kernel was recorded.
  void read_comment(std::string_view line) {
    constexpr std::string_view linux = "# Linux ";
    if (!trace_.version.empty() || !line.starts_with(linux)) return;
    line.remove_prefix(linux.size());
    trace_.version = std::string(line.substr(0, line.find(' ')));
  }

  absl::Status read_number(std::string_view word, const iova_trace_field& field,
                           uint64_t& value) const {
    const number_reading reading = iommulab::read_number(word);
    if (reading.fault != number_fault::none) {
      return refuse(field.name, word, name(reading.fault));
    }
    value = reading.value;
    if (value < field.least || value > field.most) {
      return refuse(
          field.name, word,
          absl::StrCat("must be ", field.written(field.least), " to ", field.written(field.most)));
    }
    return absl::OkStatus();
  }

  absl::Status read_operation(std::string_view line) {
    const size_t split = line.find(arrow);
    const bool has_answer = split != std::string_view::npos;
    const words given(line.substr(0, split));
    const iova_trace_row* row = find_iova_trace_row(given.all[0]);
    if (row == nullptr) return refuse("operation", given.all[0], "unknown");
    if (given.count - 1 != row->fields.size()) {
      return refuse("operation", line.substr(0, split),
                    absl::StrFormat("%s takes %d numbers, not %d", row->name, row->fields.size(),
                                    given.count - 1));
    }
    iova_trace_step step;
    step.what = row->what;
    step.line = static_cast<uint32_t>(at_ + 1);
    for (size_t i = 0; i < row->fields.size(); ++i) {
      absl::Status status = read_number(given.all[i + 1], row->fields[i], step.arguments[i]);
      if (!status.ok()) return status;
    }
    const bool wants_answer =
        row->result != iova_trace_result::nothing && row->result != iova_trace_result::listed;
    if (wants_answer != has_answer) {
      return refuse("operation", line,
                    wants_answer ? "has no \" -> \" with what the kernel answered"
                                 : "has an answer, which this operation does not give");
    }
    absl::Status status = read_answer(
        row->result, has_answer ? line.substr(split + arrow.size()) : std::string_view(), step);
    if (!status.ok()) return status;
    if (std::string why = ids_.take(step); !why.empty()) return refuse("operation", line, why);
    trace_.steps.push_back(step);
    return absl::OkStatus();
  }

  absl::Status read_range(std::string_view text, iova_range& range) const {
    const words bounds(text);
    if (bounds.count != 2) return refuse("range", text, "is not two numbers");
    constexpr iova_trace_field lo = {"LO", 0, ~uint64_t{0}, true};
    constexpr iova_trace_field hi = {"HI", 0, ~uint64_t{0}, true};
    absl::Status status = read_number(bounds.all[0], lo, range.lo);
    if (status.ok()) status = read_number(bounds.all[1], hi, range.hi);
    if (status.ok() && range.lo > range.hi) status = refuse("range", text, "ends before it begins");
    return status;
  }

  absl::Status read_answer(iova_trace_result kind, std::string_view text, iova_trace_step& step) {
    switch (kind) {
      case iova_trace_result::nothing:
        return absl::OkStatus();
      case iova_trace_result::range_or_fail:
      case iova_trace_result::range_or_none:
        step.answered = text != (kind == iova_trace_result::range_or_fail ? "FAIL" : "none");
        return step.answered ? read_range(text, step.answer) : absl::OkStatus();
      case iova_trace_result::number:
        return read_number(text, {"answer"}, step.answer.lo);
      case iova_trace_result::numbers:
        return read_numbers(text, step);
      case iova_trace_result::words:
        step.first = static_cast<uint32_t>(trace_.states.size());
        step.count = 1;
        trace_.states.emplace_back(text);
        return absl::OkStatus();
      case iova_trace_result::listed:
        return read_listed(step);
    }
    return absl::OkStatus();
  }

  absl::Status read_numbers(std::string_view text, iova_trace_step& step) {
    const words given(text);
    if (given.count > given.all.size()) return refuse("answer", text, "has too many numbers");
    step.first = static_cast<uint32_t>(trace_.numbers.size());
    step.count = static_cast<uint32_t>(given.count);
    for (size_t i = 0; i < given.count; ++i) {
      uint64_t value = 0;
      absl::Status status = read_number(given.all[i], {"answer"}, value);
      if (!status.ok()) return status;
      trace_.numbers.push_back(value);
    }
    return absl::OkStatus();
  }

  absl::Status read_listed(iova_trace_step& step) {
    step.first = static_cast<uint32_t>(trace_.ranges.size());
    step.count = static_cast<uint32_t>(step.arguments[0]);
    // Lines that are there are read; what the count promises is not believed beforehand.
    for (uint32_t i = 0; i <= step.count; ++i) {
      if (++at_ >= lines_.size()) {
        --at_;
        return refuse("dump", absl::StrCat(step.count),
                      absl::StrFormat("the file ends after %d of its ranges, without \"end\"", i));
      }
      const std::string_view line = lines_[at_];
      if (i == step.count) {
        if (line != "end") return refuse("dump", line, "\"end\" is due here");
        break;
      }
      iova_range range;
      if (absl::Status status = read_range(line, range); !status.ok()) return status;
      trace_.ranges.push_back(range);
    }
    return absl::OkStatus();
  }

  text_source source_;
  std::vector<std::string_view> lines_;
  size_t at_ = 0;
  trace_ids ids_;
  iova_trace trace_;
};

}  // namespace

absl::StatusOr<iova_trace> parse_iova_trace(std::string name, std::string_view text) {
  return parser(std::move(name), text).parse();
}

absl::StatusOr<iova_trace> read_iova_trace(const std::string& path) {
  const absl::StatusOr<text_source> source = read_source(path);
  if (!source.ok()) return source.status();
  if (absl::Status ends = check_last_line_ends(*source); !ends.ok()) return ends;
  return parse_iova_trace(source->name, source->text);
}

}  // namespace iommulab
