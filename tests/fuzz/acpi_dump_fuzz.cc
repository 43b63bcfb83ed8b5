// SPDX-License-Identifier: GPL-2.0-only
//
// Any text as what acpidump printed. What comes out is a table as long as its header says, and is
// shown.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "platform/firmware/acpi_dump.h"
#include "platform/firmware/acpi_layout.h"
#include "platform/firmware/acpi_table.h"
#include "platform/firmware/byte_cursor.h"
#include "platform/firmware/dmar_table.h"
#include "platform/firmware/support/dmar_invariants.h"

namespace iommulab {
namespace {

void read_dump(std::string_view text) {
  (void)is_text(text);
  (void)is_acpi_dump(text);
  const auto bytes = table_of_acpi_dump("input", text, "DMAR");
  if (!bytes.ok()) {
    if (bytes.status().message().empty()) std::abort();
    return;
  }
  const auto length = byte_cursor(*bytes).read(acpi_layout::length);
  if (!length) std::abort();
  if (*length != bytes->size() && *length >= acpi_layout::header_size) std::abort();
  if (!testing::broken_invariant(decode_dmar(*bytes)).empty()) std::abort();
}

/// The bytes as acpidump would print them, so that most inputs get to the table.
std::string printed(std::string_view bytes) {
  std::string text = "DMAR @ 0x0000000000000000\n";
  for (std::size_t at = 0; at < bytes.size(); at += 16) {
    text += absl::StrFormat("    %04X:", at);
    for (const char c : bytes.substr(at, 16)) {
      text += absl::StrFormat(" %02X", static_cast<unsigned char>(c));
    }
    text += "  " + std::string(bytes.substr(at, 16)) + '\n';
  }
  return text;
}

}  // namespace
}  // namespace iommulab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace iommulab;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_dump(text);
  read_dump(std::string("DMAR @ 0x0\n").append(text));
  read_dump(printed(text));
  if (size < acpi_layout::header_size) return 0;
  std::vector<uint8_t> table(data, data + size);
  finish_acpi_table(table);
  read_dump(printed({reinterpret_cast<const char*>(table.data()), table.size()}));
  return 0;
}
