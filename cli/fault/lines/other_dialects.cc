// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/lines/other_dialects.h"

#include <array>

#include "cli/fault/lines/line_fields.h"
#include "cli/fault/reading/scanner.h"

namespace iommulab {
namespace {

fault_line line_of(log_dialect dialect) {
  fault_line found;
  found.dialect = dialect;
  return found;
}

absl::Status take_reason(std::optional<uint64_t> value, std::string_view text, fault_line& fault) {
  if (!value || *value > largest_fault_reason) {
    return unreadable_field("fault reason", text, "not a number from 0 to 255");
  }
  fault.reason = static_cast<uint8_t>(*value);
  return absl::OkStatus();
}

absl::Status take_address(scanner& line, fault_line& fault) {
  scanner ahead = line;
  fault.address = line.hex();
  if (fault.address) return absl::OkStatus();
  return unreadable_field("fault addr", ahead.until(" ,)"), "not a hexadecimal number below 2^64");
}

/// FreeBSD sys/x86/iommu/intel_fault.c: dmar_fault_task(). Bus, slot and function are decimal
/// there, so the device is taken from the requester id.
parsed_fault_line freebsd_line(scanner line) {
  fault_line found = line_of(log_dialect::freebsd);
  const auto id = line.hex();
  if (!id || *id > 0xffff) {
    return unreadable_field("sid", line.until(" "), "not a requester id of 16 bits");
  }
  found.device = source_id::from_requester_id(0, static_cast<uint16_t>(*id));
  if (!line.skip(" fault acc ")) return std::nullopt;
  found.write = line.until(" ") == "0";
  if (!line.skip_to(" reason ")) return unreadable_field("fault reason", "", "missing");
  scanner reason = line;
  if (auto s = take_reason(line.hex(), reason.until(" "), found); !s.ok()) return s;
  if (!line.skip_to("addr ")) return unreadable_field("fault addr", "", "missing");
  if (auto s = take_address(line, found); !s.ok()) return s;
  return found;
}

parsed_fault_line esxi_line(scanner line) {
  fault_line found = line_of(log_dialect::esxi);
  if (!line.skip_to("R/W=")) return unreadable_field("R/W", "", "missing");
  found.write = line.skip("W");
  if (!line.skip_to("Device ")) return unreadable_field("device", "", "missing");
  if (auto s = read_device(line.until(" "), found); !s.ok()) return s;
  if (!line.skip_to("addr = ")) return unreadable_field("Faulting addr", "", "missing");
  if (auto s = take_address(line, found); !s.ok()) return s;
  if (!line.skip_to("Reason = ")) return unreadable_field("Fault Reason", "", "missing");
  scanner reason = line;
  if (auto s = take_reason(line.hex(), reason.until(" "), found); !s.ok()) return s;
  // The words are VMware's own, and not kept: they would differ from Linux's.
  return found;
}

/// What each sentence of hw/i386/intel_iommu.c that names no reason means.
struct qemu_sentence {
  std::string_view words;
  uint8_t read_reason;
  uint8_t write_reason;
};

constexpr std::array<qemu_sentence, 8> qemu_sentences = {{
    {"detected slpte permission error", 0x06, 0x05},
    {"detected pte permission error", 0x06, 0x05},
    {"detected IOVA overflow", 0x04, 0x04},
    {"detected splte reserve non-zero", 0x0c, 0x0c},
    {"detected non-present IRTE", 0x22, 0x22},
    {"detected non-zero reserved IRTE", 0x24, 0x24},
    {"detected overflow IRTE index", 0x21, 0x21},
    {"IRTE index exceeds", 0x21, 0x21},
}};

/// "name=VALUE" somewhere in the line.
std::optional<uint64_t> named_value(std::string_view line, std::string_view name) {
  scanner s(line);
  return s.skip_to(name) ? s.hex() : std::nullopt;
}

parsed_fault_line qemu_sentence_line(std::string_view line, const qemu_sentence& sentence) {
  fault_line found = line_of(log_dialect::qemu);
  found.write = named_value(line, "write=").value_or(0) != 0;
  found.reason = found.write ? sentence.write_reason : sentence.read_reason;
  if (const auto pasid = named_value(line, "pasid="); pasid && *pasid < largest_pasid_field) {
    found.pasid = static_cast<uint32_t>(*pasid);
  }
  constexpr uint8_t first_interrupt_reason = 0x20;
  if (*found.reason >= first_interrupt_reason) {
    found.kind = fault_kind::interrupt;
    scanner index(line);
    if (index.skip_to("index=")) {
      const auto value = parse_number(index.until(" ,)"));
      if (value && *value <= 0xffff) found.index = static_cast<uint32_t>(*value);
    }
    return found;
  }
  found.address = named_value(line, "iova=");
  if (!found.address) return unreadable_field("iova", "", "missing");
  return found;
}

/// The trace event vtd_dmar_fault; the fault's number is decimal in it.
parsed_fault_line qemu_trace_line(scanner line) {
  fault_line found = line_of(log_dialect::qemu);
  const auto id = line.hex();
  if (!id || *id > 0xffff || !line.skip(" fault ")) return std::nullopt;
  found.device = source_id::from_requester_id(0, static_cast<uint16_t>(*id));
  const std::string_view reason = line.until(" ");
  if (auto s = take_reason(parse_number(reason), reason, found); !s.ok()) return s;
  if (!line.skip_to("addr ")) return unreadable_field("fault addr", "", "missing");
  if (auto s = take_address(line, found); !s.ok()) return s;
  found.write = line.skip_to("write ") && !line.skip("0");
  return found;
}

parsed_fault_line qemu_line(std::string_view line) {
  scanner trace(line);
  if (trace.skip_to("vtd_dmar_fault sid ")) return qemu_trace_line(trace);
  scanner failure(line);
  if (failure.skip_to("detected translation failure (dev=")) {
    fault_line found = line_of(log_dialect::qemu);
    if (auto s = read_device(failure.until(","), found); !s.ok()) return s;
    if (!failure.skip_to("iova=")) return unreadable_field("iova", "", "missing");
    if (auto s = take_address(failure, found); !s.ok()) return s;
    return found;
  }
  for (const qemu_sentence& sentence : qemu_sentences) {
    if (line.find(sentence.words) != std::string_view::npos) {
      return qemu_sentence_line(line, sentence);
    }
  }
  return std::nullopt;
}

}  // namespace

parsed_fault_line parse_other_dialect(std::string_view line) {
  const auto has = [line](std::string_view words) {
    return line.find(words) != std::string_view::npos;
  };
  parsed_fault_line found = std::nullopt;
  if (has("vtd_")) {
    found = qemu_line(line);
  } else if (has("DMAR Fault IOMMU Unit") || (has("IOMMUIntel") && has("Faulting addr"))) {
    found = esxi_line(scanner(line));
  } else if (has("DMAR") && has(" sid ") && has(" fault acc ")) {
    scanner s(line);
    s.skip_to(" sid ");
    found = freebsd_line(s);
  }
  if (found.ok() && *found) tell_interrupts_apart(**found);
  return found;
}

bool completes(const fault_line& reason, const fault_line& device) {
  return reason.dialect == log_dialect::qemu && device.dialect == log_dialect::qemu &&
         reason.kind == fault_kind::dma && device.kind == fault_kind::dma && !reason.device &&
         device.device && !device.reason && reason.address == device.address;
}

}  // namespace iommulab
