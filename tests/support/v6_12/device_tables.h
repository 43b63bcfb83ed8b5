// SPDX-License-Identifier: GPL-2.0-only
//
// What a device may reach, read from simulated memory by the VT-d specification's layouts: legacy
// and scalable-mode root and context entries (9.1 to 9.4), PASID directory and table (9.5, 9.6),
// first-level and second-level tables (9.7, 9.8). Shifts and masks of its own: nothing of the
// unit's walker, the driver's or the data sheet that both read.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <set>
#include <vector>

#include "core/types.h"
#include "platform/memory/physical_memory.h"
#include "support/v6_12/page_map.h"

namespace iommulab::test {

/// What becomes of a requester's requests.
enum class request_kind {
  no_root_entry,
  no_context_entry,
  pasid_not_enabled,
  no_directory_entry,
  no_pasid_entry,
  pass_through,
  second_level,
  first_level,
};
struct request_path {
  request_kind kind = request_kind::no_root_entry;
  uint64_t table = 0;
  unsigned levels = 0;
  unsigned domain = 0;

  [[nodiscard]] bool translates() const {
    return kind == request_kind::second_level || kind == request_kind::first_level;
  }
};
inline std::ostream& operator<<(std::ostream& out, const request_path& path) {
  return out << "kind " << static_cast<int>(path.kind) << ", table 0x" << std::hex << path.table
             << std::dec << ", " << path.levels << " levels, domain " << path.domain;
}

class device_tables {
 public:
  /// The tables that a unit finds by its root table address register.
  device_tables(physical_memory& memory, uint64_t rtaddr);

  [[nodiscard]] bool scalable() const { return scalable_; }

  /// Of requests without a PASID, or with one.
  [[nodiscard]] request_path path(source_id id, std::optional<uint32_t> pasid = {}) const {
    return scalable_ ? scalable_path(id, pasid) : legacy_path(id);
  }
  /// PASIDs, of requests that have one, for which there is an entry.
  [[nodiscard]] std::set<uint32_t> pasids(source_id id) const;

  /// Everything that a path's tables map, in ascending order. Their pages are added to `tables`; an
  /// entry that maps nothing has to be zero.
  std::vector<page_run> reach(const request_path& path, std::set<uint64_t>& tables) const;
  /// The pages that the entry is for at which a walk to `page` ends, `to` zero where it is not
  /// present.
  [[nodiscard]] page_run entry_of(const request_path& path, uint64_t page) const;
  /// Adds the pages of root and context tables, PASID directories and PASID tables.
  void add_pages_above(std::set<uint64_t>& pages) const;

 private:
  struct table_of {
    bool first_level;
    unsigned level;
    uint64_t address;
    uint64_t page;  ///< the first that it is for
    bool writable;  ///< as far as the entries above say
  };

  [[nodiscard]] uint64_t word(uint64_t address) const;
  [[nodiscard]] request_path legacy_path(source_id id) const;
  [[nodiscard]] request_path scalable_path(source_id id, std::optional<uint32_t> pasid) const;
  /// 0: there is no context table.
  [[nodiscard]] uint64_t context_of(source_id id) const;
  void add_pasid_pages(uint64_t context, std::set<uint64_t>& pages) const;
  void walk(const table_of& table, std::vector<page_run>& runs, std::set<uint64_t>& tables) const;

  physical_memory& memory_;
  uint64_t root_;
  bool scalable_;
};

}  // namespace iommulab::test
