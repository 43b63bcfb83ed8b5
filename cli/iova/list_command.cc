// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/list_command.h"

#include <iostream>
#include <memory>

#include "absl/strings/str_format.h"
#include "cli/output/complain.h"
#include "cli/output/json.h"
#include "iova/allocators.h"
#include "iova/trace/versions.h"
#include "iova/workload/workload.h"

namespace iommulab {
namespace {

std::string list_text() {
  std::string text = "allocators\n";
  for (const iova_catalogue_entry& entry : iova_allocators()) {
    absl::StrAppendFormat(&text, "  %-12s %s\n  %-12s   %s\n", entry.name, entry.summary, "",
                          entry.source);
    if (const iova_trace_version* version = find_iova_trace_version(entry.name)) {
      absl::StrAppendFormat(&text, "  %-12s   also written %s\n", "", version->number());
    }
    if (entry.range_caches || entry.thread_safe) {
      absl::StrAppendFormat(&text, "  %-12s   %s%s%s\n", "",
                            entry.range_caches ? "range caches" : "",
                            entry.range_caches && entry.thread_safe ? ", " : "",
                            entry.thread_safe ? "any number of threads" : "");
    }
  }
  text += "workloads\n";
  for (const iova_workload_entry& entry : iova_workloads()) {
    absl::StrAppendFormat(&text, "  %-20s %s\n", entry.pattern, entry.summary);
  }
  text += "  with :tree or :fast behind the name past or through the range caches\n";
  return text;
}

std::string list_json() {
  json all =
      json_document("iova_list", {{"allocators", json::array()}, {"workloads", json::array()}});
  for (const iova_catalogue_entry& entry : iova_allocators()) {
    all["allocators"].push_back({{"name", std::string(entry.name)},
                                 {"summary", std::string(entry.summary)},
                                 {"source", std::string(entry.source)},
                                 {"range_caches", entry.range_caches},
                                 {"thread_safe", entry.thread_safe}});
  }
  for (const iova_workload_entry& entry : iova_workloads()) {
    all["workloads"].push_back({{"pattern", std::string(entry.pattern)},
                                {"example", std::string(entry.example)},
                                {"summary", std::string(entry.summary)}});
  }
  return json_text(all);
}

}  // namespace

int run_iova_list(const iova_list_arguments& arguments, std::ostream& out, std::ostream& /*err*/) {
  out << (arguments.json ? list_json() : list_text());
  return static_cast<int>(exit_code::good);
}

void add_iova_list_command(CLI::App& iova, int& exit_status) {
  const auto a = std::make_shared<iova_list_arguments>();
  CLI::App* const command =
      iova.add_subcommand("list", "List the allocators with their sources, and the workloads");
  command->add_flag("--json", a->json, "Print one JSON document");
  command->callback([a, &exit_status] { exit_status = run_iova_list(*a, std::cout, std::cerr); });
}

}  // namespace iommulab
