// SPDX-License-Identifier: GPL-2.0-only
#include "lab/sources/table/function_reader.h"

#include <algorithm>
#include <array>
#include <optional>

#include "lab/sources/table/source_text.h"

namespace iommulab {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::string_view blanks = " \t\n";

std::string_view without_blanks_before(std::string_view text) {
  const size_t at = text.find_first_not_of(blanks);
  return at == npos ? std::string_view() : text.substr(at);
}

bool begins_with_word(std::string_view text, std::string_view word) {
  return text.starts_with(word) && (text.size() == word.size() || !is_word(text[word.size()]));
}

/// Takes `public:` and its kin off: what stands behind them begins a declaration.
std::string_view without_access(std::string_view head) {
  head = without_blanks_before(head);
  for (const std::string_view access : {"public:", "protected:", "private:"}) {
    if (head.starts_with(access)) return without_blanks_before(head.substr(access.size()));
  }
  return head;
}

/// Takes `template <…>` off.
std::string_view without_template(std::string_view head) {
  while (begins_with_word(head, "template")) {
    size_t at = head.find('<');
    for (int depth = 0; at < head.size(); ++at) {
      if (head[at] == '<') ++depth;
      if (head[at] == '>' && --depth == 0) break;
    }
    if (at >= head.size()) return {};
    head = without_blanks_before(head.substr(at + 1));
  }
  return head;
}

/// Whether a block with this before it holds declarations, not statements.
bool holds_declarations(std::string_view head) {
  head = without_template(without_access(head));
  for (const std::string_view word :
       {"namespace", "inline namespace", "class", "struct", "union", "extern"}) {
    if (begins_with_word(head, word)) return true;
  }
  return false;
}

/// Whether it can be the head of a function: it has a parameter list, and is no initializer.
bool is_function_head(std::string_view head) {
  bool has_parameters = false;
  int depth = 0;
  for (const char c : without_template(head)) {
    if (c == '(') {
      has_parameters = true;
      ++depth;
    } else if (c == ')') {
      --depth;
    } else if (c == '=' && depth == 0) {
      return false;
    }
  }
  return has_parameters;
}

/// Offsets of a function's definition: its first character and the brace that ends it.
struct definition {
  size_t begin = 0;
  size_t end = 0;
};

/// Reads the definitions of functions, one after the other.
class definition_reader {
 public:
  explicit definition_reader(std::string_view code) : code_(code) {}

  std::vector<definition> read() {
    for (size_t at = 0; at < code_.size(); ++at) {
      const char c = code_[at];
      if (c == '(' || c == '[') ++parentheses_;
      if (c == ')' || c == ']') --parentheses_;
      if (c == '{') open(at);
      if (c == '}') close(at);
      if (c == ';' && is_among_declarations()) head_ = at + 1;
    }
    return std::move(found_);
  }

 private:
  /// Outside of functions, initializers and parameter lists.
  [[nodiscard]] bool is_among_declarations() const { return inner_ == 0 && parentheses_ == 0; }

  void open(size_t at) {
    if (!is_among_declarations()) {
      ++inner_;
      return;
    }
    const std::string_view head = without_access(code_.substr(head_, at - head_));
    if (holds_declarations(head)) {
      head_ = at + 1;
      return;
    }
    ++inner_;
    outermost_ = head;
  }

  void close(size_t at) {
    if (inner_ > 0 && --inner_ > 0) return;
    if (parentheses_ > 0) return;
    if (is_function_head(outermost_)) {
      found_.push_back({static_cast<size_t>(outermost_.data() - code_.data()), at});
    }
    outermost_ = {};
    head_ = at + 1;
  }

