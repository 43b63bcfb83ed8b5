// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/fault_line.h"

#include <array>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/text_source.h"
#include "platform/machine/parse.h"

namespace iommulab {
namespace {

using found_line = absl::StatusOr<std::optional<fault_line>>;

absl::Status unreadable(std::string_view field, std::string_view value, std::string_view why) {
  return errno_status(EINVAL, absl::StrFormat("%s is %s: %s", field, iommulab::quoted(value), why));
}

/// Reads a line from left to right.
class scanner {
 public:
  explicit scanner(std::string_view rest) : rest_(rest) {}

  /// Goes behind the next `text`, if there is one.
  bool skip_to(std::string_view text) {
    const size_t at = rest_.find(text);
    if (at == std::string_view::npos) return false;
    rest_.remove_prefix(at + text.size());
    return true;
  }
  bool skip(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  /// Up to one of `ends`, which stays.
  std::string_view until(std::string_view ends) {
    const std::string_view found = rest_.substr(0, rest_.find_first_of(ends));
    rest_.remove_prefix(found.size());
    return found;
  }

 private:
  std::string_view rest_;
};

/// Digits that are hexadecimal with or without 0x.
std::optional<uint64_t> read_hex(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  return parse_hex(text);
}

/// "00:02.0" or, in 5.14, "0x00:0x02.0".
absl::StatusOr<source_id> read_device(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "0x") {
      ++i;
    } else {
      plain += text[i];
    }
  }
  if (const auto id = parse_pci_address("0000:" + plain)) return *id;
  return unreadable("device", text, "not bus, device and function like 00:02.0");
}

/// "[fault reason 06]", decimal, or "[fault reason 0x06]". Nothing when the line has none.
absl::Status read_reason(scanner line, std::optional<uint8_t>& reason) {
  if (!line.skip_to("[fault reason ")) return absl::OkStatus();
  const std::string_view text = line.until("]");
  constexpr uint64_t largest = 0xff;  // FRCD.FR has 8 bits
  const auto number = parse_number(text);
  if (!number || *number > largest) {
    return unreadable("fault reason", text, "not a number from 0 to 255");
  }
  reason = static_cast<uint8_t>(*number);
  return absl::OkStatus();
}

/// What the brackets of 5.14 and later say behind the access: " NO_PASID" or " PASID 0x1"; and
/// from 5.0 on " PASID ffffffff" behind the device.
absl::Status read_pasid(std::string_view text, std::optional<uint32_t>& pasid) {
  constexpr std::string_view word = " PASID ";
  if (text.empty() || text == " NO_PASID") return absl::OkStatus();
  constexpr uint64_t none = 0xffffffff;
  const auto number = text.starts_with(word) ? read_hex(text.substr(word.size())) : std::nullopt;
  if (!number || *number > none) {
    return unreadable("PASID", text, "neither NO_PASID nor PASID and a number");
  }
  if (*number != none) pasid = static_cast<uint32_t>(*number);
  return absl::OkStatus();
}

found_line dma_line(scanner line, bool write) {
  fault_line found;
  found.kind = fault_kind::dma;
  found.write = write;
  if (auto s = read_pasid(line.until("]"), found.pasid); !s.ok()) return s;
  if (!line.skip_to("Request device [")) return std::nullopt;
  const auto device = read_device(line.until("]"));
  if (!device.ok()) return device.status();
  found.device = *device;
  line.skip("]");
  scanner ahead = line;
  if (ahead.skip(" PASID ")) {
    const std::string digits(ahead.until(" "));
    if (auto s = read_pasid(" PASID " + digits, found.pasid); !s.ok()) return s;
  }
  if (!line.skip_to("fault addr "))
    return unreadable("fault addr", "", "missing behind the device");
  const std::string_view address = line.until(" \t[");
  const auto value = read_hex(address);
  if (!value) return unreadable("fault addr", address, "not a hexadecimal number below 2^64");
  found.address = *value;
  if (auto s = read_reason(line, found.reason); !s.ok()) return s;
  return found;
}

found_line interrupt_line(scanner line) {
  fault_line found;
  found.kind = fault_kind::interrupt;
  line.skip("[");  // before 4.6 there are two
  const auto device = read_device(line.until("]"));
  if (!device.ok()) return device.status();
  found.device = *device;
  if (!line.skip_to("fault index ")) {
    return unreadable("fault index", "", "missing behind the device");
  }
  const std::string_view index = line.until(" \t[");
  constexpr uint64_t largest = 0xffff;
  const auto value = read_hex(index);
  if (!value || *value > largest) {
    return unreadable("fault index", index, "not a hexadecimal number of 16 bits");
  }
  found.index = static_cast<uint32_t>(*value);
  if (auto s = read_reason(line, found.reason); !s.ok()) return s;
  return found;
}

struct message_words {
  std::string_view text;  ///< as the kernel prints it
  fault_kind kind;
};

// Linux 2.6.29 to 6.12, dmar.c; 4.1 to 6.12, svm.c and prq.c
constexpr std::array<message_words, 12> messages = {{
    {"VT-d detected Invalidation Queue Error", fault_kind::queue},
    {"VT-d detected Invalidation Time-out Error", fault_kind::queue},
    {"VT-d detected Invalidation Completion Error", fault_kind::queue},
    {"VT-d detected invalid descriptor", fault_kind::queue},
    {"Invalidation Queue Error (IQE) cleared", fault_kind::queue},
    {"Invalidation Time-out Error (ITE) cleared", fault_kind::queue},
    {"Page request without PASID", fault_kind::page_request},
    {"Page request for invalid PASID", fault_kind::page_request},
    {"Invalid page request", fault_kind::page_request},
    {"Page request in Privilege Mode", fault_kind::page_request},
    {"Address is not canonical", fault_kind::page_request},
    {"Execution request not supported", fault_kind::page_request},
}};

std::optional<fault_line> message_line(std::string_view line) {
  for (const message_words& message : messages) {
    if (line.find(message.text) == std::string_view::npos) continue;
    // These words others may use as well; the driver's lines bear its name.
    if (message.kind == fault_kind::page_request && line.find("DMAR") == std::string_view::npos &&
        line.find("dmar") == std::string_view::npos) {
      continue;
    }
    fault_line found;
    found.kind = message.kind;
    found.subject = message.text;
    return found;
  }
  constexpr std::array<message_words, 3> others = {{
      {"AMD-Vi: Event logged", fault_kind::foreign},
      {"AMD-Vi: \tEvent logged", fault_kind::foreign},
      {"arm-smmu", fault_kind::foreign},
  }};
  for (const message_words& other : others) {
    if (line.find(other.text) == std::string_view::npos) continue;
    fault_line found;
    found.kind = fault_kind::foreign;
    found.subject = other.text.starts_with("AMD") ? "AMD's IOMMU (AMD-Vi)" : "Arm's SMMU";
    return found;
  }
  return std::nullopt;
}

found_line status_line(std::string_view digits) {
  fault_line found;
  found.kind = fault_kind::status;
  const auto number = read_hex(digits);
  if (!number || *number > 0xffffffff) {
    return unreadable("fault status reg", digits, "not a hexadecimal number of 32 bits");
  }
  found.number = *number;
  return found;
}

}  // namespace

