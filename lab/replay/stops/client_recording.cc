// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/stops/client_recording.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "core/text_source.h"
#include "lab/clients/client.h"
#include "lab/clients/client_script.h"
#include "lab/clients/effects.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

constexpr std::string_view script_file_name = "script.txt";
constexpr const char* to_result = " -> ";
constexpr uint64_t most_times = uint64_t{1} << 20;

absl::StatusOr<std::vector<script_line>> read_script(const capture_folder& folder) {
  absl::StatusOr<std::string> text = folder.read_text(script_file_name);
  if (!text.ok()) return text.status();
  auto script = read_client_script({folder.file_path(script_file_name), *std::move(text)});
  if (!script.ok()) return script.status();
  return std::move(script->operations);
}

/// "…  (x2)" stands for two.
uint64_t times_of(std::string_view text) {
  constexpr std::string_view times = "  (x";
  const size_t at = text.rfind(times);
  if (at == std::string_view::npos || !text.ends_with(')')) return 1;
  const std::string_view digits =
      text.substr(at + times.size(), text.size() - at - times.size() - 1);
  return parse_number(digits).value_or(1);
}

/// The recorder knew not every errno by its name: "r=-1 E77" is EBADFD.
std::string with_errno_named(std::string text) {
  constexpr std::string_view failed = "r=-1 E";
  std::string_view rest = text;
  if (!take_prefix(rest, failed)) return text;
  const std::string_view digits = rest.substr(0, rest.find(' '));
  const auto number = parse_number(digits);
  if (!number) return text;
  return absl::StrCat("r=-1 ", errno_name(static_cast<int64_t>(*number)),
                      std::string(rest.substr(digits.size())));
}

class operations_reader {
 public:
  explicit operations_reader(const capture_folder& folder) : folder_(folder) {}

  absl::StatusOr<std::vector<client_operation>> read() && {
    const auto script = read_script(folder_);
    if (!script.ok()) return script.status();
    const auto lines = folder_.read_lines(operations_file);
    if (!lines.ok()) return lines.status();
    for (const numbered_line& line : *lines) {
      if (absl::Status status = take(*script, line); !status.ok()) return status;
    }
    if (operations_.size() != script->size()) {
      return refuse(operations_file, lines->size(), "",
                    absl::StrFormat("the file is cut short: %s has %d operations",
                                    folder_.file_path(script_file_name), script->size()));
    }
    if (absl::Status status = read_effects(); !status.ok()) return status;
    return std::move(operations_);
  }

 private:
  absl::Status refuse(std::string_view file, size_t line, std::string_view value,
                      std::string_view why) const {
    return line_error(folder_.file_path(file), line, "operation", value, why);
  }

  absl::Status take(absl::Span<const script_line> script, const numbered_line& line) {
    if (line.text.starts_with("  ")) {
      const bool is_answer = line.text.starts_with("  s: ") || line.text.starts_with("  k: ");
      if (operations_.empty() || !is_answer) {
        return refuse(operations_file, line.line, line.text, "neither k: nor s:");
      }
      operations_.back().answers.push_back({line.line, line.text.substr(2)});
      return absl::OkStatus();
    }
    const size_t next = operations_.size();
    const std::string wanted =
        next < script.size() ? absl::StrCat(next + 1, " ", script[next].text, to_result) : "";
    if (wanted.empty() || !line.text.starts_with(wanted)) {
      return refuse(operations_file, line.line, line.text,
                    absl::StrFormat("the script's next operation is \"%s\"", wanted));
    }
    client_operation operation;
    operation.line = line.line;
    operation.number = static_cast<unsigned>(next + 1);
    operation.text = script[next].text;
    operation.words = script[next].words;
    operation.result = with_errno_named(line.text.substr(wanted.size()));
    if (operation.words[0] == "sync" && operation.words.size() == 1) {
      return refuse(operations_file, line.line, line.text, "an operation without its operand");
    }
    operations_.push_back(std::move(operation));
    return absl::OkStatus();
  }

  absl::Status read_effects() {
    constexpr std::string_view indent = "    ";
    constexpr std::string_view transfer = "DMA ";
    const auto lines = folder_.read_lines(effects_file);
    if (!lines.ok()) return lines.status();
    size_t next = 0;
    bool behind = false;  // the last operation
    for (const numbered_line& line : *lines) {
      std::string_view text = line.text;
      if (take_prefix(text, indent)) {
        if (next == 0) return refuse(effects_file, line.line, line.text, "no operation above it");
        if (behind || text.starts_with(transfer)) continue;
        const uint64_t times = times_of(text);
        if (times > most_times) {
          return refuse(effects_file, line.line, line.text, "no recording has so many");
        }
        for (uint64_t n = times; n > 0; --n) {
          const bool unseen = text.starts_with(unseen_effect);
          operations_[next - 1].effects.push_back(
              {line.line, std::string(unseen ? unseen_effect : text)});
        }
        continue;
      }
      behind = behind || text.starts_with('#');
      if (behind) continue;
      const client_operation* operation = next < operations_.size() ? &operations_[next] : nullptr;
      const std::string head =
          operation == nullptr ? ""
                               : absl::StrCat(operation->number, " ", operation->text, to_result);
      if (operation == nullptr || !text.starts_with(head) ||
          with_errno_named(std::string(text.substr(head.size()))) != operation->result) {
        return refuse(effects_file, line.line, line.text, "not the next operation of ops.txt");
      }
      ++next;
    }
    if (next == operations_.size()) return absl::OkStatus();
    return refuse(effects_file, lines->size(), operations_[next].text,
                  "the file is cut short: this operation is missing");
  }

  const capture_folder& folder_;
  std::vector<client_operation> operations_;
};

}  // namespace

absl::StatusOr<std::vector<client_operation>> read_client_operations(const capture_folder& folder) {
  return operations_reader(folder).read();
}

}  // namespace iommulab::verify
