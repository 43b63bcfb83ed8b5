// SPDX-License-Identifier: GPL-2.0-only
//
// What device and address of a fault say by themselves and by what is known of the system.
#include <algorithm>
#include <array>

#include "absl/strings/str_format.h"
#include "cli/fault/fault_report.h"
#include "cli/machines/class_names.h"

namespace iommulab {
namespace {

constexpr uint64_t all_ones_from = 0xffffffff00000000;
constexpr uint64_t interrupt_first = 0xfee00000;
constexpr uint64_t interrupt_last = 0xfeefffff;
constexpr uint64_t legacy_end = 0x100000;
constexpr uint64_t four_gib = uint64_t{1} << 32;
/// The DMA API gives out addresses from the top of the first 4 GiB downwards; this much of it.
constexpr uint64_t usual_dma_first = 0xf0000000;
constexpr uint64_t kernel_half = uint64_t{1} << 47;
constexpr unsigned narrowest_width = 39;

struct vendor_quirk {
  uint16_t vendor;
  std::string_view words;
};

constexpr std::array<vendor_quirk, 3> phantom_vendors = {{
    {0x1b4b, "Marvell's SATA controllers (88SE91xx, 88SE92xx) send their requests as function 1"},
    {0x197b, "JMicron's card readers (JMB388) send their requests as function 1"},
    {0x1180, "some of Ricoh's devices send the requests of all functions as function 0"},
}};

std::string function_words(const system_facts::function& f) {
  return absl::StrFormat("%s [%04x:%04x]", pci_class_name(f.class_code), f.vendor, f.device);
}

/// Where Intel's chipsets keep their own functions.
std::string_view usual_place(source_id id) {
  struct place {
    uint8_t device;
    uint8_t function;
    std::string_view words;
  };
  constexpr std::array<place, 9> places = {{
      {0x02, 0, "on Intel systems the integrated graphics"},
      {0x14, 0, "on Intel systems the USB (xHCI) controller"},
      {0x16, 0, "on Intel systems the management engine"},
      {0x17, 0, "on Intel systems the SATA controller"},
      {0x1a, 0, "on Intel systems a USB (EHCI) controller"},
      {0x1b, 0, "on Intel systems the audio controller"},
      {0x1d, 0, "on Intel systems a USB (EHCI) controller"},
      {0x1e, 0, "on Intel systems the PCI bridge: a device behind it, whose requests bear its id"},
      {0x1f, 2, "on Intel systems the SATA controller"},
  }};
  if (id.bus == 0xf0 && id.device() == 0x1f) return "on Intel systems an I/O APIC";
  if (id.bus != 0) return "";
  for (const place& p : places) {
    if (p.device == id.device() && p.function == id.function()) return p.words;
  }
  return "";
}

/// What devices of some classes do before their drivers run.
void hint_class(uint32_t class_code, std::vector<std::string>& hints) {
  constexpr unsigned base_class = 16;
  constexpr uint32_t display = 0x03;
  constexpr uint32_t usb = 0x0c03;
  if (class_code >> base_class == display) {
    hints.emplace_back(
        "graphics: while the system boots it still scans out the firmware's frame "
        "buffer, which should be in an RMRR; harmless when it ends with the first "
        "lines of its driver. intel_iommu=igfx_off leaves it untranslated");
  } else if (class_code >> 8 == usb) {
    hints.emplace_back(
        "USB: firmware that emulates a PS/2 keyboard uses the controller until the "
        "kernel takes it over, and needs an RMRR for that");
  }
}

void hint_absent(source_id id, const system_facts& facts, std::vector<std::string>& hints) {
  hints.push_back(absl::StrFormat("%s has no function %s", facts.source, to_short_string(id)));
  if (const auto owners = facts.aliases.find(id); owners != facts.aliases.end()) {
    std::string names;
    for (const source_id owner : owners->second) {
      names += (names.empty() ? "" : ", ") + to_short_string(owner);
    }
    hints.push_back("it is the id that the requests of " + names + " bear");
    return;
  }
  for (unsigned function = 0; function < 8; ++function) {
    source_id sibling = id;
    sibling.devfn = pci_devfn(id.device(), function);
    const auto found = facts.functions.find(sibling);
    if (found == facts.functions.end()) continue;
    hints.push_back(
        absl::StrFormat("a function that does not exist, of the device whose function "
                        "%d is %s: it uses a wrong requester id",
                        function, function_words(found->second)));
    for (const vendor_quirk& quirk : phantom_vendors) {
      if (quirk.vendor == found->second.vendor) hints.emplace_back(quirk.words);
    }
    return;
  }
  if (id.devfn == 0) {
    hints.push_back("it may be the id that a PCIe-to-PCI bridge gives the requests of bus " +
                    to_short_string(id).substr(0, 2));
  }
}

void hint_one_address(uint64_t address, const system_facts& facts,
                      std::vector<std::string>& hints) {
  const auto within = [address](const system_facts::range& r) {
    return address >= r.first && address <= r.last;
  };
  if (address < page_size) {
    hints.emplace_back(
        "page 0: the device was given no address: a null pointer, a descriptor "
        "that was never filled in, or a feature that was enabled without a buffer");
  }
  if (address >= all_ones_from) {
    hints.emplace_back(
        "all ones above: the device read the address from registers or memory that "
        "were gone, or sign-extended a 32-bit one");
  } else if (address >= kernel_half) {
    hints.emplace_back(
        "a kernel or user virtual address, not a DMA address: the driver passed a "
        "pointer, or software maps virtual addresses as I/O addresses");
  } else if (address >> narrowest_width != 0) {
    hints.emplace_back("beyond 39 bits, which is all that many units translate");
  }
  if (address >= interrupt_first && address <= interrupt_last) {
    hints.emplace_back("the interrupt range: a write of 4 bytes there is an interrupt");
  }
  for (const system_facts::range& region : facts.reserved_regions) {
    if (!within(region)) continue;
    hints.push_back(absl::StrFormat(
        "in the reserved region (RMRR) 0x%x-0x%x%s%s: firmware says that a device uses it; this "
        "device should be among those it is for, and its mapping should still be there",
        region.first, region.last, region.words.empty() ? "" : " of ", region.words));
    return;
  }
  if (address >= page_size && address < legacy_end) {
    hints.emplace_back("below 1 MiB: firmware's own memory, set up before the kernel ran");
    return;
  }
  for (const system_facts::range& range : facts.memory) {
    if (!within(range)) continue;
    if (range.words.find("usable") != std::string::npos) {
      hints.emplace_back(
          "the address of RAM as it is: either the driver skipped the DMA API, or "
          "firmware set the device up, or it is a DMA address by chance");
    } else {
      hints.push_back(absl::StrFormat(
          "memory that firmware calls '%s' (0x%x-0x%x): firmware set the device up with it, and no "
          "RMRR maps it",
          range.words, range.first, range.last));
    }
    return;
  }
  if (address >= usual_dma_first && address < four_gib &&
      (address < interrupt_first || address > interrupt_last)) {
    hints.emplace_back(
        "where Linux gives out DMA addresses (from 4 GiB downwards): this was, or "
        "lies beside, a mapping of the DMA API. Think of use after unmap, an "
        "overrun, or the wrong direction");
  }
}

}  // namespace

std::vector<std::string> device_hints(const fault_group& group, const system_facts& facts) {
  std::vector<std::string> hints;
  if (!group.fault.device) return hints;
  const source_id id = *group.fault.device;
  if (const auto known = facts.functions.find(id); known != facts.functions.end()) {
    hints.push_back(absl::StrFormat("%s, by %s", function_words(known->second), facts.source));
    hint_class(known->second.class_code, hints);
    return hints;
  }
  if (!facts.functions.empty()) {
    hint_absent(id, facts, hints);
    return hints;
  }
  const std::string_view words = usual_place(id);
  if (!words.empty()) hints.emplace_back(words);
  if (words.find("graphics") != std::string_view::npos) hint_class(0x030000, hints);
  if (words.find("USB") != std::string_view::npos) hint_class(0x0c0300, hints);
  return hints;
}

std::vector<std::string> address_hints(const fault_group& group, const system_facts& facts) {
  std::vector<std::string> hints;
  for (const uint64_t address : group.addresses) {
    std::vector<std::string> found;
    hint_one_address(address, facts, found);
    for (std::string& hint : found) {
      if (std::find(hints.begin(), hints.end(), hint) == hints.end()) hints.push_back(hint);
    }
  }
  constexpr size_t many = 4;
  if (group.addresses.size() >= many &&
      address_pattern(group.addresses).find("one behind") != std::string::npos) {
    hints.emplace_back(
        "page after page: one long transfer, or a scan through a buffer (a frame "
        "buffer, a ring) that is not mapped as a whole");
  }
  return hints;
}

}  // namespace iommulab
