// SPDX-License-Identifier: GPL-2.0-only
#include "platform/listing/listed_machine.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/pci/acs.h"
#include "core/pci/acs_quirks.h"
#include "core/pci/registers.h"
#include "core/pci/vendor_ids.h"
#include "platform/listing/lspci_text.h"
#include "platform/pci/config_bytes.h"
#include "platform/pci/function_builder.h"

namespace iommulab {
namespace {

constexpr uint16_t class_pci_bridge = 0x0604;
constexpr uint16_t class_cardbus_bridge = 0x0607;
constexpr uint16_t class_isa_bridge = 0x0601;
constexpr uint16_t widest_segment = 0xffff;
constexpr size_t most_wide_domains = 256;
constexpr uint32_t first_wide_domain = 0x10000;
constexpr unsigned ari_next_function = 5;  // PCI Express Base 7.8.8.2, bits 15:8

// PCI Express Base 9.3.3: the capability of single root I/O virtualization
constexpr unsigned sriov_control = 0x08;
constexpr unsigned sriov_enable = 1;
constexpr unsigned sriov_num_vfs = 0x10;
constexpr unsigned sriov_first_offset = 0x14;
constexpr unsigned sriov_stride = 0x16;

constexpr size_t small_space = 256;
constexpr size_t whole_space = 4096;
constexpr size_t whole_header = 64;

/// Vendor-specific: what nobody looks for stands at 100h where the listing has something later.
constexpr uint16_t ext_cap_id_vendor = 0x0b;

// Volume management devices. Linux v6.12 drivers/pci/controller/vmd.c: vmd_ids[]
constexpr std::array<uint16_t, 10> vmd_ids = {0x201d, 0x28c0, 0x467f, 0x4c3d, 0xa77f,
                                              0x7d0b, 0xad0b, 0x9a0b, 0xb60b, 0xb06f};

// The register block of an Intel chipset with which its root ports are isolated: enabled, and where
// it lies on most boards.
constexpr uint16_t lpc_rcba = 0xf0;
constexpr uint32_t usual_rcba = 0xfed1c001;

bool is_vmd(const listed_function& f) {
  return f.ids.vendor == pci_vendor::intel &&
         std::find(vmd_ids.begin(), vmd_ids.end(), f.ids.device) != vmd_ids.end();
}

bool is_chipset_port(const listed_function& f) {
  return std::any_of(
      acs_quirk_rows().begin(), acs_quirk_rows().end(), [&](const acs_quirk_row& row) {
        return row.rule == acs_rule::chipset_port && row.names(f.ids.vendor, f.ids.device);
      });
}

/// Domain, bus, and device and function.
using listed_place = std::tuple<uint32_t, uint8_t, unsigned>;

class machine_maker {
 public:
  explicit machine_maker(std::vector<listed_function> listed) : listed_(std::move(listed)) {}

