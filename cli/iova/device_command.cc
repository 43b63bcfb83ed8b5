// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/device_command.h"

#include <unistd.h>

#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/iova/choice.h"
#include "cli/output/complain.h"
#include "cli/output/json.h"
#include "cli/output/progress_line.h"
#include "iova/workload/workload.h"
#include "kernel/catalogue.h"
#include "lab/transfers/translation_cost.h"

namespace iommulab {
namespace {

struct device_row {
  std::string workload;
  std::string allocator;
  translation_cost cost;
};

absl::StatusOr<unmap_policy> policy_named(const std::string& name) {
  if (name == "lazy") return unmap_policy{};
  if (name == "strict") return unmap_policy{.unmaps_a_flush = 0};
  return refuse(absl::StrFormat("--unmap is \"%s\": not strict or lazy", name));
}

absl::StatusOr<std::vector<device_row>> measure(const iova_device_arguments& a, std::ostream& err) {
  const auto policy = policy_named(a.unmap);
  if (!policy.ok()) return policy.status();
  const auto allocators = choose_iova_allocators(a.allocators);
  if (!allocators.ok()) return allocators.status();
  std::vector<iova_workload> workloads;
  for (const std::string& name : a.workloads) {
    auto workload = make_iova_workload(name);
    if (!workload.ok()) return workload.status();
    workloads.push_back(*std::move(workload));
  }
  progress_line progress(a.progress ? &err : nullptr, allocators->size() * workloads.size());
  std::vector<device_row> rows;
  for (const iova_workload& workload : workloads) {
    for (const iova_catalogue_entry* allocator : *allocators) {
      progress.next(absl::StrFormat("%s on %s", workload.name, allocator->name));
      const auto cost = cost_of_transfers(default_kernel_profile(), *allocator, workload, *policy);
      if (!cost.ok()) return cost.status();
      rows.push_back({workload.name, std::string(allocator->name), *cost});
    }
  }
  return rows;
}

double each(uint64_t sum, uint64_t transfers) {
  return transfers == 0 ? 0 : static_cast<double>(sum) / static_cast<double>(transfers);
}

std::string rows_text(const std::vector<device_row>& rows, const std::string& unmap) {
  std::string text;
  std::string_view workload;
  for (const auto& [of, allocator, c] : rows) {
    if (of != workload) {
      absl::StrAppendFormat(&text, "%s%s, %s unmaps: %d transfers of %.2f pages, each transfer:\n",
                            text.empty() ? "" : "\n", of, unmap, c.transfers,
                            each(c.pages, c.transfers));
      absl::StrAppendFormat(&text, "  %-12s %12s %12s %12s %12s %10s %8s\n", "allocator",
                            "IOTLB misses", "upper levels", "3 and above", "entries read",
                            "flushes", "failed");
      workload = of;
    }
    const uint64_t from_3 = c.walks_from[3] + c.walks_from[4];
    absl::StrAppendFormat(&text, "  %-12s %12.4f %12.4f %12.4f %12.4f %10d %8d\n", allocator,
                          each(c.iotlb_misses, c.transfers),
                          each(c.upper_level_misses(), c.transfers), each(from_3, c.transfers),
                          each(c.entries_read, c.transfers), c.flushes, c.run.failures);
  }
  text +=
      "\nIOTLB misses: pages that the unit walked tables for. upper levels: walks for which no\n"
      "paging-structure cache knew the last table. 3 and above: those that knew no table of\n"
      "level 2 either. flushes: invalidations, in all.\n";
  return text;
}

std::string rows_json(const std::vector<device_row>& rows, const std::string& unmap) {
  json document = json_document("iova_device");
  document["unmap"] = unmap;
  document["results"] = json::array();
  for (const auto& [workload, allocator, c] : rows) {
    json from = json::object();
    for (unsigned level = 1; level <= translation_cost::levels; ++level) {
      from[absl::StrFormat("level_%d", level)] = c.walks_from[level];
    }
    document["results"].push_back({{"workload", workload},
                                   {"allocator", allocator},
                                   {"transfers", c.transfers},
                                   {"pages", c.pages},
                                   {"iotlb_misses", c.iotlb_misses},
                                   {"upper_level_misses", c.upper_level_misses()},
                                   {"walks_from", std::move(from)},
                                   {"entries_read", c.entries_read},
                                   {"flushes", c.flushes},
                                   {"failures", c.run.failures}});
  }
  return json_text(document);
}

}  // namespace

int run_iova_device(const iova_device_arguments& arguments, std::ostream& out, std::ostream& err) {
  const auto rows = measure(arguments, err);
  if (!rows.ok()) return complain(err, rows.status());
  out << (arguments.json ? rows_json(*rows, arguments.unmap) : rows_text(*rows, arguments.unmap));
  return static_cast<int>(exit_code::good);
}

void add_iova_device_command(CLI::App& iova, int& exit_status) {
  const auto a = std::make_shared<iova_device_arguments>();
  CLI::App* const command = iova.add_subcommand(
      "device", "Count what each allocator's addresses cost the device: misses a transfer");
  command->add_option("--allocator", a->allocators, "May be given several times; default: all")
      ->type_name("NAME")
      ->expected(1)
      ->take_all();
  command
      ->add_option("--workload", a->workloads,
                   "May be given several times; default nic-ring-4096 and its shuffled form")
      ->type_name("NAME")
      ->expected(1)
      ->take_all();
  command
      ->add_option("--unmap", a->unmap,
                   "strict: each unmap is invalidated at once; lazy (the default): 256 of them "
                   "by one flush of the domain")
      ->type_name("MODE");
  command->add_flag("--json", a->json, "Print one JSON document");
  command->footer("See `iommulab iova list` for the names. Exit status: 0 good; 2 bad use.");
  command->callback([a, &exit_status] {
    a->progress = isatty(STDERR_FILENO) != 0;
    if (a->workloads.empty()) a->workloads = {"nic-ring-4096", "nic-ring-4096-shuffled"};
    exit_status = run_iova_device(*a, std::cout, std::cerr);
  });
}

}  // namespace iommulab
