// SPDX-License-Identifier: GPL-2.0-only
#include "cli/serve/inside/call_report.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lab/clients/client.h"
#include "lab/clients/effects.h"
#include "lab/graph/graph_text.h"

namespace iommulab {
namespace {

constexpr trace_class needed = trace_class::regs | trace_class::queue | trace_class::faults;
/// Above what programs look at, so that closing "all" descriptors leaves it alone.
constexpr int first_descriptor = 700;

}  // namespace

call_report::call_report(kernel& system, trace_class classes, const std::string& file)
    : system_(system), classes_(classes), words_(system.units()) {
  log_seen_ = system.env().log.lines().size();
  if (classes == trace_class::none) return;
  const int opened = file.empty() ? STDERR_FILENO
                                  : open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                                         S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
  descriptor_ = fcntl(opened, F_DUPFD_CLOEXEC, first_descriptor);
  if (!file.empty() && opened >= 0) close(opened);
  subscription_ = system.env().trace.subscribe(recorder_, needed | classes);
}

call_report::~call_report() {
  if (descriptor_ >= 0) close(descriptor_);
}

void call_report::put(const std::string& text) const {
  const int to = descriptor_ >= 0 ? descriptor_ : STDERR_FILENO;
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t written = write(to, left.data(), left.size());
    if (written <= 0) return;
    left.remove_prefix(static_cast<size_t>(written));
  }
}

void call_report::say(const std::string& line) const {
  put(absl::StrCat("iommulab: ", line, "\n"));
}

void call_report::tell(const std::string& what, int64_t result) {
  if (!is_on()) return;
  std::string text = result < 0 ? absl::StrFormat("%s = -1 %s\n", what, errno_name(-result))
                                : absl::StrFormat("%s = %d\n", what, result);
  const auto& log = system_.env().log.lines();
  for (; log_seen_ < log.size(); ++log_seen_) {
    if (log[log_seen_].level != log_level::debug) {
      absl::StrAppend(&text, "  k: ", log[log_seen_].text, "\n");
    }
  }
  for (const std::string& line : effects_of_events(recorder_.events(), false)) {
    absl::StrAppend(&text, "    ", line, "\n");
  }
  std::vector<trace_event> chosen;
  for (const trace_event& event : recorder_.events()) {
    if (overlaps(classes_, class_of(event.kind()))) chosen.push_back(event);
  }
  for (const std::string& line : short_graph(chosen, words_)) {
    absl::StrAppend(&text, "      ", line, "\n");
  }
  recorder_.clear();
  put(text);
}

}  // namespace iommulab
