// SPDX-License-Identifier: GPL-2.0-only
//
// Any bytes as a DMAR table: decoded, checked against the invariants of a decode, and shown.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "cli/dmar/dmar_json.h"
#include "cli/dmar/dmar_text.h"
#include "kernel/catalogue.h"
#include "platform/firmware/acpi_table.h"
#include "platform/firmware/dmar_layout.h"
#include "platform/firmware/dmar_table.h"
#include "platform/firmware/support/dmar_invariants.h"

namespace iommulab {
namespace {

void decode_and_show(absl::Span<const uint8_t> bytes) {
  const dmar_table table = decode_dmar(bytes);
  const std::string broken = testing::broken_invariant(table);
  if (!broken.empty()) {
    std::fprintf(stderr, "broken invariant: %s\n", broken.c_str());
    std::abort();
  }
  if (!table.decodable) return;
  const kernel_profile& kernel = default_kernel_profile();
  if (dmar_to_text(table, "input", kernel).empty()) std::abort();
  if (dmar_to_json(table, "input", kernel).empty()) std::abort();
}

}  // namespace
}  // namespace iommulab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace iommulab;
  decode_and_show({data, size});
  // And once more behind a good header, so that most inputs get to the structures.
  if (size < dmar_layout::header::size) return 0;
  std::vector<uint8_t> table(data, data + size);
  for (std::size_t i = 0; i < dmar_layout::signature.size(); ++i) {
    table[i] = static_cast<uint8_t>(dmar_layout::signature[i]);
  }
  finish_acpi_table(table);
  decode_and_show(table);
  return 0;
}
