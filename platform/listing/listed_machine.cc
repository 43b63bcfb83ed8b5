// SPDX-License-Identifier: GPL-2.0-only
#include "platform/listing/listed_machine.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/pci/registers.h"
#include "core/pci/vendor_ids.h"
#include "platform/listing/listed_config.h"
#include "platform/listing/listed_wiring.h"
#include "platform/listing/listing_check.h"
#include "platform/listing/lspci_text.h"
#include "platform/pci/config_bytes.h"

namespace iommulab {
namespace {

constexpr uint16_t widest_segment = 0xffff;
constexpr size_t most_wide_domains = 256;
constexpr uint32_t first_wide_domain = 0x10000;

// Volume management devices. Linux v6.12 drivers/pci/controller/vmd.c: vmd_ids[]
constexpr std::array<uint16_t, 10> vmd_ids = {0x201d, 0x28c0, 0x467f, 0x4c3d, 0xa77f,
                                              0x7d0b, 0xad0b, 0x9a0b, 0xb60b, 0xb06f};

bool is_vmd(const listed_function& f) {
  return f.ids.vendor == pci_vendor::intel &&
         std::find(vmd_ids.begin(), vmd_ids.end(), f.ids.device) != vmd_ids.end();
}

class machine_maker {
 public:
  explicit machine_maker(std::vector<listed_function> listed) : listed_(std::move(listed)) {}

  absl::StatusOr<listed_machine> run() {
    for (listed_function& f : listed_) {
      drop_silence(f);
      read_bytes(f);
    }
    if (absl::Status status = check_listing(listed_); !status.ok()) return status;
    wiring_.emplace(listed_);
    say_what_is_not_shown();
    if (absl::Status status = name_domains(); !status.ok()) return status;
    for (listed_function& f : listed_) place(std::move(f));
    find_volumes();
    std::sort(made_.virtual_functions.begin(), made_.virtual_functions.end(),
              [](const auto& a, const auto& b) { return a.function.id < b.function.id; });
    std::sort(made_.roots.begin(), made_.roots.end());
    return std::move(made_);
  }

 private:
  static absl::Status error(const listed_function& f, std::string_view field,
                            std::string_view value, std::string_view why) {
    return line_error(f.file, f.line, field, value, why);
  }

  /// A function that sleeps answers with ones.
  void drop_silence(listed_function& f) {
    if (f.bytes.size() < config_header_size || !f.ids_are_told) return;
    constexpr uint8_t ones = 0xff;
    if (std::any_of(f.bytes.begin(), f.bytes.end(), [](uint8_t b) { return b != ones; })) return;
    f.bytes.clear();
    made_.assumed.push_back(absl::StrCat(
        f.address(),
        " is as its line says: its bytes read all ones, as of a function that sleeps"));
  }

  /// Of `-x` without `-v` the header has a bridge's buses. A virtual function's has no ids, which
  /// whoever listed it took from its physical function.
  static void read_bytes(listed_function& f) {
    if (f.bytes.size() < config_header_size) return;
    if (config_get(f.bytes, pci_reg::vendor_id, 2) == no_vendor_id) {
      config_put(absl::MakeSpan(f.bytes), pci_reg::vendor_id, 2, f.ids.vendor);
      config_put(absl::MakeSpan(f.bytes), pci_reg::device_id, 2, f.ids.device);
    }
    if (f.bridge) return;
    const uint8_t layout = pci_reg::header_layout.get(f.bytes[pci_reg::header_type]);
    if (layout != static_cast<uint8_t>(pci_header_type::bridge)) return;
    f.bridge = listed_bridge{f.bytes[pci_reg::primary_bus], f.bytes[pci_reg::secondary_bus],
                             f.bytes[pci_reg::subordinate_bus]};
  }

  /// Without root, capabilities stay hidden. Where no function shows an extended one, it is the
  /// listing that leaves them out.
  void say_what_is_not_shown() {
    const auto hidden = std::count_if(listed_.begin(), listed_.end(), [](const auto& f) {
      return f.denied && f.bytes.size() < conventional_config_size;
    });
    if (hidden != 0) {
      made_.assumed.push_back(absl::StrFormat(
          "that %d of %d functions have no capabilities, PCI Express and ACS above all: who listed "
          "them was not root. Groups may be finer or coarser than those of the machine",
          hidden, listed_.size()));
      return;
    }
    const bool shows = std::any_of(listed_.begin(), listed_.end(), [](const listed_function& f) {
      return f.acs || f.ari || f.ats || f.pri || f.pasid || f.sriov ||
             f.bytes.size() > conventional_config_size;
    });
    if (shows) return;
    made_.assumed.emplace_back(
        "that no function has an extended capability, ACS above all: the listing shows none (lspci "
        "-vv or -xxxx, as root, does)");
  }

