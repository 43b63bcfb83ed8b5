// SPDX-License-Identifier: GPL-2.0-only
#include "cli/view/page.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "core/status.h"
#include "core/text_source.h"

namespace iommulab::view {
namespace {

struct built_in_part {
  const char* name;
  const char* text;
};
constexpr built_in_part parts_of_build[] = {
#include "cli/view/page_parts.inc"
};

constexpr std::string_view first_module = "app.js";

const page_part* part_named(const std::vector<page_part>& parts, std::string_view name) {
  for (const page_part& part : parts) {
    if (part.name == name) return &part;
  }
  return nullptr;
}

absl::Status missing(std::string_view name, std::string_view wanted_by) {
  return errno_status(
      EINVAL, wanted_by.empty()
                  ? absl::StrFormat("%s is not among the parts of the page", name)
                  : absl::StrFormat("%s imports %s, which is not among the parts of the page",
                                    wanted_by, name));
}

/// The modules one behind the other, each behind those that it imports.
class module_chain {
 public:
  explicit module_chain(const std::vector<page_part>& parts) : parts_(parts) {}

  absl::Status add(const std::string& name, const std::string& wanted_by) {
    if (done_.contains(name)) return absl::OkStatus();
    const page_part* part = part_named(parts_, name);
    if (part == nullptr) return missing(name, wanted_by);
    if (!begun_.insert(name).second) {
      return errno_status(EINVAL, absl::StrFormat("%s imports itself through %s", name, wanted_by));
    }
    std::string body;
    bool importing = false;
    const text_source source{name, part->text};
    for (const std::string_view line : source.lines()) {
      importing = importing || line.starts_with("import ");
      if (!importing) {
        const bool is_export = line.starts_with("export ");
        body += is_export ? line.substr(sizeof("export ") - 1) : line;
        body += '\n';
        continue;
      }
      if (!line.ends_with("\";")) continue;
      importing = false;
      absl::Status status = add(imported_by(name, line), name);
      if (!status.ok()) return status;
    }
    done_.insert(name);
    absl::StrAppend(&text_, "// ---- ", name, "\n\n", body, "\n");
    return absl::OkStatus();
  }
  [[nodiscard]] std::string text() && { return std::move(text_); }

 private:
  /// "model/state.js" of the line `import { valueAt } from "./state.js";` in model/run.js.
  static std::string imported_by(const std::string& name, std::string_view line) {
    line.remove_suffix(2);
    const std::string relative(line.substr(line.rfind('"') + 1));
    return (std::filesystem::path(name).parent_path() / relative).lexically_normal().string();
  }

  const std::vector<page_part>& parts_;
  std::set<std::string> begun_;
  std::set<std::string> done_;
  std::string text_;
};

std::string styles_of(const std::vector<page_part>& parts) {
  std::string text;
  for (const page_part& part : parts) {
    if (part.name.ends_with(".css")) absl::StrAppend(&text, part.text, "\n");
  }
  return text;
}

/// No document ends the element that it lies in.
std::string script_text(const json& document) {
  const std::string text = document.dump(-1, ' ', false, json::error_handler_t::replace);
  return absl::StrReplaceAll(text, {{"<", "\\u003c"}});
}

std::string runs_of(const std::vector<run_record>& runs) {
  std::string text;
  for (size_t i = 0; i < runs.size(); ++i) {
    absl::StrAppend(&text, "<script type=\"application/json\" id=\"run-", i, "\">",
                    script_text(runs[i].head), "</script>\n");
    for (const std::string& chunk : runs[i].chunks) {
      absl::StrAppend(&text, "<script type=\"text/plain\" data-run=\"", i, "\">", chunk,
                      "</script>\n");
    }
  }
  return text;
}

/// Where a part of the page stands in index.html.
std::string marker(std::string_view what) {
  return absl::StrFormat("<!-- iommulab: %s -->", what);
}

}  // namespace

std::vector<page_part> built_in_parts() {
  std::vector<page_part> parts;
  for (const built_in_part& part : parts_of_build) parts.push_back({part.name, part.text});
  return parts;
}

absl::StatusOr<std::vector<page_part>> parts_in(const std::string& folder) {
  std::vector<page_part> parts;
  std::error_code error;
  for (auto at = std::filesystem::recursive_directory_iterator(folder, error);
       !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error)) {
    if (!at->is_regular_file()) continue;
    auto text = read_text_file(at->path().string());
    if (!text.ok()) return text.status();
    parts.push_back({at->path().lexically_relative(folder).string(), *std::move(text)});
  }
  if (error) {
    return errno_status(EINVAL, absl::StrFormat("%s: cannot be read: %s", folder, error.message()));
  }
  std::sort(parts.begin(), parts.end(),
            [](const page_part& a, const page_part& b) { return a.name < b.name; });
  return parts;
}

absl::StatusOr<std::string> page_of(const std::vector<page_part>& parts,
                                    const std::vector<run_record>& runs) {
  const page_part* index = part_named(parts, "index.html");
  if (index == nullptr) return missing("index.html", "");
  module_chain modules(parts);
  absl::Status status = modules.add(std::string(first_module), "");
  if (!status.ok()) return status;
  const std::pair<std::string, std::string> pieces[] = {
      {marker("styles"), styles_of(parts)},
      {marker("runs"), runs_of(runs)},
      {marker("modules"), std::move(modules).text()},
  };
  std::string page = index->text;
  for (const auto& [mark, text] : pieces) {
    const size_t at = page.find(mark);
    if (at == std::string::npos) {
      return errno_status(EINVAL, absl::StrFormat("index.html: there is no %s", mark));
    }
    page.replace(at, mark.size(), text);
  }
  return page;
}

}  // namespace iommulab::view
