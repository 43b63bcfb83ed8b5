// SPDX-License-Identifier: GPL-2.0-only
#include "cli/step/lines/command_lines.h"

#include "absl/strings/str_format.h"
#include "core/text_source.h"
#ifdef IOMMULAB_LIBEDIT
#include "cli/step/lines/edited_lines.h"
#endif

namespace iommulab::step {
namespace {

std::string numbered(const std::string& name, size_t line) {
  return absl::StrFormat("%s: line %d", name, line);
}

std::optional<std::string> read_line(std::istream& in) {
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

}  // namespace

std::optional<std::string> listed_lines::next() {
  if (taken_ == lines_.size()) return std::nullopt;
  return lines_[taken_++];
}

std::string listed_lines::place() const {
  return numbered(name_, taken_);
}

std::optional<std::string> given_line::next() {
  if (std::exchange(taken_, true)) return std::nullopt;
  return line_;
}

std::string given_line::place() const {
  return "-ex " + iommulab::quoted(line_);
}

std::optional<std::string> streamed_lines::next() {
  auto line = read_line(in_);
  if (line) ++taken_;
  return line;
}

std::string streamed_lines::place() const {
  return numbered(name_, taken_);
}

std::optional<std::string> prompted_lines::next() {
  out_ << prompt << std::flush;
  auto line = read_line(in_);
  if (!line) out_ << '\n';
  return line;
}

std::unique_ptr<command_lines> terminal_lines(std::istream& in, std::ostream& out,
                                              completer complete) {
#ifdef IOMMULAB_LIBEDIT
  if (auto edited = edited_lines::make(out, std::move(complete))) return edited;
#else
  complete = nullptr;
#endif
  return std::make_unique<prompted_lines>(in, out);
}

}  // namespace iommulab::step
