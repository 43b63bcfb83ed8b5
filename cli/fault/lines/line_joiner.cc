// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/lines/line_joiner.h"

#include <array>
#include <utility>

#include "cli/fault/lines/driver_notes.h"
#include "cli/fault/lines/fault_line.h"
#include "cli/fault/lines/queue_messages.h"

namespace iommulab {
namespace {

/// More pieces than a message is broken into, and longer than one is.
constexpr size_t most_pieces = 12;
constexpr size_t longest_join = 1024;

enum join_grade { nothing = 0, broken = 1, partly = 2, whole = 3 };

/// How much of a message a line is.
int grade_of(const parsed_fault_line& parsed) {
  if (!parsed.ok()) return broken;
  if (!*parsed) return nothing;
  const fault_line& fault = **parsed;
  if (fault.kind == fault_kind::unexplained) return broken;
  if (is_request(fault) && !fault.reason) return partly;
  if (lacks_region(fault)) return partly;
  const bool counted = fault.queue && (fault.queue->code || fault.queue->sid);
  if (takes_descriptors(fault) && !counted) return partly;
  return whole;
}

int grade_of(std::string_view text) {
  const parsed_fault_line parsed = parse_fault_line(text);
  // A reason alone is the second line of two; with more than that in front of it, a request that
  // was put together wrongly.
  const bool reason_alone = parsed.ok() && *parsed && (*parsed)->kind == fault_kind::reason_only;
  if (reason_alone && text.find("Request") != std::string_view::npos) return broken;
  return grade_of(parsed);
}

/// A line that ends behind the driver's name.
bool ends_in_a_name(std::string_view text) {
  return text.ends_with("DMAR:") || text.ends_with("DMAR-IR:") || text.ends_with("dmar:");
}

/// Words with which a message begins, so that the line continues none.
bool begins_a_message(std::string_view text) {
  constexpr std::array<std::string_view, 12> heads = {
      "DMAR",     "INTR-REMAP",    "[DMA ",     "AMD-Vi",    "arm-smmu", "QI HEAD",
      "QI PRIOR", "VT-d detected", "pci 0000:", "BIOS-e820", "vtd_",     "IOMMU: dmar"};
  for (const std::string_view head : heads) {
    if (text.find(head) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

void line_joiner::hold(framed_line line, const std::string& source) {
  joined_ = line.text;
  best_ = line.text;
  best_count_ = 1;
  best_grade_ = grade_of(line.text);
  pieces_.push_back({std::move(line), source});
}

bool line_joiner::take(const framed_line& line, const std::string& source) {
  if (line.own_record || pieces_.size() == most_pieces || line.text.empty()) return false;
  if (joined_.size() + line.text.size() > longest_join) return false;
  const bool soft = pieces_.back().line.soft_end;
  const std::string_view front =
      std::string_view(joined_).substr(0, joined_.find_last_not_of(' ') + 1);
  if (!soft && begins_a_message(line.text) && !ends_in_a_name(front)) return false;
  // Mail programs break at blanks, terminals anywhere.
  std::string with_blank = std::string(front) + ' ' + line.text;
  std::string without = std::string(soft ? std::string_view(joined_) : front) + line.text;
  const int grade_with = soft ? -1 : grade_of(with_blank);
  const int grade_without = grade_of(without);
  const bool blank = grade_with >= grade_without;
  joined_ = blank ? std::move(with_blank) : std::move(without);
  pieces_.push_back({line, source});
  const int grade = blank ? grade_with : grade_without;
  if (grade > best_grade_) {
    best_ = joined_;
    best_count_ = pieces_.size();
    best_grade_ = grade;
  }
  return true;
}

void line_joiner::add(framed_line line, const std::string& source) {
  if (holds() && take(line, source)) {
    if (best_grade_ == whole && !pieces_.back().line.soft_end) finish();
    return;
  }
  finish();
  parsed_fault_line parsed = parse_fault_line(line.text);
  const int grade = grade_of(parsed);
  const bool could_go_on = grade == broken || grade == partly || line.soft_end;
  if (could_go_on && line.count == 1 && line.repeats_before == 0) {
    hold(std::move(line), source);
  } else {
    next_(line, std::move(parsed), source);
  }
}

void line_joiner::finish() {
  if (!holds()) return;
  const std::vector<piece> pieces = std::exchange(pieces_, {});
  framed_line first = pieces.front().line;
  first.text = std::exchange(best_, {});
  next_(first, parse_fault_line(first.text), pieces.front().source);
  for (size_t i = best_count_; i < pieces.size(); ++i) {
    next_(pieces[i].line, parse_fault_line(pieces[i].line.text), pieces[i].source);
  }
}

}  // namespace iommulab
