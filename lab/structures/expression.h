// SPDX-License-Identifier: GPL-2.0-only
//
// What a reader asks of a run, in the words of a debugger:
//
//   dmar0.GSTS.TES            a register's field; GSTS.TES where the machine has one unit,
//                             reg GSTS.TES for the units of a machine that has several
//   si_domain, list_size      a variable of the driver
//   g_iommus[0]->agaw         `.` and `->` are the same, and follow a pointer
//   dmar_domain[dmar0:2].iovad      one structure of a kind, by its name
//   device_domain_info[00:05.0]     … or its device
//   iova_domain               all structures of a kind; one, where there is but one
//   root dmar0 00, context 00:05.0, pte 00:05.0 fffff000     entries of tables in memory
//   walk 00:05.0 fffff000 write     where an address leads (read, unless it says write)
//   registers, caches, queue [UNIT]      of a unit
//   pages, log
//
// Addresses are hexadecimal with or without 0x. A text is parsed once and evaluated often: a
// register or one structure takes a few microseconds, whatever else the system holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/structure.h"
#include "core/types.h"
#include "lab/structures/structure_source.h"
#include "platform/vtd/translation.h"

namespace iommulab {

/// Where an expression begins.
enum class expression_head : uint8_t {
  registers,
  one_register,
  root,
  context,
  pte,
  walk,
  caches,
  queue,
  pages,
  log,
  kind,
  variable,
};

class expression {
 public:
  /// A step from a value to one within it.
  struct step {
    bool is_index = false;
    std::string word;     ///< a field's name, or what stands in brackets
    size_t position = 0;  ///< in the text, from 0
  };

  /// EINVAL with a sentence that says where, and what may be meant.
  static absl::StatusOr<expression> parse(std::string_view text);

  /// The value now. ENOENT when it is not there (yet, or any more): no such domain, a NULL pointer,
  /// no kernel; EINVAL for what can never be, a field that the structure does not have. `source` is
  /// held, or nobody runs; no lock is taken.
  [[nodiscard]] absl::StatusOr<structure_value> evaluate(structure_source& source) const;

  /// As it was parsed, without blanks around it.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  friend class expression_parser;
  friend class expression_evaluator;

  std::string text_;
  expression_head head_ = expression_head::kind;
  size_t name_position_ = 0;
  std::string name_;  ///< of the register, kind or variable
  bool all_units_ = false;
  std::string unit_;  ///< empty: the only one
  std::optional<uint8_t> bus_;
  std::optional<source_id> device_;
  uint64_t address_ = 0;
  dma_access access_ = dma_access::read;
  std::vector<step> path_;
};

/// What may stand in place of a text's end.
struct expression_completion {
  size_t from = 0;                      ///< the text from here on is what is replaced
  std::vector<std::string> candidates;  ///< in order; none where nothing fits
};
/// Of what somebody has typed up to here.
expression_completion complete_expression(structure_source& source, std::string_view text);

}  // namespace iommulab