std::string device_text(const fault_line& fault) {
  if (!fault.device) return "a device";
  const std::string id = to_short_string(*fault.device);
  return fault.segment ? absl::StrFormat("%04x:%s", *fault.segment, id) : id;
}

absl::StatusOr<std::optional<fault_line>> parse_fault_line(std::string_view line) {
  for (const bool write : {false, true}) {
    scanner dma(line);
    if (dma.skip_to(write ? "[DMA Write" : "[DMA Read")) return dma_line(dma, write);
  }
  for (const std::string_view head :
       {"INTR-REMAP: Request device [", "[INTR-REMAP] Request device ["}) {
    scanner interrupt(line);
    if (interrupt.skip_to(head)) return interrupt_line(interrupt);
  }
  scanner status(line);
  if (status.skip_to("handling fault status reg ")) return status_line(status.until(" \t"));
  scanner suppressed(line);
  if (suppressed.skip_to("dmar_fault: ")) {
    const auto number = parse_number(suppressed.until(" "));
    if (!number || !suppressed.skip(" callbacks suppressed")) return std::nullopt;
    fault_line found;
    found.kind = fault_kind::suppressed;
    found.number = *number;
    return found;
  }
  if (line.find("[fault reason ") != std::string_view::npos) {
    fault_line found;
    found.kind = fault_kind::reason_only;
    if (auto s = read_reason(scanner(line), found.reason); !s.ok()) return s;
    return found;
  }
  return message_line(line);
}

}  // namespace iommulab
