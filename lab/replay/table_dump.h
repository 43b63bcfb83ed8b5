// SPDX-License-Identifier: GPL-2.0-only
//
// Root, context and second-level tables (VT-d specification 9.1, 9.3, 9.8): out of a capture's
// dump, and out of the memory of a run. Both sides are walked by the same code, which knows the
// layout of entries and nothing of the driver: from the root, the context entries of each bus,
// then each second-level table once, in the order in which context entries name it, every entry
// that is not zero.
//
// In scalable mode a root entry has two tables of scalable-mode context entries (9.2, 9.4), each of
// these a PASID directory (9.5), whose entries have tables of PASID entries (9.6), and these name
// the tables. Recorders write these rows in two ways:
//   S TABLE INDEX q0=… q1=… q2=… q3=…  ·  D TABLE INDEX VALUE  ·  P TABLE INDEX q0=… … q7=…
//   SC TABLE INDEX … … … …             ·  PD TABLE INDEX VALUE ·  PE TABLE INDEX … (eight words)
//
// What of a dump is the start-up's. The dump was taken at the boot mark, when drivers had already
// probed and mapped buffers. Start-up maps identities only: every mapping that
// intel_iommu_init() makes goes through iommu_domain_identity_map(). A driver's mapping goes
// through the DMA API, whose addresses come from the top of the space, never at the page's own
// address. So, in a dump: a leaf whose address is not its page's is a driver's, and so is every
// table that holds nothing but such leaves, the entry that points at it, a context entry whose
// tables are all gone that way, and a context table left without entries. A table that is empty
// in the dump itself stays. Ours is never filtered.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/types.h"
#include "lab/replay/capture_folder.h"
#include "lab/replay/page_names.h"
#include "platform/memory/physical_memory.h"

namespace iommulab::verify {

/// What a page of entries is: a second-level table has its level, 1 for the one of 4 KiB pages.
using table_level = unsigned;
inline constexpr table_level root_level = 0x100;
inline constexpr table_level context_level = 0x101;
inline constexpr table_level scalable_context_level = 0x102;
inline constexpr table_level pasid_directory_level = 0x103;
inline constexpr table_level pasid_table_level = 0x104;

struct table_entry {
  size_t line = 0;  ///< of the dump; 0 for memory
  unsigned index = 0;
  uint64_t low = 0;
  uint64_t high = 0;                  ///< zero for an entry of one word
  std::array<uint64_t, 6> further{};  ///< words behind these two, of a scalable-mode entry
};

/// A page of entries by address; only entries that are not zero are given.
class table_source {
 public:
  virtual ~table_source() = default;
  /// Null when the page is not there at all.
  [[nodiscard]] virtual std::optional<std::vector<table_entry>> entries(table_level level,
                                                                        uint64_t table) const = 0;
  /// Whether the root entries are those of scalable mode.
  [[nodiscard]] virtual bool is_scalable() const { return false; }
  /// One of them, zero or not.
  [[nodiscard]] virtual std::optional<table_entry> entry(table_level level, uint64_t table,
                                                         unsigned index) const;
};

/// Tables of a run, read where hardware would read them.
class memory_tables : public table_source {
 public:
  explicit memory_tables(const physical_memory& memory, bool scalable = false)
      : memory_(memory), scalable_(scalable) {}
  [[nodiscard]] bool is_scalable() const override { return scalable_; }
  [[nodiscard]] std::optional<std::vector<table_entry>> entries(table_level level,
                                                                uint64_t table) const override;
  [[nodiscard]] std::optional<table_entry> entry(table_level level, uint64_t table,
                                                 unsigned index) const override;

 private:
  const physical_memory& memory_;
  const bool scalable_;
};

/// A dump "pt-MARK.txt". Of a recording of phases its last lines count the second-level entries by
/// sort; a file in which they do not add up is refused (EINVAL). A line "= FILE (N entries)" stands
/// for the tables of the domain above it, as they are in another dump of the folder.
class dumped_tables : public table_source {
 public:
  static absl::StatusOr<dumped_tables> read(const capture_folder& folder, std::string_view file);
  /// The same of a file anywhere, plain or compressed; ENOENT when there is none.
  static absl::StatusOr<dumped_tables> read(const std::string& path);

  [[nodiscard]] bool is_scalable() const override { return scalable_; }
  /// The root table's address; none when the dump says that none was programmed.
  [[nodiscard]] std::optional<uint64_t> root() const { return root_; }
  [[nodiscard]] std::optional<std::vector<table_entry>> entries(table_level level,
                                                                uint64_t table) const override;
  [[nodiscard]] size_t entry_count() const;

  /// Takes out what drivers added after start-up, by the rule above.
  void keep_start_up();

 private:
  using key = std::pair<table_level, uint64_t>;
  /// Another dump of the same folder.
  using neighbour = std::function<absl::StatusOr<dumped_tables>(const std::string& file)>;
  static absl::StatusOr<dumped_tables> parse(const numbered_lines& lines, const std::string& name,
                                             recording_kind recording, const neighbour& other);
  absl::Status take_from_neighbour(const numbered_line& line, const std::string& name,
                                   uint64_t table, table_level level, const neighbour& other);
  size_t copy_second_level(const dumped_tables& from, table_level level, uint64_t table);
  bool prune_second_level(table_level level, uint64_t table, uint64_t iova);
  bool prune_context(uint64_t table);

  std::optional<uint64_t> root_;
  bool scalable_ = false;
  std::map<key, std::vector<table_entry>> tables_;
};

/// The tables below `root` as lines; without a root, one line that says so.
///   R TABLE INDEX lo=… hi=…  ·  C TABLE INDEX lo=… hi=…  ·  LEVEL TABLE INDEX VALUE
///   S, D, P as above
/// What the entries of the functions `passed_over` (requester ids) point at is left out.
numbered_lines table_lines(const table_source& tables, std::optional<uint64_t> root,
                           page_names names, absl::Span<const uint16_t> passed_over = {});

}  // namespace iommulab::verify
