// SPDX-License-Identifier: GPL-2.0-only
#include "cli/trace/against.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/counted.h"
#include "core/text_source.h"
#include "lab/replay/call_listing.h"

namespace iommulab {
namespace {

absl::StatusOr<std::optional<function_names>> traced_beside(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = (parent.empty() ? "." : parent).string();
  if (path == "-" || !verify::looks_like_capture(folder)) return std::nullopt;
  const auto capture = verify::capture_folder::open(folder);
  if (!capture.ok()) return std::nullopt;
  auto names = verify::read_traced_functions(*capture);
  if (status_errno(names.status()) == ENOENT) return std::nullopt;
  if (!names.ok()) return names.status();
  return *std::move(names);
}

std::string left_out_text(const std::string& title, const std::vector<left_out>& list,
                          const char* place) {
  std::string text;
  for (const left_out& each : list) {
    absl::StrAppendFormat(&text, "  %d × %s: %s (first at %s %d)\n", each.count, each.what,
                          each.why, place, each.line);
  }
  return text.empty() ? text : absl::StrCat("Left out of ", title, ":\n", text);
}

}  // namespace

absl::StatusOr<graph_file> read_graph_file(const std::string& path) {
  const auto text = read_text_file(path);
  if (!text.ok()) return text.status();
  graph_file file{source_name(path), {}, std::nullopt};
  const text_source source{file.path, *text};
  numbered_lines lines;
  for (const std::string_view line : source.lines()) {
    lines.push_back({lines.size() + 1, std::string(line)});
  }
  auto graph = read_graph(lines, file.path);
  if (!graph.ok()) return graph.status();
  file.graph = *std::move(graph);
  if (file.graph.events.empty()) {
    return line_error(file.path, 0, "call", "", "there is none: an empty function graph");
  }
  auto traced = traced_beside(path);
  if (!traced.ok()) return traced.status();
  file.traced = *std::move(traced);
  return file;
}

std::string comparison_to_text(const graph_comparison& comparison, const graph_file& file,
                               const std::string& run) {
  std::string text;
  if (!comparison.equal()) {
    text = absl::StrCat(hunks_to_text(comparison.hunks, file.path, run), "\n");
  }
  absl::StrAppendFormat(
      &text, "%s: %s of %s compared, %s\n", comparison.part, counted(comparison.file_lines, "line"),
      file.path,
      comparison.equal()
          ? std::string("all equal")
          : absl::StrCat("which differ in ", counted(comparison.hunks.size(), "place")));
  if (file.graph.loss != 0) {
    absl::StrAppendFormat(&text, "The tracer lost events, first at line %d of %s\n",
                          file.graph.loss, file.path);
  }
  absl::StrAppend(&text, comparison.pages_by_address
                             ? "Pages are compared by address\n"
                             : "Pages are not compared: this run got others\n");
  if (comparison.task_by_task) text += "Tasks are compared one after the other\n";
  text += left_out_text(file.path, comparison.of_file, "line");
  return text + left_out_text("the run", comparison.of_run, "event");
}

}  // namespace iommulab
