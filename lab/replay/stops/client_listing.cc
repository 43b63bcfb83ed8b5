// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/stops/client_listing.h"

#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lab/clients/group_lines.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

constexpr const char* unit_attributes[] = {"version",           "cap",         "ecap", "address",
                                           "domains_supported", "domains_used"};
constexpr const char* listed_parameters[] = {
    "vfio_iommu_type1/parameters/allow_unsafe_interrupts",
    "vfio_iommu_type1/parameters/disable_hugepages",
    "vfio_iommu_type1/parameters/dma_entry_limit",
    "iommufd/parameters/allow_unsafe_interrupts",
};

class listing {
 public:
  explicit listing(kernel& system) : system_(system), tree_(system.sysfs()) {}

  numbered_lines make() && {
    add("## iommu_groups");
    for (const std::string& group : groups_by_number(tree_)) add_group(group);
    for (const std::string& unit : names_below(tree_, "class/iommu")) add_unit(unit);
    for (const std::string parameter : listed_parameters) {
      const std::string path = "module/" + parameter;
      if (!tree_.exists(path)) continue;
      add(absl::StrCat("  /sys/", path, " ", attribute(tree_, path)));
    }
    return std::move(lines_);
  }

 private:
  void add(std::string text) { lines_.push_back({lines_.size() + 1, std::move(text)}); }

  void add_group(const std::string& group) {
    add(absl::StrCat("group ", group));
    add(absl::StrCat("  type ", group_attribute(tree_, group, "type")));
    for (const std::string& device : functions_of_group(tree_, group)) {
      add(absl::StrCat("  device ", device, " driver=", driver_of(system_, device)));
    }
    const std::string regions = group_attribute(tree_, group, "reserved_regions");
    for (const std::string_view region : split_at(regions, '\n')) {
      if (!region.empty()) add(absl::StrCat("  reserved ", std::string(region)));
    }
  }

  void add_unit(const std::string& unit) {
    const std::string folder = "devices/virtual/iommu/" + unit;
    add(absl::StrCat("## iommu ", unit));
    for (const char* name : unit_attributes) {
      add(absl::StrFormat("  %s %s", name,
                          attribute(tree_, absl::StrCat(folder, "/intel-iommu/", name))));
    }
    for (const std::string& device : names_below(tree_, folder + "/devices")) {
      add(absl::StrCat("  link ", device));
    }
  }

  kernel& system_;
  const sysfs_tree& tree_;
  numbered_lines lines_;
};

}  // namespace

numbered_lines client_sysfs_lines(kernel& system) {
  return listing(system).make();
}

}  // namespace iommulab::verify
