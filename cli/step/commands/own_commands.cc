// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/output/complain.h"
#include "cli/step/commands/command.h"
#include "cli/step/commands/handlers.h"
#include "cli/step/session/stepper.h"
#include "core/text_source.h"
#include "lab/events/trace_choice.h"

namespace iommulab::step {

absl::Status do_set(stepper& on, std::string_view arguments) {
  const std::string_view what = take_word(arguments);
  if (what != "events" || arguments.empty()) {
    return refuse("`set events CLASS,...` is what can be set");
  }
  const std::vector<std::string> known = trace_class_words();
  for (const std::string& word :
       std::vector<std::string>(absl::StrSplit(std::string(arguments), ','))) {
    if (std::find(known.begin(), known.end(), word) != known.end()) continue;
    return refuse(absl::StrFormat("set events: %s is no class of events; there are %s",
                                  iommulab::quoted(word), absl::StrJoin(known, ", ")));
  }
  const auto classes = parse_trace_classes(arguments);
  if (!classes.ok()) return classes.status();
  on.show_only(*classes);
  return absl::OkStatus();
}

absl::Status do_help(stepper& on, std::string_view arguments) {
  if (arguments.empty()) {
    on.out() << help_text();
    return absl::OkStatus();
  }
  const auto named = command_named(arguments);
  if (!named.ok()) return named.status();
  on.out() << help_text(**named);
  return absl::OkStatus();
}

absl::Status do_quit(stepper& on, std::string_view /*arguments*/) {
  on.quit = true;
  return absl::OkStatus();
}

}  // namespace iommulab::step
