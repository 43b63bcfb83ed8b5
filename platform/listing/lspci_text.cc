// SPDX-License-Identifier: GPL-2.0-only
#include "platform/listing/lspci_text.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/pci/acs.h"
#include "core/pci/registers.h"
#include "platform/machine/parse.h"
#include "platform/pci/config_bytes.h"

namespace iommulab {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

struct named_type {
  std::string_view name;
  pci_exp_type type;
};
constexpr std::array<named_type, 10> express_types = {{
    {"Endpoint", pci_exp_type::endpoint},
    {"Legacy Endpoint", pci_exp_type::legacy_endpoint},
    {"Root Port", pci_exp_type::root_port},
    {"Upstream Port", pci_exp_type::upstream},
    {"Downstream Port", pci_exp_type::downstream},
    {"PCI-Express to PCI/PCI-X Bridge", pci_exp_type::pci_bridge},
    {"PCI/PCI-X Bridge", pci_exp_type::pci_bridge},  // pciutils before 3.1
    {"PCI/PCI-X to PCI-Express Bridge", pci_exp_type::pcie_bridge},
    {"Root Complex Integrated Endpoint", pci_exp_type::rc_endpoint},
    {"Root Complex Event Collector", pci_exp_type::rc_event_collector},
}};

struct named_bit {
  std::string_view name;
  uint16_t bit;
};
constexpr std::array<named_bit, 7> acs_bits = {{
    {"SrcValid", pci_acs_sv},
    {"TransBlk", pci_acs_tb},
    {"ReqRedir", pci_acs_rr},
    {"CmpltRedir", pci_acs_cr},
    {"UpstreamFwd", pci_acs_uf},
    {"EgressCtrl", pci_acs_ec},
    {"DirectTrans", pci_acs_dt},
}};

/// What stands between blanks.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (const std::string_view word : split_at(text, ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

/// "[8086:3406]"'s inside.
std::optional<listed_ids> ids_of(std::string_view text) {
  if (text.size() != 9 || text[4] != ':') return std::nullopt;
  const auto vendor = parse_hex_digits(text.substr(0, 4), 4);
  const auto device = parse_hex_digits(text.substr(5), 4);
  if (!vendor || !device) return std::nullopt;
  return listed_ids{static_cast<uint16_t>(*vendor), static_cast<uint16_t>(*device)};
}

/// The last "[…]" of the text that `read` takes.
template <typename Read>
auto last_bracket(std::string_view text, Read read) -> decltype(read(text)) {
  for (size_t end = text.rfind(']'); end != std::string_view::npos && end > 0;
       end = text.rfind(']', end - 1)) {
    const size_t begin = text.rfind('[', end);
    if (begin == std::string_view::npos) break;
    if (auto found = read(text.substr(begin + 1, end - begin - 1))) return found;
  }
  return std::nullopt;
}

class lspci_parser {
 public:
  explicit lspci_parser(const text_source& source) : source_(source) {}

  absl::StatusOr<std::vector<listed_function>> run() {
    for (std::string_view line : source_.lines()) {
      ++number_;
      if (number_ == 1) take_prefix(line, byte_order_mark);
      if (absl::Status status = read(line); !status.ok()) return status;
    }
    if (functions_.empty()) {
      return line_error(source_.name, 0, "listing", "", "it holds no function as lspci prints it");
    }
    if (absl::Status status = take_ids_of_bytes(); !status.ok()) return status;
    return std::move(functions_);
  }

 private:
  absl::Status error(std::string_view field, std::string_view value, std::string_view why) const {
    return line_error(source_.name, number_, field, value, why);
  }

  absl::Status read(std::string_view line) {
    const std::string_view text = trimmed(line);
    if (text.empty() || text.front() == '#') return absl::OkStatus();
    if (const size_t colon = text.find(": "); is_row(text, colon)) return read_row(text, colon);
    if (line.front() != ' ' && line.front() != '\t') return begin(text);
    if (!functions_.empty()) return read_detail(text, functions_.back());
    // What another program printed before the first function is nobody's; lspci prints no such
    // lines there.
    for (const std::string_view detail :
         {"Capabilities: ", "Bus: ", "Subsystem: ", "Kernel driver"}) {
      if (text.starts_with(detail)) {
        return error("listing", text,
                     "no function goes before it: the listing's beginning is missing");
      }
    }
    return absl::OkStatus();
  }

