// SPDX-License-Identifier: GPL-2.0-only
#include "iova/trace/trace.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "iova/trace/operation_table.h"

namespace iommulab {
namespace {

std::string range_or(const iova_trace_step& step, const char* nothing) {
  if (!step.answered) return nothing;
  return absl::StrFormat("0x%x 0x%x", step.answer.lo, step.answer.hi);
}

}  // namespace

std::string iova_trace_operation(const iova_trace_step& step) {
  const iova_trace_row& row = iova_trace_row_of(step.what);
  std::string text(row.name);
  for (size_t i = 0; i < row.fields.size(); ++i) {
    text += ' ' + row.fields[i].written(step.arguments[i]);
  }
  return text;
}

std::string iova_trace_answer(const iova_trace& trace, const iova_trace_step& step) {
  switch (iova_trace_row_of(step.what).result) {
    case iova_trace_result::nothing:
    case iova_trace_result::listed:
      return "";
    case iova_trace_result::range_or_fail:
      return range_or(step, "FAIL");
    case iova_trace_result::range_or_none:
      return range_or(step, "none");
    case iova_trace_result::number:
      return absl::StrCat(step.answer.lo);
    case iova_trace_result::numbers:
      return absl::StrJoin(absl::MakeSpan(trace.numbers).subspan(step.first, step.count), " ");
    case iova_trace_result::words:
      return trace.states[step.first];
  }
  return "";
}

std::string iova_trace_text(const iova_trace& trace) {
  std::string text = absl::StrFormat("# Linux %s iova, trace %s\n", trace.version, trace.name);
  for (const iova_trace_step& step : trace.steps) {
    absl::StrAppend(&text, iova_trace_operation(step));
    const iova_trace_result result = iova_trace_row_of(step.what).result;
    if (result != iova_trace_result::nothing && result != iova_trace_result::listed) {
      absl::StrAppend(&text, " -> ", iova_trace_answer(trace, step));
    }
    text += '\n';
    if (result != iova_trace_result::listed) continue;
    for (const iova_range& range : absl::MakeSpan(trace.ranges).subspan(step.first, step.count)) {
      absl::StrAppendFormat(&text, "0x%x 0x%x\n", range.lo, range.hi);
    }
    text += "end\n";
  }
  return text;
}

}  // namespace iommulab
