// SPDX-License-Identifier: GPL-2.0-only
#include "cli/translate/translate_report.h"

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/machines/class_names.h"
#include "core/pci/search.h"
#include "core/text_source.h"
#include "lab/events/boot_run.h"
#include "lab/replay/capture_run.h"
#include "platform/machine/parse.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab {
namespace {

constexpr size_t short_device_length = 7;  // 00:1f.2

/// The id that a unit sees in the function's requests: behind a bridge that makes its own of
/// them, the bridge's.
source_id requester_of(pci_dev& pdev) {
  uint16_t seen = pci_source_id(pdev).requester_id();
  pci_for_each_dma_alias(pdev, [&](pci_dev&, uint16_t alias) {
    seen = alias;
    return 0;
  });
  return source_id::from_requester_id(pdev.bus->segment, seen);
}

/// The unit whose scope the firmware put the function into; null when there is none.
vtd_unit* unit_of(kernel& system, pci_dev& pdev, phys_addr& base) {
  const std::optional<phys_addr> registers = system.generation().unit_of(pdev);
  if (!registers) return nullptr;
  base = *registers;
  for (size_t i = 0; i < system.units().size(); ++i) {
    if (system.machine().units[i].base == base) return system.units()[i].get();
  }
  return nullptr;
}

void walk_memory(kernel& system, const vtd_unit& unit, const translate_request& request,
                 translate_report& report) {
  const auto root = verify::latched_root_table(unit);
  report.translating = vtd::gsts::tes.test(static_cast<uint32_t>(unit.peek(vtd_register::gsts)));
  report.root_table = root ? root->value() : 0;
  report.walk = walk_address({unit.config(), report.translating, report.root_table},
                             verify::memory_tables(system.memory()),
                             report.requester.requester_id(), request.address, request.access);
}

absl::Status walk_dump(const vtd_unit& unit, const translate_request& request,
                       translate_report& report) {
  const auto dump = verify::dumped_tables::read(request.tables);
  if (!dump.ok()) return dump.status();
  report.tables = request.tables;
  report.translating = dump->root().has_value();
  report.root_table = dump->root().value_or(0) & page_mask;
  report.walk = walk_address({unit.config(), report.translating, report.root_table}, *dump,
                             report.requester.requester_id(), request.address, request.access);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<source_id> parse_device(const std::string& text) {
  const auto id = parse_pci_address(text.size() == short_device_length ? "0000:" + text : text);
  if (id) return *id;
  return errno_status(
      EINVAL, absl::StrFormat("BDF is %s: bus, device and function are like 00:1f.2, with or "
                              "without a segment in front (0000:00:1f.2)",
                              iommulab::quoted(text)));
}

absl::StatusOr<uint64_t> parse_dma_address(const std::string& text) {
  const bool marked = text.starts_with("0x") || text.starts_with("0X");
  if (const auto address = parse_hex(std::string_view(text).substr(marked ? 2 : 0))) {
    return *address;
  }
  return errno_status(EINVAL, absl::StrFormat("ADDRESS is %s: not a hexadecimal number below 2^64 "
                                              "(with or without 0x)",
                                              iommulab::quoted(text)));
}

absl::StatusOr<translate_report> walk_of(translate_request request) {
  boot_request boot;
  boot.kernel = request.kernel;
  boot.command_line = request.machine.command_line;
  boot.machine = std::move(request.machine);
  const auto run = run_boot(std::move(boot));
  if (!run.ok()) return run.status();
  auto report = walk_in(*(*run)->system, request);
  if (report.ok()) report->panic = (*run)->outcome.panic;
  return report;
}

absl::StatusOr<translate_report> walk_in(kernel& system, const translate_request& request) {
  translate_report report;
  report.kernel = &system.profile();
  report.machine = system.machine().name;
  report.assumed = system.machine().assumed;
  report.tables = "as start-up leaves them";
  report.device = request.device;
  pci_dev* pdev = system.pci().find(request.device);
  if (pdev == nullptr) {
    return errno_status(ENODEV, absl::StrFormat("machine '%s' has no function %s", report.machine,
                                                to_string(request.device)));
  }
  report.device_words = absl::StrFormat("%s [%04x:%04x]", pci_class_name(pdev->class_code),
                                        pdev->vendor, pdev->device_id);
  report.requester = requester_of(*pdev);

  const vtd_unit* unit = unit_of(system, *pdev, report.unit_base);
  report.has_unit = unit != nullptr;
  if (unit == nullptr) {
    const vtd_config none;
    report.walk = walk_address({none, false, 0}, verify::memory_tables(system.memory()),
                               report.requester.requester_id(), request.address, request.access);
    return report;
  }
  report.unit = unit->config().name;
  if (request.tables.empty()) {
    walk_memory(system, *unit, request, report);
  } else if (const absl::Status status = walk_dump(*unit, request, report); !status.ok()) {
    return status;
  }
  return report;
}

}  // namespace iommulab
