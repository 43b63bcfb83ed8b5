// SPDX-License-Identifier: GPL-2.0-only
//
// One I/O page table by itself: a domain of no device and no unit, so that nothing has to be
// flushed. What plays recorded runs of a kernel's page-table code plays them on this.
//
// Frames are numbers of 4 KiB pages; `prot` is the entry's permission bits; levels count from 1,
// where the tables of 4 KiB pages are.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "core/dma/scatterlist.h"
#include "core/types.h"

namespace iommulab {

/// An entry as a walk finds it.
struct page_table_word {
  uint64_t value = 0;
  bool present = false;
  bool leaf = false;
  phys_addr address;  ///< of the page, or of the table below
};

class page_table {
 public:
  virtual ~page_table() = default;

  /// Of the table that an address goes through first.
  [[nodiscard]] virtual int levels() const = 0;
  /// Null when the top table has gone.
  [[nodiscard]] virtual phys_addr top() const = 0;
  /// Whether the width of the domain holds the frame.
  [[nodiscard]] virtual bool holds(uint64_t frame) const = 0;
  /// What stands in `table`, a table of `level`, at `index`.
  [[nodiscard]] virtual page_table_word word(phys_addr table, int level, size_t index) const = 0;

  /// 0 or a negative errno.
  virtual int map(uint64_t frame, uint64_t phys_frame, uint64_t count, uint64_t prot) = 0;
  virtual int map_sg(uint64_t frame, absl::Span<scatterlist> pieces, uint64_t count,
                     uint64_t prot) = 0;
  /// Clears and frees what `first` to `last` fill; how many tables fell out.
  virtual uint64_t unmap(uint64_t first, uint64_t last) = 0;
  /// Clears the entries and leaves the tables.
  virtual void clear(uint64_t first, uint64_t last) = 0;
  /// Frees tables that `first` to `last` fill, whose entries are clear.
  virtual void free_tables(uint64_t first, uint64_t last) = 0;

  /// The kernel's own look-up. Nothing when the width does not hold the frame.
  struct found_entry {
    int level = 0;
    uint64_t value = 0;
  };
  virtual std::optional<found_entry> look_up(uint64_t frame) = 0;
};

}  // namespace iommulab
