// SPDX-License-Identifier: GPL-2.0-only
#include "lab/clients/client_script.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_replace.h"
#include "lab/clients/client.h"
#include "platform/machine/parse.h"

namespace iommulab {
namespace {

constexpr std::string_view options_mark = "#!";

absl::Status take_options(const text_source& source, size_t number, std::string_view text,
                          client_script& script) {
  for (std::string_view word : split_at(text, ' ')) {
    if (word.empty()) continue;
    if (take_prefix(word, "unsafe=")) {
      if (word != "0" && word != "1") {
        return line_error(source.name, number, "unsafe", word, "neither 0 nor 1");
      }
      script.unsafe_interrupts = word == "1";
    } else if (take_prefix(word, "cmdline=")) {
      script.command_line =
          absl::StrReplaceAll(absl::string_view(word.data(), word.size()), {{",,", " "}});
    } else if (!word.starts_with("drv=") && !word.starts_with("iommu=")) {
      return line_error(source.name, number, "option", word,
                        "not one of unsafe=, cmdline=, drv=, iommu=");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<client_script> read_client_script(const text_source& source) {
  client_script script;
  script.file = source.name;
  size_t number = 0;
  if (!source.text.empty() && source.text.back() != '\n') {
    const std::vector<std::string_view> lines = source.lines();
    return line_error(source.name, lines.size(), "last line", lines.back(),
                      "the file is cut short: the line does not end");
  }
  for (std::string_view text : source.lines()) {
    ++number;
    text = trimmed(text);
    if (take_prefix(text, options_mark)) {
      if (absl::Status status = take_options(source, number, text, script); !status.ok()) {
        return status;
      }
      continue;
    }
    if (text.empty() || text.starts_with('#')) continue;
    script_line line{number, std::string(text), {}};
    for (const std::string_view word : split_at(text, ' ')) {
      if (!word.empty()) line.words.emplace_back(word);
    }
    if (!vfio_client::knows(line.words[0])) {
      return line_error(source.name, number, "operation", line.words[0],
                        "no operation of this name");
    }
    script.operations.push_back(std::move(line));
  }
  if (script.operations.empty()) {
    return line_error(source.name, 0, "script", "", "it has no operation");
  }
  return script;
}

}  // namespace iommulab
