// SPDX-License-Identifier: GPL-2.0-only
#include "cli/program/option_values.h"

#include <algorithm>
#include <array>
#include <functional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "cli/machines/machine_choice.h"
#include "cli/program/program.h"
#include "cli/trace/trace_choices.h"
#include "iova/allocators.h"
#include "iova/lockup/pattern.h"
#include "iova/trace/versions.h"
#include "iova/workload/workload.h"
#include "kernel/catalogue.h"
#include "lab/events/trace_choice.h"
#include "lab/events/traced_functions.h"
#include "lab/structures/system_structures.h"
#include "platform/machine/builtin.h"

namespace iommulab {
namespace {

using name_list = std::vector<std::string>;

name_list machine_words() {
  const auto builtin = builtin_machine_names();
  name_list names(builtin.begin(), builtin.end());
  names.emplace_back(live_machine);
  return names;
}
name_list kernel_words() {
  name_list names;
  for (const kernel_profile* kernel : kernel_profiles()) names.emplace_back(kernel->name());
  return names;
}
name_list allocator_words() {
  name_list names;
  for (const iova_catalogue_entry& entry : iova_allocators()) names.emplace_back(entry.name);
  return names;
}
name_list workload_words() {
  name_list names;
  for (const iova_workload_entry& entry : iova_workloads()) names.emplace_back(entry.example);
  return names;
}
name_list function_words() {
  const auto functions = traced_functions();
  return {functions.begin(), functions.end()};
}
name_list recorded_kernel_words() {
  name_list names;
  for (const iova_trace_version& version : iova_trace_versions()) names.emplace_back(version.name);
  return names;
}
name_list pattern_words() {
  name_list names;
  for (const lockup_pattern* pattern : lockup_patterns()) names.emplace_back(pattern->name());
  return names;
}

struct named_values {
  std::string_view option;  ///< or argument
  name_list (*values)();
};
constexpr std::array<named_values, 14> by_name = {{
    {"--machine", machine_words},
    {"MACHINE", machine_words},
    {"--kernel", kernel_words},
    {"--diff", kernel_words},
    {"--version", recorded_kernel_words},
    {"--allocator", allocator_words},
    {"--workload", workload_words},
    {"--pattern", pattern_words},
    {"--trace", trace_class_words},
    {"--until", function_words},
    {"-g", function_words},
    {"-l", function_words},
    {"--effects", effect_words},
    {"--dump", system_structure_kinds},
}};

/// "read|write": words in small letters.
name_list listed(const std::string& placeholder) {
  const bool small = std::all_of(placeholder.begin(), placeholder.end(), [](unsigned char c) {
    return absl::ascii_islower(c) || c == '|' || c == '-';
  });
  if (!small || placeholder.find('|') == std::string::npos) return {};
  return absl::StrSplit(placeholder, '|');
}

}  // namespace

option_values values_of(const CLI::Option& option) {
  name_list names = names_of(option);
  if (names.empty()) names.push_back(option.get_name(/*positional=*/true));
  const std::string placeholder =
      option.get_positional() ? names.front() + option.get_type_name() : option.get_type_name();
  option_values values;
  values.words = listed(placeholder);
  for (const named_values& each : by_name) {
    const bool named = std::find(names.begin(), names.end(), each.option) != names.end();
    if (!named) continue;
    values.list = !takes_value(option);  // --trace=calls,regs
    values.words = each.values();
  }
  for (const char* file : {"FILE", "SCRIPT"}) {
    values.files |= placeholder.find(file) != std::string::npos;
  }
  values.folders = placeholder.find("DIR") != std::string::npos;
  return values;
}

}  // namespace iommulab
