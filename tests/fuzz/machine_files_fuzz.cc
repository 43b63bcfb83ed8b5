// SPDX-License-Identifier: GPL-2.0-only
//
// Any bytes as one of the files that a machine's folder may have besides lspci's listing. The first
// byte says which. What is taken keeps what its reader promises; what is not is one sentence that
// names the file.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "platform/firmware/madt_table.h"
#include "platform/firmware/mcfg_table.h"
#include "platform/listing/listed_machine.h"
#include "platform/listing/logged_table.h"
#include "platform/listing/recorded_groups.h"
#include "platform/machine/kernel_log.h"
#include "platform/machine/logged_units.h"
#include "platform/machine/memory_map.h"
#include "platform/machine/pci_listing.h"

namespace {

using namespace iommulab;  // NOLINT(google-build-using-namespace)

constexpr const char* file = "it";

void must(bool holds) {
  if (!holds) __builtin_trap();
}

template <typename Read>
bool read(const Read& result) {
  if (result.ok()) return true;
  const std::string why(result.status().message());
  must(why.starts_with(file) && why.find('\n') == std::string::npos);
  return false;
}

void must_ascend(const std::vector<memory_range>& map) {
  for (size_t i = 1; i < map.size(); ++i) must(map[i - 1].end() <= map[i].start.value());
}

void read_log(const text_source& log) {
  if (const auto map = parse_e820(log); read(map)) must_ascend(*map);
  if (const auto units = parse_logged_units(log); read(units)) {
    for (const remapping_unit_config& unit : *units) must(unit.size % page_size == 0);
  }
  if (const auto groups = parse_logged_groups(log); read(groups)) {
    for (const auto& [device, group] : *groups) must(group <= 0xffff && device.size() >= 12);
  }
  dmar_table table;
  table.structures.emplace_back().body = dmar_rmrr{};
  (void)differences_from_log(table, log);
  (void)recorded_release(log);
  (void)parse_dmi(log);
  (void)parse_dmar_address(log);
}

void read_iomem(const text_source& iomem) {
  if (const auto map = parse_iomem_map(iomem); read(map)) {
    must(!hides_addresses(iomem) && !map->empty());
    (void)memory_below_devices(*map, uint64_t{1} << 30);
  }
  if (const auto holes = parse_mmconfig(iomem); read(holes)) {
    for (const address_hole& hole : *holes) must(hole.contains(hole.start) || hole.length == 0);
  }
  (void)read(parse_host_windows(iomem, {{0, 0}}));
  (void)read(first_device_address(iomem));
}

/// Functions as /sys/bus/pci has them: one of every 64 bytes, at addresses that the bytes choose.
void read_functions(const std::vector<uint8_t>& bytes) {
  constexpr size_t header = 64;
  std::vector<listed_function> listed;
  for (size_t at = 0; at + header <= bytes.size(); at += header) {
    listed_function f;
    f.file = file;
    f.bus = bytes[at + 0x3e];
    f.devfn = bytes[at + 0x3f];
    f.ids = {0x8086, 1};
    f.class_code = static_cast<uint16_t>(bytes[at + 11] << 8 | bytes[at + 10]);
    f.bytes.assign(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                   bytes.begin() + static_cast<std::ptrdiff_t>(at + header));
    if ((bytes[at + 0x3d] & 1) != 0) f.bytes.resize(4096, bytes[at + 0x3c]);
    listed.push_back(std::move(f));
  }
  const auto machine = machine_of_functions(std::move(listed));
  if (!read(machine)) return;
  must(machine->functions.size() == machine->listed.size());
  must(pci_machine::create(machine->roots, machine->functions).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr size_t enough = 8192;
  const std::vector<uint8_t> bytes(data + 1, data + std::min(size, enough));
  const text_source text{file, std::string(bytes.begin(), bytes.end())};
  switch (data[0] % 7) {
    case 0:
      if (const auto madt = decode_madt(file, bytes); read(madt)) {
        must(madt->io_apics.size() + madt->processors <= bytes.size() / 8);
      }
      break;
    case 1:
      if (const auto windows = decode_mcfg(file, bytes); read(windows)) {
        for (const mcfg_window& w : *windows) must(w.start().value() + w.length() > w.base.value());
      }
      break;
    case 2:
      read_log(text);
      break;
    case 3:
      read_iomem(text);
      break;
    case 4:
      (void)read(parse_group_rows(text));
      break;
    case 5:
      (void)read(parse_pci_listing(text));
      break;
    default:
      read_functions(bytes);
  }
  return 0;
}
