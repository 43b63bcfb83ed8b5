// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/operation_marks.h"

#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/text_source.h"
#include "lab/replay/capture_files.h"
#include "lab/replay/hardware_trace.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

constexpr std::string_view operation_mark = "OP ";

/// Follows the marks of a file against the script: begin 1, end 1, begin 2 …
class mark_follower {
 public:
  mark_follower(const dmalab::script& script, std::string file)
      : script_(script), file_(std::move(file)) {}

  /// "OP begin 7" or "OP end 7".
  absl::Status take(const numbered_line& line) {
    const std::vector<std::string_view> words = split_at(line.text, ' ');
    const bool begins = words.size() == 3 && words[1] == "begin";
    const bool ends = words.size() == 3 && words[1] == "end";
    const auto number = begins || ends ? parse_number(words[2]) : std::nullopt;
    if (!number) {
      return line_error(file_, line.line, "mark", line.text, "not OP begin N or OP end N");
    }
    if (begins == open_ || next_ >= script_.operations.size() ||
        script_.operations[next_].number != *number) {
      return line_error(file_, line.line, "mark", line.text, "another operation's turn");
    }
    line_range& lines = found_[*number];
    (begins ? lines.first : lines.last) = begins ? line.line + 1 : line.line - 1;
    open_ = begins;
    if (ends) ++next_;
    return absl::OkStatus();
  }

  /// `last` is the line that ends the operation in which the kernel died.
  absl::StatusOr<lines_by_operation> finish(size_t last) && {
    const bool died = !script_.operations.empty() && script_.operations.back().died();
    if (open_ && died && next_ + 1 == script_.operations.size()) {
      found_[script_.operations[next_++].number].last = last;
    }
    if (next_ == script_.operations.size()) return std::move(found_);
    return line_error(file_, 0, "mark", absl::StrCat("OP ", script_.operations[next_].number),
                      "the file is cut short: the operation has no end");
  }

 private:
  const dmalab::script& script_;
  std::string file_;
  lines_by_operation found_;
  size_t next_ = 0;  ///< operation whose mark is due
  bool open_ = false;
};

/// The last line before the recorder let go.
absl::StatusOr<size_t> last_marked_line(const capture_folder& folder, size_t lines) {
  if (!folder.has("vtd-marks.txt")) return lines;
  const auto marks = read_marks(folder);
  if (!marks.ok()) return marks.status();
  return marks->empty() ? lines : marks->back().line;
}

}  // namespace

std::string operation_heading(const dmalab::operation& op) {
  return absl::StrFormat("OP %d %s", op.number, op.text);
}

absl::StatusOr<lines_by_operation> read_operation_marks(const capture_folder& folder,
                                                        const dmalab::script& script) {
  const absl::StatusOr<numbered_lines> lines = folder.read_lines(trace_file);
  if (!lines.ok()) return lines.status();
  mark_follower follower(script, folder.file_path(trace_file));
  for (const numbered_line& line : *lines) {
    if (!line.text.starts_with(operation_mark)) continue;
    if (absl::Status status = follower.take(line); !status.ok()) return status;
  }
  const absl::StatusOr<size_t> last = last_marked_line(folder, lines->size());
  if (!last.ok()) return last.status();
  return std::move(follower).finish(*last);
}

absl::StatusOr<calls_by_operation> read_operation_calls(const capture_folder& folder,
                                                        const dmalab::script& script) {
  absl::StatusOr<std::vector<call_event>> events = read_call_graph(folder, lab_calls_file);
  if (!events.ok()) return events.status();
  calls_by_operation found;
  uint64_t number = 0;
  for (call_event& event : *events) {
    if (event.what == call_event::kind::note && event.text.starts_with(operation_mark)) {
      const std::vector<std::string_view> words = split_at(event.text, ' ');
      const auto marked = parse_number(words[1]);
      if (!marked) {
        return line_error(folder.file_path(lab_calls_file), event.line, "mark", event.text,
                          "it has no number");
      }
      number = *marked;
      found[number].heading = std::move(event.text);
      found[number].line = event.line;
      continue;
    }
    found[number].events.push_back(std::move(event));
  }
  for (const dmalab::operation& op : script.operations) {
    if (found.contains(op.number)) continue;
    return line_error(folder.file_path(lab_calls_file), 0, "mark", operation_heading(op),
                      "the tree has no such operation");
  }
  return found;
}

}  // namespace iommulab::verify