  /// "00:1f.2 SATA controller [0106]: Intel … [8086:3a22] (rev 03) (prog-if 01 [AHCI 1.0])"
  absl::Status begin(std::string_view text) {
    const size_t space = text.find(' ');
    const auto address = parse_listed_address(text.substr(0, space));
    if (!address) {
      if (functions_.empty()) return absl::OkStatus();
      return error("address", text.substr(0, space), "no PCI address (00:1f.2 or 0000:00:1f.2)");
    }
    listed_function f;
    f.file = source_.name;
    f.line = number_;
    f.domain = address->domain;
    f.bus = address->bus;
    f.devfn = address->devfn;
    const std::string_view rest = space == std::string_view::npos ? "" : text.substr(space + 1);
    const size_t colon = rest.find(": ");
    if (colon == std::string_view::npos) {
      return error("function", text, "a class, a colon and a device belong here");
    }
    read_ids(rest.substr(0, colon), rest.substr(colon + 2), f);
    f.title = std::string(rest);
    functions_.push_back(std::move(f));
    return absl::OkStatus();
  }

  /// `-nn` has the numbers in brackets behind the names, `-n` numbers alone.
  void read_ids(std::string_view cls, std::string_view device, listed_function& f) {
    take_prefix(cls, "Class ");  // pciutils before 3.0
    const auto code = [](std::string_view text) { return parse_hex_digits(text, 4); };
    auto class_code = last_bracket(cls, code);
    auto ids = last_bracket(device, ids_of);
    if (!class_code) class_code = code(cls);
    if (!ids) ids = ids_of(device.substr(0, device.find(' ')));
    if (!class_code) {
      without_ids_.push_back({functions_.size(), number_, "class", std::string(cls),
                              "no number in it: lspci prints it with -nn or -n"});
      return;
    }
    if (!ids) {
      without_ids_.push_back({functions_.size(), number_, "device", std::string(device),
                              "no ids in it: lspci prints them with -nn or -n"});
      return;
    }
    f.class_code = static_cast<uint16_t>(*class_code);
    f.ids = *ids;
    if (const size_t at = device.find("(rev "); at != std::string_view::npos) {
      if (const auto rev = parse_hex_digits(device.substr(at + 5, 2), 2))
        f.revision = static_cast<uint8_t>(*rev);
    }
    if (const size_t at = device.find("(prog-if "); at != std::string_view::npos) {
      if (const auto p = parse_hex_digits(device.substr(at + 9, 2), 2))
        f.prog_if = static_cast<uint8_t>(*p);
    }
  }

  /// Without -n and -nn the bytes of -x have the numbers.
  absl::Status take_ids_of_bytes() {
    for (const nameless& one : without_ids_) {
      listed_function& f = functions_[one.function];
      if (f.bytes.size() < config_header_size) {
        return line_error(source_.name, one.line, one.field, one.value, one.why);
      }
      f.ids_are_told = false;
      f.ids = {static_cast<uint16_t>(config_get(f.bytes, pci_reg::vendor_id, 2)),
               static_cast<uint16_t>(config_get(f.bytes, pci_reg::device_id, 2))};
      const uint32_t class_revision = config_get(f.bytes, pci_reg::class_revision, 4);
      f.class_code = static_cast<uint16_t>(class_revision >> 16);
      f.prog_if = static_cast<uint8_t>(class_revision >> 8 & 0xff);
      f.revision = static_cast<uint8_t>(class_revision & 0xff);
    }
    return absl::OkStatus();
  }

  /// "00: 86 80 a0 a7 …"
  static bool is_row(std::string_view text, size_t colon) {
    return (colon == 2 || colon == 3) &&
           parse_hex_digits(text.substr(0, colon), colon).has_value() && text.size() >= colon + 4 &&
           parse_hex_digits(text.substr(colon + 2, 2), 2).has_value() &&
           (text.size() == colon + 4 || text[colon + 4] == ' ');
  }
  absl::Status read_row(std::string_view text, size_t colon) {
    if (functions_.empty()) return error("bytes", text, "no function goes before them");
    std::vector<uint8_t>& bytes = functions_.back().bytes;
    if (*parse_hex_digits(text.substr(0, colon), colon) != bytes.size()) {
      return error("offset", text.substr(0, colon),
                   absl::StrFormat("the bytes before it end at %02x", bytes.size()));
    }
    for (const std::string_view word : words_of(text.substr(colon + 2))) {
      const auto byte = parse_hex_digits(word, 2);
      if (!byte || bytes.size() == express_config_size) {
        return error("byte", word, byte ? "more than 4096 bytes" : "no byte (two hex digits)");
      }
      bytes.push_back(static_cast<uint8_t>(*byte));
    }
    return absl::OkStatus();
  }