  absl::StatusOr<listed_machine> run() {
    for (listed_function& f : listed_) {
      drop_silence(f);
      read_bytes(f);
    }
    if (absl::Status status = check(); !status.ok()) return status;
    learn_virtual_functions();
    learn_wiring();
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
    if (f.bytes.size() < whole_header || !f.ids_are_told) return;
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
    if (f.bytes.size() < whole_header) return;
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

  absl::Status check() const {
    std::set<listed_place> seen;
    std::set<std::pair<uint32_t, uint8_t>> secondaries;
    for (const listed_function& f : listed_) {
      if (absl::Status status = check_against_bytes(f); !status.ok()) return status;
      if (leads_to_a_bus(f)) {
        if (absl::Status status = check_buses(f); !status.ok()) return status;
        if (!secondaries.insert({f.domain, f.bridge->secondary}).second) {
          return error(f, "secondary", absl::StrFormat("%02x", f.bridge->secondary),
                       "a bridge before it leads to that bus");
        }
      }
      if (!seen.insert({f.domain, f.bus, f.devfn}).second) {
        return error(f, "address", f.address(), "it is listed twice");
      }
      constexpr std::array<size_t, 5> printed = {0, whole_header, 128, small_space, whole_space};
      if (std::find(printed.begin(), printed.end(), f.bytes.size()) == printed.end()) {
        return error(f, "bytes", absl::StrCat(f.bytes.size()),
                     "64, 128, 256 or 4096 belong here: the listing is cut");
      }
      if (f.class_code == class_pci_bridge && !f.bridge && f.bytes.empty()) {
        return error(f, "bridge", f.address(), "its bus numbers are missing: lspci -vv shows them");
      }
    }
    return absl::OkStatus();
  }

  /// What is behind a CardBus bridge is not looked at. A bridge that nobody gave buses has none.
  static bool leads_to_a_bus(const listed_function& f) {
    return f.bridge && f.class_code != class_cardbus_bridge &&
           (f.bridge->secondary != 0 || f.bridge->subordinate != 0);
  }

  /// Line and bytes are two accounts of one function.
  static absl::Status check_against_bytes(const listed_function& f) {
    if (f.bytes.size() < whole_header) return absl::OkStatus();
    const auto ids = [](unsigned vendor, unsigned device) {
      return absl::StrFormat("%04x:%04x", vendor, device);
    };
    const std::string told = ids(f.ids.vendor, f.ids.device);
    const std::string read =
        ids(config_get(f.bytes, pci_reg::vendor_id, 2), config_get(f.bytes, pci_reg::device_id, 2));
    if (told != read) return error(f, "device", told, "the bytes say " + read);
    const uint8_t layout = pci_reg::header_layout.get(f.bytes[pci_reg::header_type]);
    const bool is_bridge = layout == static_cast<uint8_t>(pci_header_type::bridge);
    const bool should_be = f.class_code == class_pci_bridge || leads_to_a_bus(f);
    if (should_be && !is_bridge) {
      return error(f, "header type", absl::StrCat(layout), "the bytes are no bridge's");
    }
    if (!is_bridge || f.class_code == class_cardbus_bridge) return absl::OkStatus();
    const auto bus = [&](uint16_t at) { return config_get(f.bytes, at, 1); };
    if (f.bridge->secondary != bus(pci_reg::secondary_bus) ||
        f.bridge->subordinate != bus(pci_reg::subordinate_bus)) {
      return error(f, "Bus",
                   absl::StrFormat("secondary=%02x, subordinate=%02x", f.bridge->secondary,
                                   f.bridge->subordinate),
                   absl::StrFormat("the bytes say %02x and %02x", bus(pci_reg::secondary_bus),
                                   bus(pci_reg::subordinate_bus)));
    }
    return absl::OkStatus();
  }

  /// A kernel that finds numbers which make no sense gives others, and what is behind the bridge
  /// has other addresses than are listed; Linux has listed what it came to.
  static absl::Status check_buses(const listed_function& f) {
    const auto shown = [](uint8_t bus) { return absl::StrFormat("%02x", bus); };
    const listed_bridge& b = *f.bridge;
    const bool is_hard_wired = b.primary == 0;  // which Linux takes for right
    if (b.primary != f.bus && !is_hard_wired) {
      return error(f, "primary", shown(b.primary), "the bridge sits on bus " + shown(f.bus));
    }
    if (b.secondary <= f.bus) {
      return error(f, "secondary", shown(b.secondary), "not above its own bus " + shown(f.bus));
    }
    if (b.subordinate < b.secondary) {
      return error(f, "subordinate", shown(b.subordinate),
                   "less than its secondary bus " + shown(b.secondary));
    }
    return absl::OkStatus();
  }

  /// Whoever listed them said whose they are, or the capability of whose they are says where they
  /// lie (PCI Express Base 9.2.1.2).
  void learn_virtual_functions() {
    for (const listed_function& f : listed_) {
      if (f.physical_function) {
        const listed_address& a = *f.physical_function;
        const listed_place whose{a.domain, a.bus, a.devfn};
        const listed_place own{f.domain, f.bus, f.devfn};
        if (whose != own) physical_of_[own] = whose;
      }
      const auto sriov = sriov_of(f);
      if (!sriov || !sriov->enabled || sriov->first_offset == 0) continue;
      unsigned id = unsigned{f.bus} << 8 | f.devfn;
      id += sriov->first_offset;
      for (unsigned i = 0; i < sriov->virtual_functions && id <= 0xffff; ++i) {
        physical_of_[{f.domain, static_cast<uint8_t>(id >> 8), id & 0xff}] = {f.domain, f.bus,
                                                                              f.devfn};
        id += sriov->stride;
      }
    }
  }

  /// As the lines say, or else the bytes.
  static std::optional<listed_sriov> sriov_of(const listed_function& f) {
    if (f.sriov && f.sriov->virtual_functions != 0) return f.sriov;
    std::optional<listed_sriov> found;
    for_each_extended_capability(f.bytes, [&](uint16_t id, uint16_t at) {
      if (id != pci_ext_cap_id_sriov) return;
      const auto word = [&](unsigned offset) {
        return static_cast<uint16_t>(config_get(f.bytes, static_cast<uint16_t>(at + offset), 2));
      };
      if ((word(sriov_control) & sriov_enable) == 0) return;
      found = listed_sriov{
          {at}, true, word(sriov_num_vfs), word(sriov_first_offset), word(sriov_stride)};
    });
    return found;
  }

  [[nodiscard]] bool is_virtual(const listed_function& f) const {
    return physical_of_.count({f.domain, f.bus, f.devfn}) != 0;
  }

  /// What other functions of a device there are, and which buses lie behind bridges.
  void learn_wiring() {
    for (const listed_function& f : listed_) {
      if (is_virtual(f)) continue;
      ++functions_of_[{f.domain, f.bus, f.devfn & ~7U}];
      if (f.ari) functions_by_ari_[{f.domain, f.bus}].insert(f.devfn);
      if (f.bridge && f.class_code == class_cardbus_bridge && f.bridge->secondary != 0) {
        cardbus_.insert({f.domain, f.bridge->secondary});
      }
      if (!leads_to_a_bus(f)) continue;
      secondaries_.insert({f.domain, f.bridge->secondary});
      for (unsigned bus = f.bridge->secondary + 1U; bus <= f.bridge->subordinate; ++bus) {
        behind_bridges_.insert({f.domain, static_cast<uint8_t>(bus)});
      }
    }
    has_chipset_ports_ = std::any_of(listed_.begin(), listed_.end(), is_chipset_port);
  }

  /// Without root, capabilities stay hidden. Where no function shows an extended one, it is the
  /// listing that leaves them out.
  void say_what_is_not_shown() {
    const auto hidden = std::count_if(listed_.begin(), listed_.end(), [](const auto& f) {
      return f.denied && f.bytes.size() < small_space;
    });
    if (hidden != 0) {
      made_.assumed.push_back(absl::StrFormat(
          "that %d of %d functions have no capabilities, PCI Express and ACS above all: who listed "
          "them was not root. Groups may be finer or coarser than those of the machine",
          hidden, listed_.size()));
      return;
    }
    const bool shows = std::any_of(listed_.begin(), listed_.end(), [](const listed_function& f) {
      return f.acs || f.ari || f.ats || f.pri || f.pasid || f.sriov || f.bytes.size() > small_space;
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

  /// Between a bridge's secondary and subordinate bus: where virtual functions overflow to.
  bool is_virtual_bus(const listed_function& f) const {
    return behind_bridges_.count({f.domain, f.bus}) != 0;
  }

  void place(listed_function f) {
    if (const auto whose = physical_of_.find({f.domain, f.bus, f.devfn});
        whose != physical_of_.end()) {
      const auto [domain, bus, devfn] = whose->second;
      pci_function_config function = config_of(f);
      made_.virtual_functions.push_back({std::move(function),
                                         {segment_of(domain), bus, static_cast<uint8_t>(devfn)},
                                         std::move(f)});
      return;
    }
    if (secondaries_.count({f.domain, f.bus}) == 0) {
      if (cardbus_.count({f.domain, f.bus}) != 0) {
        made_.assumed.push_back(absl::StrCat(
            f.address(), " sits behind a CardBus bridge, and is left out with its group"));
        return;
      }
      if (is_virtual_bus(f)) {
        made_.assumed.push_back(absl::StrCat(
            f.address(),
            " is a virtual function on a bus of its own, whose nobody says, which is left out"));
        return;
      }
      const pci_root root{segment_of(f.domain), f.bus};
      if (known_roots_.insert(root).second) made_.roots.push_back(root);
    }
    made_.functions.push_back(config_of(f));
    made_.listed.push_back(std::move(f));
  }

  bool has_siblings(const listed_function& f) const {
    return !is_virtual(f) && functions_of_.at({f.domain, f.bus, f.devfn & ~7U}) > 1;
  }

  pci_function_config config_of(const listed_function& f) {
    const source_id id{segment_of(f.domain), f.bus, f.devfn};
    if (f.bytes.size() > small_space) return config_of_bytes(f, id);
    const uint32_t class_code = uint32_t{f.class_code} << 8 | f.prog_if;
    function_builder builder(id, f.ids.vendor, f.ids.device, class_code);
    builder.revision(f.revision);
    if (has_siblings(f)) builder.multifunction();
    if (f.subsystem && !f.bridge) builder.subsystem(f.subsystem->vendor, f.subsystem->device);
    if (f.bridge) builder.bridge(f.bridge->primary, f.bridge->secondary, f.bridge->subordinate);
    if (f.express) {
      constexpr uint8_t usual_place = 0x40;
      const uint16_t at = f.express->at >= whole_header ? f.express->at : usual_place;
      builder.express(f.express->type, static_cast<uint8_t>(at), f.express->ari_forwarding);
    }
    add_extended(f, builder);
    add_chipset_registers(f, builder);
    pci_function_config config = builder.build();
    if (f.class_code == class_cardbus_bridge) {
      uint8_t& header = config.config[pci_reg::header_type];
      header = static_cast<uint8_t>((header & pci_reg::header_multifunction.mask()) |
                                    static_cast<uint8_t>(pci_header_type::cardbus));
    }
    // Of `-x` the header is known to the byte, of `-xxx` all but extended capabilities.
    std::copy(f.bytes.begin(), f.bytes.end(), config.config.begin());
    if (!f.bytes.empty() && f.bytes.size() < small_space) restore_list(config, f);
    reset_controls(absl::MakeSpan(config.config));
    config.captured_driver = f.driver;
    return config;
  }

  /// The list of capabilities begins where the builder put it, not where the bytes say; without one
  /// that was shown it is empty.
  static void restore_list(pci_function_config& config, const listed_function& f) {
    uint16_t at = 0;
    if (f.express) at = f.express->at >= whole_header ? f.express->at : 0x40;
    config.config[pci_reg::capability_list] = static_cast<uint8_t>(at);
  }

  /// Configuration space as it was read, but for what a kernel had switched on.
  static pci_function_config config_of_bytes(const listed_function& f, source_id id) {
    pci_function_config config;
    config.id = id;
    config.config = f.bytes;
    reset_controls(absl::MakeSpan(config.config));
    config.captured_driver = f.driver;
    return config;
  }

  /// In the order of their places. Where the listing has dropped these, one behind the other.
  void add_extended(const listed_function& f, function_builder& builder) {
    struct wanted {
      uint16_t id;
      uint16_t at;
    };
    std::vector<wanted> all;
    const auto want = [&](uint16_t id, const auto& capability) {
      if (capability) all.push_back({id, capability->at});
    };
    want(pci_ext_cap_id_acs, f.acs);
    want(pci_ext_cap_id_ari, f.ari);
    want(pci_ext_cap_id_ats, f.ats);
    want(pci_ext_cap_id_sriov, f.sriov);
    want(pci_ext_cap_id_pri, f.pri);
    want(pci_ext_cap_id_pasid, f.pasid);
    if (all.empty()) return;
    constexpr uint16_t room = 0x40;
    uint16_t next = pci_reg::first_extended_capability;
    const bool placed = std::all_of(all.begin(), all.end(), [](const wanted& w) {
      return w.at >= pci_reg::first_extended_capability;
    });
    if (!placed) {
      for (wanted& w : all) w.at = std::exchange(next, static_cast<uint16_t>(next + room));
    }
    std::sort(all.begin(), all.end(), [](const wanted& a, const wanted& b) { return a.at < b.at; });
    if (all.front().at != pci_reg::first_extended_capability) {
      builder.extended_capability(ext_cap_id_vendor, 1, pci_reg::first_extended_capability);
    }
    for (const wanted& w : all) {
      if (w.id == pci_ext_cap_id_acs) {
        builder.acs(w.at, acs_capability_of(f));
      } else if (w.id == pci_ext_cap_id_ats) {
        builder.ats(w.at, 32);
      } else {
        builder.extended_capability(w.id, 1, w.at);
      }
      if (w.id == pci_ext_cap_id_ari) {
        builder.device_register(static_cast<uint16_t>(w.at + ari_next_function), 1, next_by_ari(f));
      }
    }
  }

  /// As the capability says; else the next one that has it, as on a device that is whole.
  uint8_t next_by_ari(const listed_function& f) const {
    if (f.ari->next) return *f.ari->next;
    const auto functions = functions_by_ari_.find({f.domain, f.bus});
    if (functions == functions_by_ari_.end()) return 0;
    const auto next = functions->second.upper_bound(f.devfn);
    return next == functions->second.end() ? 0 : *next;
  }

  uint16_t acs_capability_of(const listed_function& f) {
    if (f.acs->has_bits) return f.acs->capability;
    made_.assumed.push_back(
        absl::StrCat(f.address(), " has ACS, of which the listing shows no bit (lspci -vv does): ",
                     "taken to offer everything that isolation takes"));
    return pci_acs_sv | pci_acs_rr | pci_acs_cr | pci_acs_uf;
  }

  void add_chipset_registers(const listed_function& f, function_builder& builder) {
    const bool is_lpc = f.ids.vendor == pci_vendor::intel && f.class_code == class_isa_bridge &&
                        f.bus == 0 && f.devfn == pci_devfn(0x1f, 0);
    if (!is_lpc || !has_chipset_ports_) return;
    builder.device_register(lpc_rcba, 4, usual_rcba);
    made_.assumed.push_back(
        absl::StrCat("the chipset's register block is enabled (", f.address(),
                     ", offset f0h), so that kernels isolate its root ports: a listing with "
                     "-xxx would say"));
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
  std::set<std::pair<uint32_t, uint8_t>> secondaries_;
  std::set<std::pair<uint32_t, uint8_t>> behind_bridges_;
  std::set<std::pair<uint32_t, uint8_t>> cardbus_;
  std::map<std::pair<uint32_t, uint8_t>, std::set<uint8_t>> functions_by_ari_;
  std::map<listed_place, listed_place> physical_of_;  ///< of a virtual function its physical one
  std::map<listed_place, unsigned> functions_of_;     ///< by the device's first
  std::set<pci_root> known_roots_;
  bool has_chipset_ports_ = false;
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
