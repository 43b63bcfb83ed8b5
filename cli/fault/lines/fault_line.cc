// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/lines/fault_line.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_format.h"
#include "cli/fault/lines/driver_notes.h"
#include "cli/fault/lines/line_fields.h"
#include "cli/fault/lines/lost_lines.h"
#include "cli/fault/lines/other_dialects.h"
#include "cli/fault/lines/queue_messages.h"
#include "cli/fault/reading/scanner.h"

namespace iommulab {
namespace {

/// The number of a reason: decimal, unless it says that it is hexadecimal ("0x0c"; Xen's "05h") or
/// is in the place where Xen writes hexadecimal ones.
absl::Status take_reason_text(std::string_view text, bool hexadecimal, fault_line& fault) {
  text = trimmed(text);
  if (text.ends_with("h")) {
    text.remove_suffix(1);
    hexadecimal = true;
    fault.dialect = log_dialect::xen;
  }
  const auto number = hexadecimal ? whole_hex(text) : parse_number(text);
  if (!number || *number > largest_fault_reason) {
    return unreadable_field("fault reason", text, "not a number from 0 to 255");
  }
  fault.reason = static_cast<uint8_t>(*number);
  return absl::OkStatus();
}

/// "[fault reason 06] words". Nothing when the line has none.
absl::Status read_reason(scanner line, fault_line& fault) {
  if (!line.skip_to("[fault reason ")) return absl::OkStatus();
  const std::string_view text = line.until("]");
  if (!line.skip("]")) return unreadable_field("fault reason", text, "not closed by ]");
  if (auto s = take_reason_text(text, false, fault); !s.ok()) return s;
  fault.words = trimmed(line.rest());
  return absl::OkStatus();
}

/// What the brackets of 5.14 and later say behind the access, "NO_PASID" or "PASID 0x1"; and from
/// 5.0 on "PASID ffffffff" behind the device.
absl::Status read_pasid(std::string_view text, fault_line& fault) {
  constexpr std::string_view word = "PASID ";
  constexpr uint64_t none = 0xffffffff;
  text = trimmed(text);
  if (text.empty()) return absl::OkStatus();
  if (text == "NO_PASID") {
    fault.no_pasid = true;
    return absl::OkStatus();
  }
  const auto number = text.starts_with(word) ? whole_hex(text.substr(word.size())) : std::nullopt;
  if (!number || *number > none) {
    return unreadable_field("PASID", text, "neither NO_PASID nor PASID and a number");
  }
  if (*number != none) fault.pasid = static_cast<uint32_t>(*number);
  return absl::OkStatus();
}

/// Behind "Request device [": up to the bracket that closes it.
absl::Status read_bracketed_device(scanner& line, fault_line& fault) {
  line.skip("[");  // INTR-REMAP has two before 4.6
  const std::string_view device = line.until("]");
  if (!line.skip("]")) return unreadable_field("device", device, "not closed by ]");
  return read_device(device, fault);
}

/// Where a line was broken inside a number and put together again, something stands between the
/// number and the reason; Xen puts its own words there, behind a comma.
bool broken_number(std::string_view rest) {
  rest = trimmed(rest);
  if (rest.empty() || rest.starts_with("[") || rest.starts_with(",")) return false;
  return rest.find("[fault reason") != std::string_view::npos;
}

parsed_fault_line dma_line(scanner line, bool write) {
  fault_line found;
  found.kind = fault_kind::dma;
  found.write = write;
  const std::string_view access = line.until("]");
  if (!line.skip_to("Request device")) return unreadable_field("device", "", "missing");
  if (auto s = read_pasid(access, found); !s.ok()) return s;
  if (!line.skip_to("[")) return unreadable_field("device", "", "missing");
  if (auto s = read_bracketed_device(line, found); !s.ok()) return s;
  scanner ahead = line;
  if (ahead.skip(" PASID ")) {
    const std::string digits(ahead.until(" "));
    if (auto s = read_pasid("PASID " + digits, found); !s.ok()) return s;
  }
  if (!line.skip_to("fault addr")) {
    return unreadable_field("fault addr", "", "missing behind the device");
  }
  line.skip(":");
  line.skip(" ");
  const std::string_view address = line.until(" \t[,");
  const auto value = whole_hex(address);
  if (!value || broken_number(line.rest())) {
    return unreadable_field("fault addr", address, "not a hexadecimal number below 2^64");
  }
  found.address = *value;
  if (auto s = read_reason(line, found); !s.ok()) return s;
  tell_interrupts_apart(found);
  return found;
}

parsed_fault_line interrupt_line(scanner line) {
  fault_line found;
  found.kind = fault_kind::interrupt;
  if (auto s = read_bracketed_device(line, found); !s.ok()) return s;
  if (!line.skip_to("fault index ")) {
    return unreadable_field("fault index", "", "missing behind the device");
  }
  const std::string_view index = line.until(" \t[,");
  constexpr uint64_t largest = 0xffff;
  const auto value = whole_hex(index);
  if (!value || *value > largest || broken_number(line.rest())) {
    return unreadable_field("fault index", index, "not a hexadecimal number of 16 bits");
  }
  found.index = static_cast<uint32_t>(*value);
  if (auto s = read_reason(line, found); !s.ok()) return s;
  return found;
}

/// "(XEN) [VT-D]DMAR: reason 02 - words", the second line of newer Xen; hexadecimal.
parsed_fault_line xen_reason_line(scanner line) {
  fault_line found;
  found.kind = fault_kind::reason_only;
  found.dialect = log_dialect::xen;
  if (auto s = take_reason_text(line.until(" "), true, found); !s.ok()) return s;
  if (line.skip(" - ")) found.words = trimmed(line.rest());
  return found;
}

struct status_flag {
  std::string_view words;
  uint32_t bits;
};

// xen/drivers/passthrough/vtd/iommu.c: iommu_fault_status(), a line a bit
constexpr std::array<status_flag, 7> xen_status = {{
    {"iommu_fault_status: Fault Overflow", 1 << 0},
    {"iommu_fault_status: Primary Pending Fault", 1 << 1},
    {"iommu_fault_status: Advanced Fault Overflow", 1 << 2},
    {"iommu_fault_status: Advanced Pending Fault", 1 << 3},
    {"iommu_fault_status: Invalidation Queue Error", 1 << 4},
    {"iommu_fault_status: Invalidation Completion Error", 1 << 5},
    {"iommu_fault_status: Invalidation Timeout Error", 1 << 6},
}};

std::optional<fault_line> other_status_line(std::string_view line) {
  fault_line found;
  found.kind = fault_kind::status;
  for (const status_flag& flag : xen_status) {
    if (line.find(flag.words) == std::string_view::npos) continue;
    found.dialect = log_dialect::xen;
    found.number = flag.bits;
    return found;
  }
  // FreeBSD's dmar_fault_intr(): "DMAR0: Fault Overflow"
  scanner freebsd(line);
  if (!freebsd.skip_to("DMAR") || freebsd.until(" :").empty()) return std::nullopt;
  if (!freebsd.skip(": Fault Overflow")) return std::nullopt;
  found.dialect = log_dialect::freebsd;
  found.number = 1;
  return found;
}

parsed_fault_line status_line(std::string_view digits) {
  fault_line found;
  found.kind = fault_kind::status;
  const auto number = whole_hex(digits);
  if (!number || *number > 0xffffffff) {
    return unreadable_field("fault status reg", digits, "not a hexadecimal number of 32 bits");
  }
  found.number = *number;
  return found;
}

std::optional<fault_line> foreign_line(std::string_view line) {
  struct other {
    std::string_view words;
    std::string_view also;  ///< in the line as well; may be empty
    std::string_view whose;
  };
  constexpr std::array<other, 5> others = {{
      {"AMD-Vi: ", "Event logged", "AMD's IOMMU (AMD-Vi)"},
      {"AMD-Vi: ", "EVENT", "AMD's IOMMU (AMD-Vi)"},
      {"AMD-Vi: ", "IO_PAGE_FAULT", "AMD's IOMMU (AMD-Vi)"},
      {"arm-smmu", "", "Arm's SMMU"},
      {"virtio_iommu", "fault", "virtio-iommu"},
  }};
  for (const other& o : others) {
    if (line.find(o.words) == std::string_view::npos) continue;
    if (line.find(o.also) == std::string_view::npos) continue;
    fault_line found;
    found.kind = fault_kind::foreign;
    found.subject = o.whose;
    return found;
  }
  return std::nullopt;
}

/// The two-line wordings' halves and the one-line wordings, of Linux and of Xen.
parsed_fault_line request_line(std::string_view line) {
  for (const bool write : {false, true}) {
    scanner dma(line);
    if (dma.skip_to(write ? "[DMA Write" : "[DMA Read")) return dma_line(dma, write);
  }
  for (const std::string_view head :
       {"INTR-REMAP: Request device [", "[INTR-REMAP] Request device ["}) {
    scanner interrupt(line);
    if (interrupt.skip_to(head)) return interrupt_line(interrupt);
  }
  for (const std::string_view head : {"DMAR: reason ", "INTR-REMAP: reason "}) {
    scanner reason(line);
    if (reason.skip_to(head)) return xen_reason_line(reason);
  }
  if (line.find("[fault reason ") == std::string_view::npos) return std::nullopt;
  fault_line found;
  found.kind = fault_kind::reason_only;
  if (auto s = read_reason(scanner(line), found); !s.ok()) return s;
  return found;
}

/// Xen's own mark, or what only Xen prints.
bool is_xen(std::string_view line) {
  return line.find("(XEN)") != std::string_view::npos ||
         line.find("[VT-D]") != std::string_view::npos ||
         line.find(", iommu reg = ") != std::string_view::npos;
}

/// What Xen's driver says of a fault in words that are not read here.
std::optional<fault_line> unread_xen_line(std::string_view line) {
  constexpr std::array<std::string_view, 4> words = {"fault", "Fault", "REASON", "INTR-REMAP"};
  const size_t begin = line.find("[VT-D]");
  if (begin == std::string_view::npos) return std::nullopt;
  const std::string_view message = line.substr(begin);
  const bool is_meant = std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return message.find(word) != std::string_view::npos;
  });
  if (!is_meant) return std::nullopt;
  fault_line found;
  found.kind = fault_kind::unexplained;
  found.subject = message;
  return found;
}

}  // namespace

std::string device_text(const fault_line& fault) {
  if (!fault.device) return "a device";
  const std::string id = to_short_string(*fault.device);
  return fault.segment ? absl::StrFormat("%04x:%s", *fault.segment, id) : id;
}

bool is_request(const fault_line& fault) {
  return fault.kind == fault_kind::dma || fault.kind == fault_kind::interrupt;
}

parsed_fault_line parse_fault_line(std::string_view text) {
  const std::string line = squeezed(text);
  if (auto other = parse_other_dialect(line); !other.ok() || *other) return other;
  if (auto request = request_line(line); !request.ok() || *request) {
    if (request.ok() && is_xen(line)) (*request)->dialect = log_dialect::xen;
    return request;
  }
  scanner status(line);
  if (status.skip_to("handling fault status reg ")) return status_line(status.until(" "));
  if (auto found = other_status_line(line)) return found;
  if (auto found = lost_lines(line)) return found;
  if (auto queue = parse_queue_message(line); !queue.ok() || *queue) return queue;
  if (auto found = foreign_line(line)) return found;
  if (auto note = parse_driver_note(line)) return note;
  return unread_xen_line(line);
}

}  // namespace iommulab
