// SPDX-License-Identifier: GPL-2.0-only
//
// What the addresses of a group say: first what the facts put there (BARs, RMRRs, windows, the
// memory map), then what the number is by itself. Advice about mappings goes only with reasons for
// which paging entries were read.
#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/fault/fault_report.h"
#include "cli/fault/x86_address.h"
#include "platform/vtd/spec/cap_register.h"
#include "platform/vtd/spec/fault_condition.h"

namespace iommulab {
namespace {

constexpr uint64_t interrupt_first = 0xfee00000;
constexpr uint64_t interrupt_last = 0xfeefffff;
constexpr uint64_t small_number_end = 0x10000;
constexpr uint64_t legacy_end = 0x100000;
constexpr uint64_t four_gib = uint64_t{1} << 32;
constexpr uint64_t low_half = four_gib - 1;
/// The DMA API gives out addresses from the top of the first 4 GiB downwards; this much of it.
constexpr uint64_t usual_dma_first = 0xf0000000;
constexpr uint64_t sign_extended_first = 0xffffffff00000000;
/// Where user addresses are so high that memory and DMA addresses are rarely there.
constexpr uint64_t high_user_first = uint64_t{1} << 40;

/// The fault that an address belongs to, and what is known besides.
class address_reader {
 public:
  address_reader(const fault_line& fault, const system_facts& facts)
      : fault_(fault), facts_(facts) {}

  std::vector<std::string> hints(uint64_t address);

 private:
  using strings = std::vector<std::string>;

  /// Whether paging entries were read and gave nothing for the address.
  [[nodiscard]] bool no_mapping() const {
    return fault_.reason && means_no_mapping(*fault_.reason);
  }
  [[nodiscard]] bool not_set_up() const {
    return fault_.reason && means_not_set_up(*fault_.reason);
  }
  /// The address is a process's: what lies at the same physical address is a coincidence.
  [[nodiscard]] bool is_virtual() const { return fault_.pasid.value_or(0) != 0; }

  bool page_zero(uint64_t address, strings& hints) const;
  bool fixed_hardware(uint64_t address, strings& hints) const;
  bool known_place(uint64_t address, strings& hints) const;
  bool inside_bar(uint64_t address, strings& hints) const;
  bool inside_window(uint64_t address, strings& hints) const;
  bool inside_region(uint64_t address, strings& hints) const;
  bool inside_memory(uint64_t address, strings& hints) const;
  void cut_to_32_bits(uint64_t address, strings& hints) const;
  void width(uint64_t address, strings& hints) const;
  void dma_api(uint64_t address, strings& hints) const;
  void by_value(uint64_t address, strings& hints) const;
  void user_half(uint64_t address, strings& hints) const;
  static void kernel_half(uint64_t address, strings& hints);

