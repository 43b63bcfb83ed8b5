// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/device_places.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/str_format.h"
#include "cli/fault/reasons/fault_reasons.h"

namespace iommulab {
namespace {

constexpr uint16_t intel = 0x8086;
constexpr unsigned sub_class_shift = 8;

enum class era : uint8_t { any, up_to_9_series, from_100_series };

struct place_row {
  uint8_t device;
  uint8_t function;
  era when;
  uint32_t class_code;  ///< base class and sub-class; 0 where nothing follows from it
  std::string_view words;
};

constexpr std::array<place_row, 12> place_rows = {{
    {0x02, 0, era::any, 0x0300, "on Intel's desktop and mobile systems the integrated graphics"},
    {0x0e, 0, era::any, 0,
     "on Intel's desktop and mobile systems since the 11th generation (2020) VMD, where firmware "
     "has it enabled: requests of the drives behind it bear its id"},
    {0x14, 0, era::any, 0x0c03,
     "on most Intel systems since the 7 series (2012) the USB (xHCI) controller"},
    {0x16, 0, era::any, 0, "on most Intel systems since the 5 series (2009) the management engine"},
    {0x17, 0, era::from_100_series, 0,
     "on most Intel systems since the 100 series (2015) the SATA controller"},
    {0x1f, 3, era::from_100_series, 0,
     "on Intel's desktop and mobile systems since the 100 series (2015) the audio controller"},
    {0x19, 0, era::up_to_9_series, 0,
     "on Intel systems up to the 9 series (2014) the Ethernet controller"},
    {0x1a, 0, era::up_to_9_series, 0x0c03,
     "on Intel systems up to the 9 series (2014) a USB (EHCI) controller"},
    {0x1b, 0, era::up_to_9_series, 0,
     "on Intel systems up to the 9 series (2014) the audio controller"},
    {0x1d, 0, era::up_to_9_series, 0x0c03,
     "on Intel systems up to the 9 series (2014) a USB (EHCI) controller"},
    {0x1e, 0, era::up_to_9_series, 0,
     "on Intel systems up to the 9 series (2014) the PCI bridge: a device behind it, "
     "whose requests bear its id"},
    {0x1f, 2, era::up_to_9_series, 0,
     "on Intel systems up to the 9 series (2014) the SATA controller"},
}};

bool holds(era when, chipset which) {
  switch (when) {
    case era::any:
      return true;
    case era::up_to_9_series:
      return which == chipset::up_to_9_series || which == chipset::unknown;
    case era::from_100_series:
      return which != chipset::up_to_9_series && which != chipset::unknown;
  }
  return false;
}

/// The upper half of the LPC bridge's id tells the generation: ICH to the 9 series.
bool is_old_bridge(uint16_t device) {
  constexpr std::array<uint8_t, 13> old = {0x24, 0x26, 0x27, 0x28, 0x29, 0x3a, 0x3b,
                                           0x1c, 0x1d, 0x1e, 0x8c, 0x8d, 0x9c};
  return std::find(old.begin(), old.end(), static_cast<uint8_t>(device >> 8)) != old.end();
}

bool is_at(source_id id, unsigned device, unsigned function) {
  return id.segment == 0 && id.bus == 0 && id.devfn == pci_devfn(device, function);
}

bool is_sub_class(const system_facts::function& f, uint32_t base_and_sub) {
  return f.class_code >> sub_class_shift == base_and_sub;
}

bool is_vmd(const system_facts::function& f) {
  constexpr std::array<uint16_t, 11> ids = {0x201d, 0x28c0, 0x467f, 0x4c3d, 0x7d0b, 0x9a0b,
                                            0xa77f, 0xad0b, 0xb06f, 0xb60b, 0x09ab};
  return f.vendor == intel && std::find(ids.begin(), ids.end(), f.device) != ids.end();
}

/// Nothing is mapped, or nobody set the device up: what firmware left running can be the cause.
bool may_be_firmware(const fault_line& fault) {
  return fault.kind == fault_kind::dma && fault.reason &&
         (means_no_mapping(*fault.reason) || means_not_set_up(*fault.reason));
}

/// What a chipset's function of this class does before its driver runs, when that can be the cause.
std::string boot_habit(const fault_line& fault, uint32_t class_code) {
  constexpr uint32_t display = 0x03;
  constexpr uint32_t usb = 0x0c03;
  constexpr unsigned graphics_device = 2;
  if (!may_be_firmware(fault) || fault.device->segment != 0 || fault.device->bus != 0) return "";
  if (class_code >> 8 == display && is_at(*fault.device, graphics_device, 0) && !fault.write) {
    return "integrated graphics: while the system boots it still scans out the firmware's frame "
           "buffer, which should be in an RMRR; harmless when it ends with the first lines of its "
           "driver. intel_iommu=igfx_off leaves it untranslated";
  }
  if (class_code == usb) {
    return "the chipset's USB: firmware that emulates a PS/2 keyboard uses the controller until "
           "the kernel takes it over, and needs an RMRR for that";
  }
  return "";
}

bool is_not_set_up(const fault_line& fault) {
  return fault.reason && (*fault.reason == 0x02 || *fault.reason == 0x41);
}

}  // namespace

chipset chipset_of(const fault_line& fault, const system_facts& facts) {
  constexpr uint8_t bridge_devfn = pci_devfn(0x1f, 0);
  const auto bridge = facts.functions.find({0, 0, bridge_devfn});
  if (bridge != facts.functions.end() && bridge->second.vendor == intel) {
    return is_old_bridge(bridge->second.device) ? chipset::up_to_9_series
                                                : chipset::from_100_series;
  }
  constexpr system_facts::linux_version recent{5, 0};
  const bool recent_wording = fault.no_pasid || fault.pasid.has_value();
  const bool recent_kernel = facts.kernel && *facts.kernel >= recent;
  return recent_wording || recent_kernel ? chipset::unknown_recent : chipset::unknown;
}

std::vector<std::string> place_hints(const fault_line& fault, chipset which) {
  if (!fault.device || fault.segment.value_or(0) != 0 || fault.device->segment != 0) return {};
  const source_id id = *fault.device;
  constexpr uint8_t io_apic_bus = 0xf0;
  if (id.bus == io_apic_bus && id.devfn == pci_devfn(0x1f, 0) &&
      fault.kind == fault_kind::interrupt) {
    return {"by its place: on many Intel chipsets the id of the I/O APIC"};
  }
  if (id.bus != 0) return {};
  for (const place_row& row : place_rows) {
    if (row.device != id.device() || row.function != id.function() || !holds(row.when, which)) {
      continue;
    }
    std::vector<std::string> hints = {absl::StrFormat("by its place: %s", row.words)};
    const std::string habit = boot_habit(fault, row.class_code);
    if (!habit.empty()) hints.push_back("if it is that: " + habit);
    return hints;
  }
  return {};
}

std::vector<std::string> known_habits(const fault_line& fault,
                                      const system_facts::function& known) {
  std::vector<std::string> hints;
  if (is_vmd(known)) {
    hints.emplace_back(
        "Intel VMD: requests of the drives and ports behind it (segments from 10000 on) bear its "
        "id, so the fault may be any of theirs");
  }
  if (known.vendor != intel) return hints;
  const std::string habit = boot_habit(fault, known.class_code >> sub_class_shift);
  if (!habit.empty()) hints.push_back(habit);
  return hints;
}

std::string phantom_words(const fault_line& fault, source_id sibling,
                          const system_facts::function& known) {
  constexpr uint16_t marvell = 0x1b4b;
  constexpr uint16_t jmicron = 0x197b;
  constexpr uint16_t ricoh = 0x1180;
  constexpr uint32_t sata = 0x0106;
  constexpr std::array<uint32_t, 2> card_readers = {0x0805, 0x0880};
  if (!is_not_set_up(fault) || !fault.device) return "";
  const unsigned faulting = fault.device->function();
  const bool reader = std::any_of(card_readers.begin(), card_readers.end(),
                                  [&](uint32_t c) { return is_sub_class(known, c); });
  if (known.vendor == marvell && is_sub_class(known, sata) && faulting == 1 &&
      sibling.function() == 0) {
    return "Marvell's SATA controllers (88SE91xx, 88SE92xx) send their requests as function 1";
  }
  if (known.vendor == jmicron && reader && faulting == 1 && sibling.function() == 0) {
    return "JMicron's card readers (JMB388) send their requests as function 1";
  }
  if (known.vendor == ricoh && reader && faulting == 0) {
    return "some of Ricoh's devices send the requests of all functions as function 0";
  }
  return "";
}

}  // namespace iommulab
