// SPDX-License-Identifier: GPL-2.0-only
#include "cli/tours/tour.h"

#include <algorithm>
#include <iterator>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/fault/reading/blanks.h"
#include "core/enum_names.h"
#include "core/status.h"
#include "core/text_source.h"

namespace iommulab::tours {
namespace {

constexpr auto kind_names = enum_names<item_kind>({
    {item_kind::text, "text"},
    {item_kind::run, "run"},
    {item_kind::step, "step"},
    {item_kind::program, "program"},
    {item_kind::question, "question"},
    {item_kind::answer, "answer"},
});

bool takes_expectations(const item& of) {
  return of.kind == item_kind::step || of.kind == item_kind::program;
}

/// "summary The table" -> true, and `line` is "The table".
bool take_keyword(std::string_view keyword, std::string_view& line) {
  if (!line.starts_with(keyword)) return false;
  const std::string_view rest = line.substr(keyword.size());
  if (!rest.empty() && rest.front() != ' ') return false;
  line = trimmed(rest);
  return true;
}

bool is_remark(std::string_view line) {
  return line.starts_with("//");
}

bool is_heading(std::string_view line) {
  return line == "##" || line.starts_with("## ");
}

std::vector<std::string> words_in(std::string_view line) {
  std::istringstream words{std::string(line)};
  return {std::istream_iterator<std::string>(words), {}};
}

class reader {
 public:
  reader(std::string source, std::string text)
      : text_{std::move(source), std::move(text)}, lines_(text_.lines()) {
    read_.source = text_.name;
  }

  absl::StatusOr<tour> read() {
    absl::Status status = read_head();
    while (status.ok() && at_ < lines_.size()) status = read_body_line();
    if (status.ok()) status = end_stop();
    if (!status.ok()) return status;
    return std::move(read_);
  }

 private:
  static constexpr size_t longest_line = 4096;

  absl::Status read_head();
  absl::Status read_file(std::string_view name);
  absl::Status read_body_line();
  absl::Status add_line(item_kind kind, std::string_view text, std::string_view kernel);
  absl::Status add_expectation(std::string_view text, std::string_view kernel);
  absl::Status begin_stop(std::string_view heading);
  absl::Status end_stop();
  void add_text(std::string_view line, std::string_view kernel);
  /// Of the line that was read last, or another one.
  [[nodiscard]] absl::Status wrong(const std::string& what) const { return wrong(at_, what); }
  [[nodiscard]] absl::Status wrong(size_t line, const std::string& what) const {
    return errno_status(EINVAL, absl::StrCat(read_.source, ": line ", line, ": ", what));
  }

