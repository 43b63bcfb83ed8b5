// SPDX-License-Identifier: GPL-2.0-only
#include "lab/groups/group_reasons.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "core/pci/search.h"
#include "lab/groups/isolation.h"

namespace iommulab {
namespace {

std::string_view kind_of(const pci_dev& pdev) {
  if (!pci_is_pcie(pdev)) {
    return pdev.hdr_type == pci_header_type::normal ? "conventional function"
                                                    : "conventional bridge";
  }
  switch (pdev.pcie_type) {
    case pci_exp_type::endpoint:
      return "endpoint";
    case pci_exp_type::legacy_endpoint:
      return "legacy endpoint";
    case pci_exp_type::root_port:
      return "root port";
    case pci_exp_type::upstream:
      return "switch's upstream port";
    case pci_exp_type::downstream:
      return "switch's downstream port";
    case pci_exp_type::pci_bridge:
      return "bridge from PCI Express to PCI";
    case pci_exp_type::pcie_bridge:
      return "bridge from PCI to PCI Express";
    case pci_exp_type::rc_endpoint:
      return "integrated endpoint";
    case pci_exp_type::rc_event_collector:
      return "event collector";
  }
  return "function";
}

std::vector<const pci_dev*> siblings_of(const machine_groups& groups, const pci_dev& pdev,
                                        bool open_only) {
  std::vector<const pci_dev*> list;
  groups.pci().for_each_pci_dev([&](pci_dev& other) {
    if (&other == &pdev || other.bus != pdev.bus || other.slot() != pdev.slot()) return 0;
    if (!open_only || !isolation_of(other).isolated) list.push_back(&other);
    return 0;
  });
  return list;
}

/// Follows pci_device_group(), step by step.
class reasoning {
 public:
  reasoning(const machine_groups& groups, pci_dev& function, const function_words& address)
      : groups_(groups), function_(function), top_(&function), address_(address) {}

  std::vector<group_reason> run() {
    through_aliases();
    up_the_path();
    across_the_bus();
    across_functions();
    conclude();
    return std::move(reasons_);
  }

 private:
  void say(group_rule rule, const pci_dev& about, std::string sentence) {
    reasons_.push_back({rule, pci_source_id(about), std::move(sentence)});
  }

  [[nodiscard]] std::string address_of(const pci_dev& pdev) const {
    return address_(pci_source_id(pdev));
  }
  [[nodiscard]] std::string named(const pci_dev& pdev) const {
    return absl::StrFormat("%s (%s)", address_of(pdev), kind_of(pdev));
  }
  [[nodiscard]] std::string list_of(const std::vector<const pci_dev*>& devices) const {
    std::string list;
    for (const pci_dev* dev : devices) {
      if (!list.empty()) list += ", ";
      list += address_of(*dev);
    }
    return list;
  }
  /// The id as the address that it is on the function's segment.
  [[nodiscard]] std::string id_words(uint16_t id) const {
    return address_(source_id::from_requester_id(function_.bus->segment, id));
  }

  /// Whoever's id its requests may bear at the root bus.
  void through_aliases() {
    pci_for_each_dma_alias(function_, [&](pci_dev& by, uint16_t id) {
      if (&by == &function_) {
        if (id != pci_source_id(by).requester_id()) {
          say(group_rule::alias, by,
              absl::StrFormat("requests of %s may bear the id %s (quirk for its ids)", named(by),
                              id_words(id)));
        }
      } else if (by.subordinate == nullptr) {
        say(group_rule::alias, by,
            absl::StrFormat("%s lies behind %s, a volume management device, whose id all its "
                            "requests bear",
                            named(function_), named(by)));
      } else {
        say(group_rule::alias, by,
            absl::StrFormat("%s puts the id %s on requests from behind it, so nobody can tell "
                            "whose they are",
                            named(by), id_words(id)));
      }
      top_ = &by;
      return 0;
    });
  }

  /// Every bridge from there to the root bus has to be isolated.
  void up_the_path() {
    for (pci_bus* bus = top_->bus; !pci_is_root_bus(*bus); bus = bus->parent) {
      if (bus->self == nullptr) continue;
      pci_dev* open = nullptr;
      isolation why;
      for (pci_dev* bridge = bus->self; bridge != nullptr; bridge = bridge->bus->self) {
        why = isolation_of(*bridge);
        if (!why.isolated) {
          open = bridge;
          break;
        }
      }
      if (open == nullptr) {
        say(group_rule::path, *bus->self,
            absl::StrFormat("%s and all above it send requests up to the IOMMU: %s",
                            named(*bus->self), isolation_of(*bus->self).because));
        return;
      }
      const std::string whose = open == bus->self
                                    ? std::string("its group")
                                    : absl::StrFormat("the group of %s", named(*bus->self));
      say(group_rule::path, *open,
          absl::StrFormat("%s may turn requests back before they reach the IOMMU, as %s: what is "
                          "behind %s belongs to %s",
                          named(*open), why.because,
                          open == bus->self ? std::string("it") : address_of(*bus->self), whose));
      top_ = bus->self;
    }
  }

