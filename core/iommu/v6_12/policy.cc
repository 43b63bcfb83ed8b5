// SPDX-License-Identifier: GPL-2.0-only
//
// Which default domain a group gets: the command line, the driver's wish for each device, trust,
// and what is written into the group's file. Linux v6.12 drivers/iommu/iommu.c.
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/dev_printk.h"
#include "core/iommu/iommu_internal.h"
#include "core/iommu/v6_12/group.h"
#include "core/iommu/v6_12/strtobool.h"
#include "core/pci/pci.h"

namespace iommulab::v6_12 {

std::string_view iommu_domain_type_str(iommu_domain_type type) {
  switch (type) {
    case iommu_domain_type::blocked:
      return "Blocked";
    case iommu_domain_type::identity:
      return "Passthrough";
    case iommu_domain_type::unmanaged:
      return "Unmanaged";
    case iommu_domain_type::dma:
    case iommu_domain_type::dma_fq:
      return "Translated";
  }
  return "Unknown";
}

namespace {

/// iommu_get_def_domain_type(): what the driver wants for a device joins what it wanted for those
/// before it; pass-through wins where it contradicts itself.
iommu_domain_type driver_type_with(const iommu_group& group, device& dev,
                                   iommu_domain_type current) {
  iommu_ops& ops = dev_iommu_ops(dev);
  const iommu_domain_type type =
      ops.default_domain != nullptr ? ops.default_domain->type : ops.def_domain_type(dev);
  if (type == iommu_domain_type::blocked || type == current) return current;
  if (current == iommu_domain_type::blocked) return type;
  dev_printk(dev, log_level::err,
             "IOMMU driver error, requesting conflicting def_domain_type, %s and %s, for devices "
             "in group %u.",
             iommu_domain_type_str(current), iommu_domain_type_str(type), group.id);
  return type == iommu_domain_type::identity ? type : current;
}

/// iommu_get_default_domain_type(): the type for the group; blocked for the system's default.
/// Nothing when driver, trust and `target` contradict each other.
std::optional<iommu_domain_type> default_domain_type(const iommu_group& group,
                                                     iommu_domain_type target) {
  constexpr iommu_domain_type any = iommu_domain_type::blocked;
  device* untrusted = nullptr;
  iommu_domain_type type = any;
  for (const iommu_group::member& member : group.devices) {
    type = driver_type_with(group, *member.dev, type);
    if (dev_is_pci(*member.dev) && member.dev->pci->untrusted) untrusted = member.dev;
  }
  if (untrusted != nullptr) {
    if (type != any && type != iommu_domain_type::dma) {
      dev_printk(*untrusted, log_level::err,
                 "Device is not trusted, but driver is overriding group %u to %s, refusing to "
                 "probe.",
                 group.id, iommu_domain_type_str(type));
      return std::nullopt;
    }
    type = iommu_domain_type::dma;
  }
  if (target == any) return type;
  if (type != any && target != type) return std::nullopt;
  return target;
}

/// __iommu_group_alloc_default_domain()
iommu_domain* default_domain_of_type(iommu_subsystem& iommu, iommu_group& group,
                                     iommu_domain_type type, int& error) {
  error = 0;
  if (group.default_domain != nullptr && group.default_domain->type == type) {
    return own_domain(group.default_domain);
  }
  return iommu_group_domain_alloc(iommu, group, type, error);
}

/// iommu_group_alloc_default_domain(): blocked stands for the system's default type, or one that
/// the driver can make.
iommu_domain* alloc_default_domain(iommu_subsystem& iommu, iommu_group& group,
                                   iommu_domain_type type, int& error) {
  if (iommu_domain* const given = dev_iommu_ops(*group.devices.front().dev).default_domain;
      given != nullptr) {
    error = type == given->type ? 0 : -EINVAL;
    return error == 0 ? given : nullptr;
  }
  if (type != iommu_domain_type::blocked) {
    return default_domain_of_type(iommu, group, type, error);
  }
  const iommu_domain_type preferred = iommu.defaults.def_domain_type;
  iommu_domain* domain = default_domain_of_type(iommu, group, preferred, error);
  if (domain != nullptr) return domain;
  if (preferred == iommu_domain_type::dma) {
    error = -EINVAL;
    return nullptr;
  }
  domain = default_domain_of_type(iommu, group, iommu_domain_type::dma, error);
  if (domain == nullptr) return nullptr;
  iommu_log(iommu.env())
      .warn(
          "Failed to allocate default IOMMU domain of type %u for group %s - Falling back to "
          "IOMMU_DOMAIN_DMA",
          static_cast<uint32_t>(preferred), "(null)");
  return domain;
}

}  // namespace

std::string_view core_release::policy_origin(bool by_command_line) const {
  return by_command_line ? " (set via kernel command line)" : "";
}

void add_iommu_early_params(command_line& line, iommu_defaults& defaults) {
  // Linux v6.12 drivers/iommu/iommu.c: iommu_set_def_domain_type()
  line.early_param("iommu.passthrough", [&defaults](std::optional<std::string_view> value) {
    const std::optional<bool> passthrough = strtobool(value);
    if (!passthrough) return -EINVAL;
    defaults.cmd_line_dma_api = true;
    defaults.def_domain_type = *passthrough ? iommu_domain_type::identity : iommu_domain_type::dma;
    return 0;
  });
  // Linux v6.12 drivers/iommu/iommu.c: iommu_dma_setup()
  line.early_param("iommu.strict", [&defaults](std::optional<std::string_view> value) {
    const std::optional<bool> strict = strtobool(value);
    if (!strict) return -EINVAL;
    defaults.dma_strict = *strict;
    defaults.cmd_line_strict = true;
    return 0;
  });
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_set_dma_strict()
void iommu_set_dma_strict(iommu_subsystem& iommu) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_set_dma_strict");
  iommu.defaults.dma_strict = true;
  if (iommu.defaults.def_domain_type == iommu_domain_type::dma_fq) {
    iommu.defaults.def_domain_type = iommu_domain_type::dma;
  }
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_set_default_passthrough()
void iommu_set_default_passthrough(iommu_subsystem& iommu, bool cmd_line) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_set_default_passthrough", {"cmd_line", cmd_line});
  if (cmd_line) iommu.defaults.cmd_line_dma_api = true;
  iommu.defaults.def_domain_type = iommu_domain_type::identity;
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_set_default_translated()
void iommu_set_default_translated(iommu_subsystem& iommu, bool cmd_line) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_set_default_translated", {"cmd_line", cmd_line});
  if (cmd_line) iommu.defaults.cmd_line_dma_api = true;
  iommu.defaults.def_domain_type = iommu_domain_type::dma;
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_default_passthrough()
bool iommu_default_passthrough(const iommu_subsystem& iommu) {
  IOMMULAB_CALL(iommu.env().trace, "iommu_default_passthrough");
  return this_call.result(iommu.defaults.def_domain_type == iommu_domain_type::identity);
}

// Linux v6.12 drivers/iommu/iommu.c: iommu_setup_default_domain()
int iommu_setup_default_domain(iommu_subsystem& iommu, iommu_group& group,
                               iommu_domain_type target_type) {
  environment& env = iommu.env();
  IOMMULAB_CALL(env.trace, "iommu_setup_default_domain", {"group", group},
                {"target_type", iommulab::name(target_type)});
  const std::optional<iommu_domain_type> type = default_domain_type(group, target_type);
  if (!type) return this_call.result(-EINVAL);
  int ret = 0;
  iommu_domain* domain = alloc_default_domain(iommu, group, *type, ret);
  if (domain == nullptr) return this_call.result(ret);
  if (group.default_domain == domain) return this_call.result(0);
  iommu_domain* old = own_domain(group.default_domain);

  // Before the device is attached, so that what the firmware set up goes on undisturbed.
  bool direct_failed = false;
  for (const iommu_group::member& member : group.devices) {
    if (iommu_create_device_direct_mappings(iommu, *domain, *member.dev) == 0) continue;
    direct_failed = true;
    if (std::exchange(iommu.warned_of_direct_mapping, true)) continue;
    const auto& unit = member.dev->iommu->iommu_dev->dev;
    const std::string path = unit == nullptr ? "" : unit->sysfs_path();
    env.log.print(log_level::warning,
                  absl::StrFormat("iommu %s: IOMMU driver was not able to establish FW requested "
                                  "direct mapping.",
                                  path.substr(path.rfind('/') + 1)));
  }

  group.default_domain = domain;
  const bool is_first = group.domain == nullptr;
  ret = iommu_group_set_domain_internal(
      group, domain, is_first ? set_domain_flags::must_succeed : set_domain_flags::none);
  const auto restore_default_domain = [&] {
    if (old == nullptr) return;
    iommu_domain_free(*domain);
    group.default_domain = old;
  };
  if (is_first) {
    if (ret != 0) env.log.warn_on("iommu_setup_default_domain");
  } else if (ret != 0) {
    restore_default_domain();
    return this_call.result(ret);
  }
  // A driver that maps only into attached domains gets another try.
  if (direct_failed && ret == 0) {
    for (const iommu_group::member& member : group.devices) {
      ret = iommu_create_device_direct_mappings(iommu, *domain, *member.dev);
      if (ret == 0) continue;
      if (old != nullptr) {
        iommu_group_set_domain_internal(group, old, set_domain_flags::must_succeed);
      }
      restore_default_domain();
      return this_call.result(ret);
    }
  }
  if (old != nullptr) iommu_domain_free(*old);
  return this_call.result(ret);
}

}  // namespace iommulab::v6_12
