// SPDX-License-Identifier: GPL-2.0-only
//
// A run of second-level page-table code, operation by operation, with what came of each: the
// content of a trace file. README.md describes the lines.
//
// What the reader holds to, and the player relies on: a domain is made before it is used and not
// used after its whole table went; every range lies within the domain's width and every physical
// address within 52 bits.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/dma/scatterlist.h"
#include "core/text_source.h"

namespace iommulab {

enum class page_table_op : uint8_t { init, map, map_sg, unmap, clear, freept, walk, tables, dump };

/// What an operation gave, as far as it stands behind the arrow.
struct page_table_answer {
  int64_t result = 0;   ///< map: 0 or a negative errno; unmap, freept, tables: pages; walk: level
  uint64_t detail = 0;  ///< map: entries that were set already; walk: the entry
  bool none = false;    ///< walk: beyond the domain's width
  bool operator==(const page_table_answer&) const = default;
};

/// An entry that is not zero. What a pointer to a table holds above its low 12 bits is left out.
struct page_table_row {
  uint8_t level = 0;
  uint64_t first_pfn = 0;  ///< that the entry covers
  uint64_t value = 0;
  bool operator==(const page_table_row&) const = default;
};

struct page_table_step {
  page_table_op what = page_table_op::init;
  uint32_t line = 0;   ///< in the file, from 1
  uint32_t first = 0;  ///< of map_sg and dump: where its pieces or rows begin
  uint32_t count = 0;
  std::array<uint64_t, 4> arguments{};  ///< as they stand in the line; map_sg: IOV PROT and pages
  page_table_answer answer;
};

struct page_table_trace {
  text_source source;
  std::vector<page_table_step> steps;
  std::vector<scatterlist> pieces;    ///< of map_sg, as they are given
  std::vector<dma_addr> piece_addrs;  ///< where each was mapped to
  std::vector<page_table_row> rows;   ///< of dumps
};

/// "0 0", "2", "3 0x0", "none": as behind the arrow.
std::string page_table_answer_text(page_table_op what, const page_table_answer& answer);
/// "1 0.0.3.17 0x10003", of a domain with `levels` levels.
std::string page_table_row_text(const page_table_row& row, int levels);

}  // namespace iommulab
