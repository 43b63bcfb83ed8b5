// SPDX-License-Identifier: GPL-2.0-only
#include "platform/listing/listed_config.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/pci/acs.h"
#include "core/pci/registers.h"
#include "core/pci/vendor_ids.h"
#include "platform/pci/config_bytes.h"
#include "platform/pci/function_builder.h"

namespace iommulab {
namespace {

constexpr uint16_t class_isa_bridge = 0x0601;

/// Vendor-specific: what nobody looks for stands at 100h where the listing has something later.
constexpr uint16_t ext_cap_id_vendor = 0x0b;

// The register block of an Intel chipset with which its root ports are isolated: enabled, and where
// it lies on most boards.
constexpr uint16_t lpc_rcba = 0xf0;
constexpr uint32_t usual_rcba = 0xfed1c001;

class config_maker {
 public:
  config_maker(const listed_function& f, const listed_wiring& wiring,
               std::vector<std::string>& assumed)
      : f_(f), wiring_(wiring), assumed_(assumed) {}

  pci_function_config make(source_id id) {
    if (f_.bytes.size() > conventional_config_size) return of_bytes(id);
    const uint32_t class_code = uint32_t{f_.class_code} << 8 | f_.prog_if;
    function_builder builder(id, f_.ids.vendor, f_.ids.device, class_code);
    builder.revision(f_.revision);
    if (wiring_.has_siblings(f_)) builder.multifunction();
    if (f_.subsystem && !f_.bridge) builder.subsystem(f_.subsystem->vendor, f_.subsystem->device);
    if (f_.bridge) builder.bridge(f_.bridge->primary, f_.bridge->secondary, f_.bridge->subordinate);
    if (f_.express) {
      builder.express(f_.express->type, place_of_express(), f_.express->ari_forwarding);
    }
    add_extended(builder);
    add_chipset_registers(builder);
    pci_function_config config = builder.build();
    if (f_.is_cardbus_bridge()) {
      uint8_t& header = config.config[pci_reg::header_type];
      header = static_cast<uint8_t>((header & pci_reg::header_multifunction.mask()) |
                                    static_cast<uint8_t>(pci_header_type::cardbus));
    }
    // Of `-x` the header is known to the byte, of `-xxx` all but extended capabilities.
    std::copy(f_.bytes.begin(), f_.bytes.end(), config.config.begin());
    if (!f_.bytes.empty() && f_.bytes.size() < conventional_config_size) restore_list(config);
    reset_controls(absl::MakeSpan(config.config));
    config.captured_driver = f_.driver;
    return config;
  }

 private:
  [[nodiscard]] uint8_t place_of_express() const {
    constexpr uint8_t usual_place = 0x40;
    return f_.express->at >= pci_reg::first_capability ? static_cast<uint8_t>(f_.express->at)
                                                       : usual_place;
  }

  /// The list of capabilities begins where the builder put it, not where the bytes say; without one
  /// that was shown it is empty.
  void restore_list(pci_function_config& config) const {
    config.config[pci_reg::capability_list] = f_.express ? place_of_express() : uint8_t{0};
  }

  /// Configuration space as it was read, but for what a kernel had switched on.
  [[nodiscard]] pci_function_config of_bytes(source_id id) const {
    pci_function_config config;
    config.id = id;
    config.config = f_.bytes;
    reset_controls(absl::MakeSpan(config.config));
    config.captured_driver = f_.driver;
    return config;
  }

  /// In the order of their places. Where the listing has dropped these, one behind the other.
  void add_extended(function_builder& builder) {
    struct wanted {
      uint16_t id;
      uint16_t at;
    };
    std::vector<wanted> all;
    const auto want = [&](uint16_t id, const auto& capability) {
      if (capability) all.push_back({id, capability->at});
    };
    want(pci_ext_cap_id_acs, f_.acs);
    want(pci_ext_cap_id_ari, f_.ari);
    want(pci_ext_cap_id_ats, f_.ats);
    want(pci_ext_cap_id_sriov, f_.sriov);
    want(pci_ext_cap_id_pri, f_.pri);
    want(pci_ext_cap_id_pasid, f_.pasid);
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
        builder.acs(w.at, acs_capability());
      } else if (w.id == pci_ext_cap_id_ats) {
        builder.ats(w.at, 32);
      } else {
        builder.extended_capability(w.id, 1, w.at);
      }
      if (w.id == pci_ext_cap_id_ari) {
        builder.device_register(static_cast<uint16_t>(w.at + pci_reg::ari_capability), 2,
                                pci_reg::ari_next_function.set(0, wiring_.next_by_ari(f_)));
      }
    }
  }

  uint16_t acs_capability() {
    if (f_.acs->has_bits) return f_.acs->capability;
    assumed_.push_back(
        absl::StrCat(f_.address(), " has ACS, of which the listing shows no bit (lspci -vv does): ",
                     "taken to offer everything that isolation takes"));
    return pci_acs_sv | pci_acs_rr | pci_acs_cr | pci_acs_uf;
  }

  void add_chipset_registers(function_builder& builder) {
    const bool is_lpc = f_.ids.vendor == pci_vendor::intel && f_.class_code == class_isa_bridge &&
                        f_.bus == 0 && f_.devfn == pci_devfn(0x1f, 0);
    if (!is_lpc || !wiring_.has_chipset_ports()) return;
    builder.device_register(lpc_rcba, 4, usual_rcba);
    assumed_.push_back(
        absl::StrCat("the chipset's register block is enabled (", f_.address(),
                     ", offset f0h), so that kernels isolate its root ports: a listing with "
                     "-xxx would say"));
  }

  const listed_function& f_;
  const listed_wiring& wiring_;
  std::vector<std::string>& assumed_;
};

}  // namespace

pci_function_config config_of(const listed_function& f, source_id id, const listed_wiring& wiring,
                              std::vector<std::string>& assumed) {
  return config_maker(f, wiring, assumed).make(id);
}

}  // namespace iommulab