  absl::Status read_detail(std::string_view text, listed_function& f) {
    if (take_prefix(text, "Bus: ")) return read_buses(text, f);
    if (take_prefix(text, "Capabilities: ")) return read_capability(text, f);
    if (f.ari && text.starts_with("ARICap:")) return read_next_function(text, *f.ari);
    if (f.sriov && text.starts_with("IOVCtl:")) {
      f.sriov->enabled = text.find("Enable-") == std::string_view::npos;
      return absl::OkStatus();
    }
    if (f.sriov && text.find("Number of VFs: ") != std::string_view::npos) {
      return read_counts(text, *f.sriov, {{"Number of VFs", &listed_sriov::virtual_functions}});
    }
    if (f.sriov && text.starts_with("VF offset: ")) {
      return read_counts(
          text, *f.sriov,
          {{"VF offset", &listed_sriov::first_offset}, {"stride", &listed_sriov::stride}});
    }
    if (take_prefix(text, "Physical function: ")) {
      f.physical_function = parse_listed_address(text);
      if (!f.physical_function) return error("Physical function", text, "no PCI address");
    }
    if (take_prefix(text, "ACSCap:")) return read_bits(text, f, &listed_acs::capability);
    if (take_prefix(text, "ACSCtl:")) return read_bits(text, f, &listed_acs::control);
    if (take_prefix(text, "Subsystem: ")) {
      f.subsystem = last_bracket(text, ids_of);
      if (!f.subsystem) f.subsystem = ids_of(text.substr(0, text.find(' ')));
    } else if (take_prefix(text, "Kernel driver in use: ")) {
      f.driver = std::string(text);
    } else if (take_prefix(text, "IOMMU group: ")) {
      const auto group = parse_number(text);
      if (!group || *group > 0xffff) return error("IOMMU group", text, "no number of a group");
      f.group = static_cast<unsigned>(*group);
    } else if (f.express && text.find("ARIFwd+") != std::string_view::npos &&
               !text.starts_with("DevCtl2")) {
      f.express->ari_forwarding = true;
    }
    return absl::OkStatus();
  }

  /// "MFVC- ACS-, Next Function: 1"
  absl::Status read_next_function(std::string_view text, listed_ari& ari) const {
    constexpr std::string_view name = "Next Function: ";
    const size_t at = text.find(name);
    if (at == std::string_view::npos) return absl::OkStatus();
    const std::string_view digits = trimmed(text.substr(at + name.size()));
    const auto next = parse_number(digits);
    if (!next || *next > 0xff) return error("Next Function", digits, "no number of a function");
    ari.next = static_cast<uint8_t>(*next);
    return absl::OkStatus();
  }

  /// "Initial VFs: 8, Total VFs: 8, Number of VFs: 2, Function Dependency Link: 00",
  /// "VF offset: 128, stride: 2, Device ID: 10ed"
  absl::Status read_counts(
      std::string_view text, listed_sriov& sriov,
      std::initializer_list<std::pair<std::string_view, uint16_t listed_sriov::*>> fields) const {
    for (const auto& [name, into] : fields) {
      const size_t at = text.find(name);
      if (at == std::string_view::npos) continue;
      const std::string_view rest = trimmed(text.substr(at + name.size()));
      const std::string_view digits = trimmed(rest.substr(std::min<size_t>(1, rest.size())));
      const std::string_view number = digits.substr(0, digits.find(','));
      const auto value = parse_number(number);
      if (!value || *value > 0xffff) return error(name, number, "no number of 16 bits");
      sriov.*into = static_cast<uint16_t>(*value);
    }
    return absl::OkStatus();
  }

