// SPDX-License-Identifier: GPL-2.0-only
#include "cli/verify/verify_json.h"

#include <utility>

#include "cli/output/json.h"
#include "core/enum_names.h"

namespace iommulab {
namespace {

using verify::capture_outcome;
using verify::class_result;

std::string_view key_of(capture_outcome what) {
  static constexpr auto names = enum_names<capture_outcome>({
      {capture_outcome::equal, "equal"},
      {capture_outcome::known_difference, "known_difference"},
      {capture_outcome::different, "different"},
      {capture_outcome::not_compared, "not_compared"},
      {capture_outcome::not_run, "not_run"},
  });
  return names(what);
}

std::string_view key_of(class_result::outcome what) {
  using outcome = class_result::outcome;
  static constexpr auto names = enum_names<outcome>({
      {outcome::equal, "equal"},
      {outcome::different, "different"},
      {outcome::not_compared, "not_compared"},
      {outcome::known, "known_difference"},
      {outcome::omitted, "omitted"},
      {outcome::unaccounted, "unaccounted"},
      {outcome::unreadable, "unreadable"},
  });
  return names(what);
}

std::string_view side_of(diff_line::side where) {
  if (where == diff_line::side::both) return "both";
  return where == diff_line::side::left ? "capture" : "run";
}

json to_json(const diff_hunk& hunk) {
  json texts = json::array();
  for (const diff_line& line : hunk.lines) {
    texts.push_back({{"side", side_of(line.where)}, {"text", line.text}});
  }
  return {{"capture_line", hunk.left_line}, {"capture_count", hunk.left_count},
          {"run_line", hunk.right_line},    {"run_count", hunk.right_count},
          {"context", hunk.context},        {"lines", std::move(texts)}};
}

json to_json(const class_result& result) {
  json hunks = json::array();
  for (const diff_hunk& hunk : result.hunks) hunks.push_back(to_json(hunk));
  return {{"name", result.name},   {"outcome", key_of(result.status)}, {"lines", result.lines},
          {"files", result.files}, {"report", result.report},          {"hunks", std::move(hunks)}};
}

json to_json(const verify_summary& summary) {
  json captures;
  for (const capture_outcome what :
       {capture_outcome::equal, capture_outcome::known_difference, capture_outcome::different,
        capture_outcome::not_compared, capture_outcome::not_run}) {
    captures[std::string(key_of(what))] = summary.captures(what);
  }
  captures["passed_over"] = summary.passed_over();
  const verify_summary::class_counts& counts = summary.classes();
  json reasons = json::array();
  for (const auto& [reason, count] : summary.reasons()) {
    reasons.push_back({{"reason", reason}, {"classes", count}});
  }
  return {{"captures", std::move(captures)},
          {"classes",
           {{"equal", counts.equal},
            {"known_difference", counts.known_difference},
            {"different", counts.different},
            {"not_compared", counts.not_compared},
            {"unaccounted", counts.unaccounted}}},
          {"not_compared", std::move(reasons)}};
}

}  // namespace

struct verify_document::content {
  json document = json_document("verify");
};

verify_document::verify_document() : content_(std::make_unique<content>()) {
  content_->document["captures"] = json::array();
  content_->document["passed_over"] = json::array();
}

verify_document::~verify_document() = default;

void verify_document::add(const verify::verification& done) {
  json classes = json::array();
  for (const class_result& result : done.results) classes.push_back(to_json(result));
  content_->document["captures"].push_back({{"path", done.path},
                                            {"kernel", done.kernel},
                                            {"release", done.release},
                                            {"outcome", key_of(outcome_of(done))},
                                            {"classes", std::move(classes)}});
}

void verify_document::add_not_run(const std::string& path, const std::string& error) {
  content_->document["captures"].push_back({{"path", path},
                                            {"outcome", key_of(capture_outcome::not_run)},
                                            {"error", error},
                                            {"classes", json::array()}});
}

void verify_document::add_passed_over(const std::string& path) {
  content_->document["passed_over"].push_back(path);
}

std::string verify_document::text(const verify_summary& summary) {
  content_->document["summary"] = to_json(summary);
  return json_text(content_->document);
}

}  // namespace iommulab