  text_source text_;
  std::vector<std::string_view> lines_;
  size_t at_ = 0;  ///< lines that were read: the number of the last one
  tour read_;
  bool has_run_ = false;
};

absl::Status reader::read_head() {
  while (at_ < lines_.size() && !is_heading(lines_[at_])) {
    std::string_view line = lines_[at_++];
    if (line.empty() || is_remark(line)) continue;
    if (read_.title.empty() && !line.starts_with("# ")) {
      return wrong("a tour begins with its title, \"# TITLE\"");
    }
    if (take_keyword("#", line)) {
      if (!read_.title.empty()) return wrong("the tour has a title already");
      read_.title = std::string(line);
    } else if (take_keyword("summary", line)) {
      read_.summary = std::string(line);
    } else if (take_keyword("kernels", line)) {
      read_.kernels = words_in(line);
    } else if (take_keyword("file", line)) {
      if (absl::Status status = read_file(line); !status.ok()) return status;
    } else {
      return wrong(
          absl::StrCat("before the first stop, \"## HEADING\", stand summary, kernels and "
                       "file, not ",
                       quoted(line)));
    }
  }
  if (read_.title.empty()) return wrong(1, "a tour begins with its title, \"# TITLE\"");
  if (read_.summary.empty()) return wrong(1, "the tour has no line \"summary TEXT\"");
  if (read_.kernels.empty()) return wrong(1, "the tour has no line \"kernels NAME…\"");
  if (at_ == lines_.size()) return wrong(1, "the tour has no stop, \"## HEADING\"");
  return absl::OkStatus();
}

absl::Status reader::read_file(std::string_view name) {
  // It is written into a folder of the tour's own, and nowhere else.
  const bool plain = !name.empty() && name.front() != '.' && name.front() != '-' &&
                     std::all_of(name.begin(), name.end(), [](char c) {
                       return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
                              c == '_' || c == '-';
                     });
  if (!plain) {
    return wrong(
        absl::StrCat("a file's name is letters, digits, '.', '_' and '-', not ", quoted(name)));
  }
  for (const tour_file& other : read_.files) {
    if (other.name == name)
      return wrong(absl::StrCat("there is a file ", quoted(name), " already"));
  }
  const size_t begun = at_;
  tour_file file{std::string(name), {}};
  for (; at_ < lines_.size(); ++at_) {
    if (lines_[at_] == "end") {
      ++at_;
      read_.files.push_back(std::move(file));
      return absl::OkStatus();
    }
    file.content.append(lines_[at_]).append("\n");
  }
  return wrong(begun, absl::StrCat("the file ", quoted(name), " has no line \"end\""));
}

absl::Status reader::begin_stop(std::string_view heading) {
  if (absl::Status status = end_stop(); !status.ok()) return status;
  if (heading.empty()) return wrong("a stop has a heading, \"## HEADING\"");
  read_.stops.push_back({at_, std::string(heading), {}});
  return absl::OkStatus();
}

absl::Status reader::end_stop() {
  if (read_.stops.empty()) return absl::OkStatus();
  stop& last = read_.stops.back();
  for (item& each : last.items) {
    while (each.text.ends_with('\n')) each.text.pop_back();
  }
  std::erase_if(last.items, [](const item& each) { return each.text.empty(); });
  if (last.items.empty()) return wrong(last.line, "there is nothing at this stop");
  const item& end = last.items.back();
  if (end.kind == item_kind::question)
    return wrong(end.line, "the question has no answer, \"! TEXT\"");
  return absl::OkStatus();
}

void reader::add_text(std::string_view line, std::string_view kernel) {
  std::vector<item>& items = read_.stops.back().items;
  const bool goes_on =
      !items.empty() && items.back().kind == item_kind::text && items.back().kernel == kernel;
  if (goes_on) {
    items.back().text.append("\n").append(line);
  } else if (!line.empty()) {
    items.push_back({item_kind::text, at_, std::string(kernel), std::string(line), {}});
  }
}

absl::Status reader::add_expectation(std::string_view text, std::string_view kernel) {
  std::vector<item>& items = read_.stops.back().items;
  if (items.empty() || !takes_expectations(items.back())) {
    return wrong("what is expected stands below the command that shows it");
  }
  if (text.empty()) return wrong("the expectation is empty");
  items.back().expected.push_back({at_, std::string(kernel), std::string(text)});
  return absl::OkStatus();
}

absl::Status reader::add_line(item_kind kind, std::string_view text, std::string_view kernel) {
  if (text.empty()) return wrong("the " + std::string(name(kind)) + " is empty");
  std::vector<item>& items = read_.stops.back().items;
  const bool in_question =
      !items.empty() && items.back().kind == item_kind::question && items.back().kernel == kernel;
  const bool in_answer =
      !items.empty() && items.back().kind == item_kind::answer && items.back().kernel == kernel;
  if ((kind == item_kind::question && in_question) || (kind == item_kind::answer && in_answer)) {
    items.back().text.append("\n").append(text);
    return absl::OkStatus();
  }
  if (kind == item_kind::answer && !in_question) {
    return wrong("an answer stands right below its question");
  }
  if (kind != item_kind::answer && in_question) {
    return wrong("the question above has no answer, \"! TEXT\"");
  }
  if (kind == item_kind::run) has_run_ = true;
  if (kind == item_kind::step && !has_run_) {
    return wrong("there is no run for the stepper's command: \"run boot\" begins one");
  }
  if (kind == item_kind::program && !text.starts_with("iommulab ")) {
    return wrong(absl::StrCat("a command line begins with iommulab, not ", quoted(text)));
  }
  items.push_back({kind, at_, std::string(kernel), std::string(text), {}});
  return absl::OkStatus();
}

absl::Status reader::read_body_line() {
  std::string_view line = lines_[at_++];
  if (line.size() > longest_line) return wrong("the line is longer than 4096 bytes");
  if (is_remark(line)) return absl::OkStatus();
  if (is_heading(line)) return begin_stop(trimmed(line.substr(2)));
  std::string_view kernel;
  if (line.starts_with('@')) {
    const size_t end = line.find(' ');
    kernel = line.substr(1, end == std::string_view::npos ? end : end - 1);
    const auto& known = read_.kernels;
    if (std::find(known.begin(), known.end(), kernel) == known.end()) {
      return wrong(absl::StrCat(quoted(kernel), " is none of the tour's kernels"));
    }
    line = end == std::string_view::npos ? std::string_view() : line.substr(end + 1);
  }
  if (take_keyword("=", line)) return add_expectation(line, kernel);
  if (take_keyword(">", line)) return add_line(item_kind::step, line, kernel);
  if (take_keyword("$", line)) return add_line(item_kind::program, line, kernel);
  if (take_keyword("?", line)) return add_line(item_kind::question, line, kernel);
  if (take_keyword("!", line)) return add_line(item_kind::answer, line, kernel);
  if (take_keyword("run", line)) return add_line(item_kind::run, line, kernel);
  const std::vector<item>& items = read_.stops.back().items;
  if (!items.empty() && items.back().kind == item_kind::question && !line.empty()) {
    return wrong("the question above has no answer, \"! TEXT\"");
  }
  add_text(line, kernel);
  return absl::OkStatus();
}

}  // namespace

std::string_view name(item_kind kind) {
  return kind_names(kind);
}

absl::StatusOr<tour> parse_tour(std::string source, std::string_view text) {
  return reader(std::move(source), std::string(text)).read();
}

}  // namespace iommulab::tours