  /// "primary=00, secondary=01, subordinate=02, sec-latency=0"
  absl::Status read_buses(std::string_view text, listed_function& f) {
    listed_bridge bridge;
    const auto take = [&](std::string_view name, uint8_t& into) {
      const size_t at = text.find(name);
      const auto bus = at == std::string_view::npos
                           ? std::nullopt
                           : parse_hex_digits(text.substr(at + name.size(), 2), 2);
      if (bus) into = static_cast<uint8_t>(*bus);
      return bus.has_value();
    };
    if (!take("primary=", bridge.primary) || !take("secondary=", bridge.secondary) ||
        !take("subordinate=", bridge.subordinate)) {
      return error("Bus", text, "primary, secondary and subordinate bus belong here");
    }
    f.bridge = bridge;
    return absl::OkStatus();
  }

  /// "[40] Express (v2) Root Port (Slot+), MSI 00", "[100 v1] Access Control Services"
  absl::Status read_capability(std::string_view text, listed_function& f) {
    if (text.starts_with("<access denied>")) f.denied = true;
    if (text.empty() || text.front() != '[') return absl::OkStatus();
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return error("Capabilities", text, "no ] behind the offset");
    const std::string_view inside = text.substr(1, end - 1);  // "100 v1"
    const std::string_view where = inside.substr(0, inside.find(' '));
    const auto at = parse_hex_digits(where, where.size());
    if (!at || *at >= express_config_size) {
      return error("Capabilities", text.substr(0, end + 1), "no offset in configuration space");
    }
    const listed_capability capability{static_cast<uint16_t>(*at)};
    const std::string_view name = trimmed(text.substr(end + 1));
    if (name.starts_with("Access Control Services")) {
      f.acs = listed_acs{capability};
    } else if (name.starts_with("Alternative Routing-ID")) {
      f.ari = listed_ari{capability, std::nullopt};
    } else if (name.starts_with("Address Translation Service")) {
      f.ats = capability;
    } else if (name.starts_with("Page Request Interface")) {
      f.pri = capability;
    } else if (name.starts_with("Process Address Space ID")) {
      f.pasid = capability;
    } else if (name.starts_with("Single Root I/O Virtualization")) {
      f.sriov = listed_sriov{capability};
    } else if (name.starts_with("Express")) {
      return read_express(name, capability, f);
    }
    return absl::OkStatus();
  }

  /// "Express (v2) Root Port (Slot+), MSI 00"; before pciutils 3.0 without the version.
  absl::Status read_express(std::string_view name, listed_capability at, listed_function& f) {
    std::string_view text = name;
    take_prefix(text, "Express ");
    if (text.starts_with("(v")) text.remove_prefix(std::min(text.size(), text.find(' ') + 1));
    if (at.at > 0xff) {
      return error("Express", absl::StrFormat("%x", at.at), "no offset of a capability");
    }
    for (const named_type& type : express_types) {
      if (!text.starts_with(type.name)) continue;
      f.express = listed_express{at, type.type};
      return absl::OkStatus();
    }
    return error("Express", name, "no type of port or device that PCI Express has");
  }

  absl::Status read_bits(std::string_view text, listed_function& f, uint16_t listed_acs::*into) {
    if (!f.acs) return error("ACS", text, "no Access Control Services go before it");
    f.acs->has_bits = true;
    for (const std::string_view word : words_of(trimmed(text))) {
      const std::string_view name = word.substr(0, word.size() - 1);
      const auto bit = std::find_if(acs_bits.begin(), acs_bits.end(),
                                    [&](const named_bit& b) { return b.name == name; });
      if (bit == acs_bits.end() || (word.back() != '+' && word.back() != '-')) {
        return error("ACS", word, "no bit of Access Control Services with + or -");
      }
      if (word.back() == '+') (*f.acs).*into |= bit->bit;
    }
    return absl::OkStatus();
  }

  /// A function of whose first line the numbers are missing, and what stands there.
  struct nameless {
    size_t function;
    size_t line;
    const char* field;
    std::string value;
    const char* why;
  };

  const text_source& source_;
  size_t number_ = 0;
  std::vector<nameless> without_ids_;
  std::vector<listed_function> functions_;
};

}  // namespace

absl::StatusOr<std::vector<listed_function>> parse_lspci(const text_source& source) {
  return lspci_parser(source).run();
}

}  // namespace iommulab
