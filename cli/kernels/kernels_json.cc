// SPDX-License-Identifier: GPL-2.0-only
#include "cli/kernels/kernels_report.h"
#include "cli/output/json.h"
#include "kernel/catalogue.h"

namespace iommulab {

std::string kernels_json(absl::Span<const kernel_profile* const> kernels) {
  json list = json::array();
  for (const kernel_profile* kernel : kernels) {
    json differences = json::array();
    for (const kernel_difference& d : kernel->differences()) {
      differences.push_back({{"id", d.id},
                             {"where", d.where},
                             {"kernel", d.kernel},
                             {"here", d.here},
                             {"shows", d.shows}});
    }
    list.push_back({{"name", kernel->name()},
                    {"release", kernel->release()},
                    {"default", kernel == &default_kernel_profile()},
                    {"differences", std::move(differences)}});
  }
  return json_text(json_document("kernels", {{"kernels", std::move(list)}}));
}

std::string comparison_json(const kernel_comparison& comparison) {
  json changes = json::array();
  for (const kernel_change& change : comparison.changes) {
    changes.push_back({{"where", change.where},
                       {"before", change.before},
                       {"now", change.now},
                       {"meaning", change.meaning}});
  }
  return json_text(
      json_document("kernels_diff", {{"first", comparison.first->name()},
                                     {"second", comparison.second->name()},
                                     {"changes", std::move(changes)},
                                     {"only_from_first", comparison.only_from_first},
                                     {"only_from_second", comparison.only_from_second}}));
}

}  // namespace iommulab