  std::string_view code_;
  size_t head_ = 0;             ///< where the declaration begins that is being read
  std::string_view outermost_;  ///< the head of the outermost block that is open
  size_t inner_ = 0;            ///< open braces from the outermost function or initializer on
  size_t parentheses_ = 0;
  std::vector<definition> found_;
};

/// What opens a scope, up to its parenthesis.
constexpr std::array<std::string_view, 2> scope_marks = {"IOMMULAB_CALL(", "env.call("};

/// Offsets of all of them, in order.
std::vector<size_t> scopes_in(std::string_view code) {
  std::vector<size_t> found;
  for (const std::string_view mark : scope_marks) {
    for (size_t at = code.find(mark); at != npos; at = code.find(mark, at + 1)) {
      if (at == 0 || !is_word(code[at - 1])) found.push_back(at);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// The first string among the scope's arguments.
std::optional<std::string> name_at(std::string_view source, std::string_view code, size_t scope) {
  const size_t open = code.find('"', scope);
  if (open == npos || code.find(';', scope) < open) return std::nullopt;
  const size_t close = code.find('"', open + 1);
  if (close == npos) return std::nullopt;
  return std::string(source.substr(open + 1, close - open - 1));
}

bool is_comment(std::string_view line) {
  return without_blanks_before(line).starts_with("//");
}

/// The text of comment lines, as one.
std::string words_of(std::string_view comment) {
  std::string words;
  while (!comment.empty()) {
    const size_t end = std::min(comment.find('\n'), comment.size());
    std::string_view line = without_blanks_before(comment.substr(0, end));
    line.remove_prefix(std::min(line.find_first_not_of('/'), line.size()));
    line = without_blanks_before(line);
    if (!words.empty()) words.push_back(' ');
    words.append(line);
    comment.remove_prefix(std::min(end + 1, comment.size()));
  }
  return words;
}

}  // namespace

function_origin origin_in(std::string_view comment, std::string_view name) {
  constexpr std::string_view begin = "Linux v";
  const std::string all = words_of(comment);
  const size_t found = all.find(begin);
  if (found == std::string::npos) return {};
  const std::string_view words = std::string_view(all).substr(found + begin.size() - 1);
  const size_t version_end = words.find(' ');
  const size_t file_end = words.find(": ");
  if (version_end == npos || file_end == npos || file_end < version_end) return {};
  function_origin origin{
      .version = std::string(words.substr(0, version_end)),
      .file = std::string(words.substr(version_end + 1, file_end - version_end - 1)),
      .function = {}};
  const std::string_view functions = words.substr(file_end + 2);
  for (size_t open = functions.find('('); open != npos; open = functions.find('(', open + 1)) {
    size_t start = open;
    while (start > 0 && is_word(functions[start - 1])) --start;
    const std::string_view word = functions.substr(start, open - start);
    const bool is_first = start == 0;
    if (word == name || (is_first && !word.empty())) origin.function = word;
    if (word == name) break;
  }
  if (origin.function.empty()) return {};
  return origin;
}

function_reading read_functions(std::string_view source) {
  function_reading reading;
  const std::string code = code_of(source);
  const source_lines lines(source);
  const std::vector<definition> definitions = definition_reader(code).read();
  for (const size_t scope : scopes_in(code)) {
    const auto problem = [&](std::string_view what) {
      reading.problems.push_back(std::to_string(lines.number_of(scope)).append(what));
    };
    const auto around =
        std::find_if(definitions.begin(), definitions.end(),
                     [&](const definition& d) { return d.begin < scope && scope < d.end; });
    if (around == definitions.end()) {
      problem(": a scope of the trace is in no function's definition");
      continue;
    }
    const std::optional<std::string> name = name_at(source, code, scope);
    if (!name) {
      problem(": a scope of the trace has no function's name");
      continue;
    }
    const unsigned head = lines.number_of(around->begin);
    unsigned first = head;
    while (first > 1 && is_comment(lines.line(first - 1))) --first;
    const unsigned last = lines.number_of(around->end);
    traced_function function{.name = *name,
                             .first_line = first,
                             .last_line = last,
                             .text = std::string(lines.lines(first, last)),
                             .origin = {}};
    if (first < head) function.origin = origin_in(lines.lines(first, head - 1), *name);
    reading.functions.push_back(std::move(function));
  }
  return reading;
}

}  // namespace iommulab