  /// Segments for domains that 16 bits do not hold, from the highest down.
  absl::Status name_domains() {
    std::set<uint32_t> wide;
    std::set<uint32_t> narrow;
    for (const listed_function& f : listed_) {
      (f.domain > widest_segment ? wide : narrow).insert(f.domain);
    }
    if (wide.size() > most_wide_domains) {
      return error(
          listed_.front(), "domain", absl::StrFormat("%x", *wide.rbegin()),
          absl::StrFormat("one of %d above ffff, which only volume management devices have: "
                          "more than %d are not taken",
                          wide.size(), most_wide_domains));
    }
    uint16_t segment = widest_segment;
    for (const uint32_t domain : wide) {
      while (segment != 0 && narrow.count(segment) != 0) --segment;
      if (segment == 0) {
        return error(listed_.front(), "domain", absl::StrFormat("%x", domain),
                     "all segments that could stand for it are taken");
      }
      segments_[domain] = segment;
      made_.wide_domains[segment--] = domain;
    }
    return absl::OkStatus();
  }

  uint16_t segment_of(uint32_t domain) const {
    const auto found = segments_.find(domain);
    return found == segments_.end() ? static_cast<uint16_t>(domain) : found->second;
  }

  source_id id_of(const listed_address& a) const { return {segment_of(a.domain), a.bus, a.devfn}; }

  void place(listed_function f) {
    if (const auto whose = wiring_->physical_of(f)) {
      pci_function_config config = config_of(f, id_of(f.place()), *wiring_, made_.assumed);
      made_.virtual_functions.push_back({std::move(config), id_of(*whose), std::move(f)});
      return;
    }
    if (!wiring_->is_behind_a_bridge(f)) {
      if (wiring_->is_behind_cardbus(f)) {
        made_.assumed.push_back(absl::StrCat(
            f.address(), " sits behind a CardBus bridge, and is left out with its group"));
        return;
      }
      if (wiring_->is_on_a_virtual_bus(f)) {
        made_.assumed.push_back(absl::StrCat(
            f.address(),
            " is a virtual function on a bus of its own, whose nobody says, which is left out"));
        return;
      }
      const pci_root root{segment_of(f.domain), f.bus};
      if (known_roots_.insert(root).second) made_.roots.push_back(root);
    }
    made_.functions.push_back(config_of(f, id_of(f.place()), *wiring_, made_.assumed));
    made_.listed.push_back(std::move(f));
  }

  /// Domains behind volume management devices are numbered as the devices are found.
  void find_volumes() {
    std::vector<source_id> endpoints;
    for (size_t i = 0; i < made_.listed.size(); ++i) {
      if (is_vmd(made_.listed[i])) endpoints.push_back(made_.functions[i].id);
    }
    std::map<uint32_t, uint16_t> by_domain;
    for (const auto& [segment, domain] : made_.wide_domains) by_domain[domain] = segment;
    size_t next = 0;
    for (const auto& [domain, segment] : by_domain) {
      if (endpoints.empty()) {
        made_.assumed.push_back(absl::StrFormat(
            "that what lies in domain %x is on a bus of its own: domains above ffff are those of "
            "volume management devices, and none that is known is listed",
            domain));
        continue;
      }
      // Linux counts such domains from 10000h in the order of the devices.
      const size_t place = domain - first_wide_domain;
      const size_t endpoint =
          place < endpoints.size() ? place : std::min(next, endpoints.size() - 1);
      for (const pci_root& root : made_.roots) {
        if (root.segment == segment) made_.volumes.push_back({root, endpoints[endpoint]});
      }
      ++next;
    }
    if (endpoints.size() > 1 && !by_domain.empty()) {
      made_.assumed.push_back(
          "which volume management device a domain lies behind: the first has the lowest number");
    }
  }

  std::vector<listed_function> listed_;
  std::optional<listed_wiring> wiring_;  ///< of `listed_`, once that is checked
  std::set<pci_root> known_roots_;
  std::map<uint32_t, uint16_t> segments_;
  listed_machine made_;
};

}  // namespace

absl::StatusOr<listed_machine> machine_of_functions(std::vector<listed_function> listed) {
  return machine_maker(std::move(listed)).run();
}

absl::StatusOr<listed_machine> machine_of_listing(const text_source& source) {
  auto listed = parse_lspci(source);
  if (!listed.ok()) return listed.status();
  return machine_of_functions(*std::move(listed));
}

}  // namespace iommulab