  const fault_line& fault_;
  const system_facts& facts_;
};

bool address_reader::page_zero(uint64_t address, strings& hints) const {
  if (address >= page_size) return false;
  hints.emplace_back(
      "page 0: the device was given no address: a null pointer, a descriptor that was never filled "
      "in, or a feature that was enabled without a buffer");
  if (fault_.write) {
    hints.emplace_back(
        "or an interrupt (MSI) whose address register is 0: the driver freed the interrupt, or a "
        "reset cleared it, while the device still raises it");
  }
  return true;
}

/// Addresses that every x86 machine has for hardware.
bool address_reader::fixed_hardware(uint64_t address, strings& hints) const {
  if (address >= interrupt_first && address <= interrupt_last) {
    hints.emplace_back(
        "the interrupt range FEEx_xxxxh: a write of 4 bytes there is an interrupt, anything else "
        "is no valid request");
    return true;
  }
  constexpr uint64_t io_apic_first = 0xfec00000;
  constexpr uint64_t io_apic_last = 0xfecfffff;
  constexpr uint64_t hpet_first = 0xfed00000;
  if (address >= io_apic_first && address <= io_apic_last) {
    hints.emplace_back("where x86 machines have their I/O APICs' registers");
    return true;
  }
  if (address >= hpet_first && address < hpet_first + page_size) {
    hints.emplace_back("where x86 machines have their HPET's registers");
    return true;
  }
  return false;
}

std::string owner_words(source_id owner, const system_facts& facts) {
  const auto known = facts.functions.find(owner);
  if (known == facts.functions.end()) return to_short_string(owner);
  return absl::StrFormat("%s [%04x:%04x]", to_short_string(owner), known->second.vendor,
                         known->second.device);
}

bool address_reader::inside_bar(uint64_t address, strings& hints) const {
  for (const auto& [owner, bars] : facts_.bars) {
    for (const system_facts::bar& bar : bars) {
      if (bar.name == "window" || address < bar.first || address > bar.last) continue;
      const bool own = fault_.device == owner;
      std::string text = absl::StrFormat("inside %s of %s (0x%x-0x%x, by %s): ", bar.name,
                                         own ? "the device itself" : owner_words(owner, facts_),
                                         bar.first, bar.last, facts_.source);
      text += own ? "the device was given its own register or memory address as it is on the bus"
                  : "peer-to-peer, the device was given another device's register or memory "
                    "address as it is on the bus";
      if (!own && (no_mapping() || not_set_up())) {
        text +=
            "; with translation it must be mapped (dma_map_resource(), p2pdma) or the devices put "
            "into pass-through";
      }
      hints.push_back(std::move(text));
      return true;
    }
  }
  return false;
}

bool address_reader::inside_window(uint64_t address, strings& hints) const {
  for (const auto& [owner, bars] : facts_.bars) {
    for (const system_facts::bar& bar : bars) {
      if (bar.name != "window" || address < bar.first || address > bar.last) continue;
      hints.push_back(absl::StrFormat(
          "inside the window of bridge %s (0x%x-0x%x, by %s): a device behind it may have a BAR "
          "there, which would be peer-to-peer; it is no memory, and no address of the DMA API",
          owner_words(owner, facts_), bar.first, bar.last, facts_.source));
      return true;
    }
  }
  return false;
}

bool address_reader::inside_region(uint64_t address, strings& hints) const {
  for (const system_facts::range& region : facts_.reserved_regions) {
    if (address < region.first || address > region.last) continue;
    std::string text =
        absl::StrFormat("in the reserved region (RMRR) 0x%x-0x%x", region.first, region.last);
    if (!region.words.empty()) text += " of " + region.words;
    if (!region.complaint.empty()) text += ", " + region.complaint;
    if (no_mapping() || not_set_up()) {
      text +=
          ": firmware says that a device uses it; this device should be among those it is for, and "
          "its mapping should still be there";
    }
    hints.push_back(std::move(text));
    return true;
  }
  return false;
}

bool address_reader::inside_memory(uint64_t address, strings& hints) const {
  for (const system_facts::range& range : facts_.memory) {
    if (address < range.first || address > range.last) continue;
    const bool usable = range.words.find("usable") != std::string::npos &&
                        range.words.find("unusable") == std::string::npos;
    const bool advice = no_mapping() || not_set_up();
    if (usable) {
      hints.push_back(absl::StrFormat(
          "the address of RAM as it is (0x%x-0x%x), by %s%s", range.first, range.last,
          facts_.source,
          advice ? ": either the driver skipped the DMA API, or firmware set the device up, or it "
                   "is a DMA address by chance"
                 : ""));
    } else {
      hints.push_back(absl::StrFormat(
          "memory that firmware calls '%s' (0x%x-0x%x), by %s%s", range.words, range.first,
          range.last, facts_.source,
          advice ? ": firmware set the device up with it, and no RMRR that is known maps it" : ""));
    }
    return true;
  }
  return false;
}

bool address_reader::known_place(uint64_t address, strings& hints) const {
  if (is_virtual()) return false;
  if (inside_bar(address, hints) || inside_region(address, hints)) return true;
  if (address < legacy_end) return false;
  return inside_memory(address, hints) || inside_window(address, hints);
}

/// A 64-bit BAR's address of which the upper half was lost.
void address_reader::cut_to_32_bits(uint64_t address, strings& hints) const {
  if (address >= four_gib || is_virtual()) return;
  for (const auto& [owner, bars] : facts_.bars) {
    for (const system_facts::bar& bar : bars) {
      const bool one_window = bar.first / four_gib == bar.last / four_gib;
      if (bar.first < four_gib || !one_window || bar.name == "window") continue;
      if (address < (bar.first & low_half) || address > (bar.last & low_half)) continue;
      hints.push_back(absl::StrFormat(
          "the lower 32 bits of an address in %s of %s (0x%x-0x%x, by %s): the upper half may have "
          "been lost",
          bar.name, owner_words(owner, facts_), bar.first, bar.last, facts_.source));
      return;
    }
  }
}

/// Only by the units' own registers; most units have 39 or 48 bits, and that is no evidence.
void address_reader::width(uint64_t address, strings& hints) const {
  if (facts_.units.empty() || is_virtual()) return;
  const auto bits_of = [](const system_facts::unit& unit) {
    return vtd::cap_register(unit.cap).max_guest_address_width();
  };
  unsigned narrowest = 64;
  unsigned widest = 0;
  for (const system_facts::unit& unit : facts_.units) {
    narrowest = std::min(narrowest, bits_of(unit));
    widest = std::max(widest, bits_of(unit));
  }
  const auto is_beyond = [address](unsigned bits) { return bits < 64 && address >> bits != 0; };
  if (is_beyond(widest)) {
    hints.push_back(
        absl::StrFormat("beyond %d bits, which is all that the units translate (MGAW "
                        "in their cap registers, by %s)",
                        widest, facts_.source));
  } else if (is_beyond(narrowest)) {
    hints.push_back(absl::StrFormat(
        "beyond %d bits, which is all that some of the units translate (MGAW in their cap "
        "registers, by %s); others translate %d: it depends on which one the device is behind",
        narrowest, facts_.source, widest));
  }
}

void address_reader::dma_api(uint64_t address, strings& hints) const {
  if (address < usual_dma_first || address >= four_gib || is_virtual()) return;
  std::string text = "where Linux by default gives out DMA addresses, from 4 GiB downwards";
  if (no_mapping()) {
    text +=
        ": this was, or lies beside, a mapping of the DMA API. Think of use after unmap, an "
        "overrun, or the wrong direction";
  } else if (!fault_.reason || says_something_of_mappings(*fault_.reason)) {
    text += ": by its value an address of the DMA API";
  } else {
    text +=
        ": if it is one, the driver did map it, through another requester id or before the entry "
        "was cleared; the mapping itself was not looked at";
  }
  hints.push_back(std::move(text));
}

void address_reader::user_half(uint64_t address, strings& hints) const {
  constexpr uint64_t program_first = 0x550000000000;
  constexpr uint64_t program_last = 0x56ffffffffff;
  constexpr uint64_t mmap_first = 0x7e0000000000;
  std::string text = "in the user half of x86-64's addresses (below 2^47)";
  if (address >= program_first && address <= program_last) {
    text += ", where programs and their heaps lie";
  } else if (address >= mmap_first) {
    text += ", where mmap()ed memory, libraries and stacks lie";
  } else if (!is_virtual() && address < high_user_first) {
    return;
  }
  text += is_virtual()
              ? ": with a PASID that is what it should be, an address of the process"
              : ": a process's pointer, unless memory, a BAR or DMA addresses of this machine "
                "reach so high";
  hints.push_back(std::move(text));
}

void address_reader::kernel_half(uint64_t address, strings& hints) {
  const std::string region = kernel_region(address);
  hints.push_back(absl::StrFormat(
      "a kernel virtual address, not a DMA address: the driver passed a pointer%s",
      region.empty() ? ""
                     : ". " + region +
                           " (where it begins is random with KASLR, so the region is "
                           "likely, not sure)"));
}

void address_reader::by_value(uint64_t address, strings& hints) const {
  constexpr unsigned kernel_bit_4 = 47;
  constexpr unsigned kernel_bit_5 = 56;
  switch (half_of(address)) {
    case address_half::user:
      user_half(address, hints);
      return;
    case address_half::user_of_5_levels:
      hints.emplace_back(
          "between 2^47 and 2^56: in the user half only with 5 levels of paging (57 bits); with 4 "
          "levels it is not canonical, and no pointer");
      if (address >> kernel_bit_4 == 1) {
        const uint64_t extended = address | ~((uint64_t{1} << (kernel_bit_4 + 1)) - 1);
        hints.push_back(absl::StrFormat(
            "or the kernel pointer 0x%x: a unit of 48 bits records no more of it", extended));
      }
      return;
    case address_half::not_canonical:
      hints.emplace_back(
          "not canonical, neither with 4 nor with 5 levels of paging: no pointer of x86-64, so "
          "garbage, or a pointer with a tag");
      if (address >> kernel_bit_5 == 1) {
        hints.push_back(
            absl::StrFormat("or the kernel pointer 0x%x: a unit of 57 bits records no more of it",
                            address | ~((uint64_t{1} << (kernel_bit_5 + 1)) - 1)));
      }
      return;
    case address_half::kernel_of_5_levels:
      hints.emplace_back(
          "in the kernel's half only with 5 levels of paging (57 bits); with 4 levels it is not "
          "canonical, and no pointer");
      kernel_half(address, hints);
      return;
    case address_half::kernel:
      break;
  }
  if (address < sign_extended_first) return kernel_half(address, hints);
  if (address >= ~uint64_t{0} - (page_size - 1)) {
    hints.emplace_back(
        "all ones above: the device read the address from registers or memory that were gone, or "
        "was given an error (-1 to -4095, DMA_MAPPING_ERROR) as if it were an address");
    return;
  }
  hints.push_back(
      absl::StrFormat("all ones above: the 32-bit number 0x%x, sign-extended", address & low_half));
  if (!kernel_region(address).empty()) kernel_half(address, hints);
}

std::vector<std::string> address_reader::hints(uint64_t address) {
  strings found;
  if (page_zero(address, found)) return found;
  if (fixed_hardware(address, found)) return found;
  const std::string poison = poison_words(address);
  if (!poison.empty()) {
    found.push_back(poison + ": the device read a descriptor that was freed or never filled in");
    return found;
  }
  width(address, found);
  if (known_place(address, found)) return found;
  if (address < legacy_end) {
    found.emplace_back(
        address < small_number_end
            ? "a small number: an offset from a null pointer, or a length or index taken for an "
              "address; or firmware's own memory below 1 MiB, set up before the kernel ran"
            : "below 1 MiB: firmware's own memory, set up before the kernel ran");
    return found;
  }
  cut_to_32_bits(address, found);
  dma_api(address, found);
  by_value(address, found);
  return found;
}

/// Two addresses of one group, of which one is the other without its upper half.
void hint_pairs(const std::set<uint64_t>& addresses, std::vector<std::string>& hints) {
  for (auto at = addresses.lower_bound(four_gib); at != addresses.end(); ++at) {
    const uint64_t low = *at & low_half;
    if (low < page_size || !addresses.contains(low)) continue;
    hints.push_back(absl::StrFormat(
        "0x%x is 0x%x without its upper half: the device or a descriptor cuts addresses to 32 bits",
        low, *at));
    return;
  }
}

}  // namespace

std::vector<std::string> address_hints(const fault_group& group, const system_facts& facts) {
  const fault_line& fault = group.fault;
  if (fault.kind == fault_kind::interrupt && fault.reason && !group.indices.empty() &&
      !vtd::records_interrupt_index(*fault.reason)) {
    return {"the index means nothing: the record leaves it undefined for this reason"};
  }
  constexpr size_t most_hints = 8;
  address_reader reader(group.fault, facts);
  std::vector<std::pair<std::string, size_t>> found;
  size_t others = 0;
  for (const uint64_t address : group.addresses) {
    for (std::string& hint : reader.hints(address)) {
      const auto same = std::find_if(found.begin(), found.end(),
                                     [&](const auto& known) { return known.first == hint; });
      if (same != found.end()) {
        ++same->second;
      } else if (found.size() < most_hints) {
        found.emplace_back(std::move(hint), 1);
      } else {
        ++others;
      }
    }
  }
  const size_t all = group.addresses.size();
  std::vector<std::string> hints;
  hints.reserve(found.size() + 1);
  for (auto& [hint, times] : found) {
    hints.push_back(times == all ? std::move(hint)
                                 : absl::StrFormat("%d of the %d addresses: %s", times, all, hint));
  }
  if (others != 0) hints.push_back(absl::StrFormat("and %d more findings of this kind", others));
  hint_pairs(group.addresses, hints);
  return hints;
}

}  // namespace iommulab