  void across_the_bus() {
    groups_.pci().for_each_pci_dev([&](pci_dev& other) {
      if (&other == top_ || other.bus != top_->bus) return 0;
      if (!pci_uses_id_of(*top_, other) && !pci_uses_id_of(other, *top_)) return 0;
      say(group_rule::alias, other,
          absl::StrFormat("%s and %s use one requester id", named(*top_), named(other)));
      return 0;
    });
  }

  void across_functions() {
    if (top_->is_virtfn) {
      say(group_rule::alone, *top_,
          absl::StrFormat(
              "%s is a virtual function of %s: the kernel does not count other functions "
              "of the device as its peers",
              named(*top_), named(*top_->physfn)));
      return;
    }
    const auto siblings = siblings_of(groups_, *top_, false);
    if (!top_->multifunction) {
      const bool others = !siblings.empty();
      say(group_rule::alone, *top_,
          others
              ? absl::StrFormat("%s says that it is the only function of its device", named(*top_))
              : absl::StrFormat("%s is the only function of its device", named(*top_)));
      return;
    }
    const isolation why = isolation_of(*top_);
    if (why.isolated) {
      say(group_rule::alone, *top_,
          absl::StrFormat("%s keeps to itself among the functions of its device: %s", named(*top_),
                          why.because));
      return;
    }
    const auto open = siblings_of(groups_, *top_, true);
    if (open.empty()) {
      say(group_rule::alone, *top_,
          absl::StrFormat("%s is not isolated from the other functions of its device, as %s; but "
                          "all of those are isolated",
                          named(*top_), why.because));
      return;
    }
    say(group_rule::functions, *top_,
        absl::StrFormat(
            "%s may reach other functions of its device, as %s; so may %s: they share a "
            "group",
            named(*top_), why.because, list_of(open)));
  }

  void conclude() {
    const iommu_group* group = groups_.group_of(pci_source_id(function_));
    if (group == nullptr) {
      say(group_rule::alone, function_,
          absl::StrFormat("%s has no group: no IOMMU serves it", named(function_)));
      return;
    }
    std::vector<const pci_dev*> others;
    std::vector<const pci_dev*> bridges;
    for (const iommu_group::member& member : group->devices) {
      const pci_dev* pdev = member.dev->pci;
      if (pdev == &function_) continue;
      (pdev->hdr_type == pci_header_type::bridge ? bridges : others).push_back(pdev);
    }
    std::string sentence = absl::StrFormat("Group %d", group->id);
    if (others.empty() && bridges.empty()) {
      sentence += " holds nothing else: it can be given to a guest by itself";
    } else {
      sentence += ":";
      if (!others.empty()) {
        sentence +=
            absl::StrFormat(" to give it to a guest, unbind %s from host drivers", list_of(others));
      }
      if (!bridges.empty()) {
        sentence +=
            absl::StrFormat("%s %s may keep the port driver, as %s", others.empty() ? "" : ";",
                            list_of(bridges), bridges.size() == 1 ? "a bridge does" : "bridges do");
      }
    }
    say(group_rule::alone, function_, sentence + ".");
  }

  const machine_groups& groups_;
  pci_dev& function_;
  pci_dev* top_;
  const function_words& address_;
  std::vector<group_reason> reasons_;
};

}  // namespace

std::string_view name(group_rule rule) {
  switch (rule) {
    case group_rule::alias:
      return "alias";
    case group_rule::path:
      return "path";
    case group_rule::functions:
      return "functions";
    case group_rule::alone:
      return "alone";
  }
  return "";
}

std::vector<group_reason> group_reasons(const machine_groups& groups, source_id function,
                                        const function_words& address) {
  pci_dev* const pdev = groups.pci().find(function);
  if (pdev == nullptr) return {};
  return reasoning(groups, *pdev, address).run();
}

std::vector<group_reason> group_reasons(const machine_groups& groups, source_id one,
                                        source_id other, const function_words& address) {
  std::vector<group_reason> reasons = group_reasons(groups, one, address);
  if (reasons.empty()) return {};
  reasons.pop_back();
  for (group_reason& reason : group_reasons(groups, other, address))
    reasons.push_back(std::move(reason));
  if (!reasons.empty()) reasons.pop_back();
  const iommu_group* of_one = groups.group_of(one);
  const iommu_group* of_other = groups.group_of(other);
  const bool together = of_one != nullptr && of_one == of_other;
  reasons.push_back({group_rule::alone, one,
                     absl::StrFormat("So %s and %s are %s.", address(one), address(other),
                                     together ? absl::StrFormat("together in group %d", of_one->id)
                                              : std::string("in different groups"))});
  return reasons;
}

}  // namespace iommulab
