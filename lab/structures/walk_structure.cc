// SPDX-License-Identifier: GPL-2.0-only
#include "lab/structures/walk_structure.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lab/replay/table_dump.h"
#include "lab/structures/driver_unit.h"
#include "lab/structures/value_access.h"
#include "lab/tables/address_walk.h"
#include "lab/tables/walk_words.h"
#include "platform/vtd/spec/fault_reason.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab {
namespace {

std::string outcome_word(dma_outcome outcome) {
  switch (outcome) {
    case dma_outcome::passed:
      return "passed";
    case dma_outcome::translated:
      return "translated";
    case dma_outcome::interrupt:
      return "interrupt";
    case dma_outcome::blocked:
      break;
  }
  return "blocked";
}

structure step_entry(const walk_step& step) {
  structure entry{"entry", absl::StrCat("[", step_name(step), "]"), {}};
  entry.add("table", step.table).add("index", int64_t{step.index});
  entry.add("low", step.low, entry_words(step)).add("high", step.high);
  return entry;
}

}  // namespace

structure walk_structure(const tables_in_memory& tables, const vtd_unit& unit, uint16_t requester,
                         uint64_t address, dma_access access) {
  const bool translating =
      vtd::gsts::tes.test(static_cast<uint32_t>(unit.peek(vtd_register::gsts)));
  const address_walk walk =
      walk_address({unit.config(), translating, unit.root_table().value()},
                   verify::memory_tables(tables.system().memory()), requester, address, access);
  const std::string device = tables.device_at(unit, requester);
  structure s{"walk",
              absl::StrFormat("%s 0x%x %s", device, address,
                              access == dma_access::write ? "write" : "read"),
              {}};
  s.add("unit", unit.config().name);
  structure_list steps;
  for (const walk_step& step : walk.steps) steps.emplace_back(step_entry(step));
  s.add("steps", std::move(steps));
  s.add("outcome", outcome_word(walk.outcome),
        translating ? (walk.ok() ? "" : device_view(walk)) : "translation is off");
  const bool fault = walk.reason != vtd::fault_reason::none;
  s.add("fault", uint64_t{static_cast<uint8_t>(walk.reason)},
        fault ? absl::StrFormat("%s %s", vtd::mnemonic(walk.reason), vtd::name(walk.reason)) : "");
  s.add("recorded", bit(walk.recorded), fault && !walk.recorded ? "FPD forbids it" : "");
  s.add("host_address", walk.host_address);
  s.add("page_size", walk.page_bits == 0 ? uint64_t{0} : uint64_t{1} << walk.page_bits,
        walk.page_bits == 0 ? "" : size_words(walk.page_bits));
  s.add("R", bit(walk.readable)).add("W", bit(walk.writable)).add("SNP", bit(walk.snoop));
  return s;
}

}  // namespace iommulab
