// SPDX-License-Identifier: GPL-2.0-only
#include "lab/pagetable/trace_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/number.h"
#include "intel/page_table/levels.h"
#include "iova/trace/recorded_end.h"

namespace iommulab {
namespace {

using op = page_table_op;

constexpr std::string_view arrow = "->";

/// A number of a line: what messages call it, and what it may be.
struct field {
  std::string_view name;
  uint64_t least = 0;
  uint64_t most = UINT64_MAX;
};

constexpr uint64_t last_physical_pfn = (uint64_t{1} << 40) - 1;
constexpr uint64_t last_pfn = (uint64_t{1} << 52) - 1;
constexpr field gaw = {"GAW", 30, 57};
constexpr field superpage = {"SUPERPAGE", 0, 2};
constexpr field iov = {"IOV", 0, last_pfn};
constexpr field phys = {"PHYS", 0, last_physical_pfn};
constexpr field nr = {"NR", 1, last_pfn};
constexpr field prot = {"PROT", 0, INT32_MAX};
constexpr field start = {"START", 0, last_pfn};
constexpr field last = {"LAST", 0, last_pfn};
constexpr field pfn = {"PFN", 0, last_pfn};
constexpr field pieces = {"N", 1, UINT32_MAX};
constexpr field rows = {"N", 0, UINT32_MAX};

struct operation {
  op what;
  std::string_view name;
  std::array<field, 4> fields;
  size_t field_count;
};

constexpr operation operations[] = {
    {op::init, "init", {gaw, superpage}, 2},
    {op::map, "map", {iov, phys, nr, prot}, 4},
    {op::map_sg, "map_sg", {iov, prot}, 2},
    {op::unmap, "unmap", {start, last}, 2},
    {op::clear, "clear", {start, last}, 2},
    {op::freept, "freept", {start, last}, 2},
    {op::walk, "walk", {pfn}, 1},
    {op::tables, "tables", {}, 0},
    {op::dump, "dump", {rows}, 1},
};

/// Pages that a piece of a scatter list touches.
uint64_t pages_of(uint64_t offset, uint64_t length) {
  return (offset % page_size + length + page_size - 1) / page_size;
}

class parser {
 public:
  explicit parser(text_source source) {
    trace_.source = std::move(source);
    lines_ = trace_.source.lines();
  }

  absl::StatusOr<page_table_trace> parse() && {
    for (; at_ < lines_.size(); ++at_) {
      rest_ = lines_[at_];
      if (rest_.empty() || rest_.starts_with('#')) continue;
      if (absl::Status status = read_step(); !status.ok()) return status;
    }
    absl::Status whole = check_marked_end(trace_.source, trace_.steps.size());
    if (!whole.ok()) return whole;
    return std::move(trace_);
  }

 private:
  absl::Status refuse(std::string_view what, std::string_view value, std::string_view why) const {
    return line_error(trace_.source.name, at_ + 1, what, value, why);
  }

  /// The next word of the line; empty at its end.
  std::string_view word() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size()));
    const std::string_view next = rest_.substr(0, rest_.find(' '));
    rest_.remove_prefix(next.size());
    return next;
  }

  absl::Status read_number(const field& f, uint64_t& value) {
    const std::string_view given = word();
    if (given.empty()) return refuse(f.name, given, "the line ends before it");
    const number_reading reading = iommulab::read_number(given);
    if (reading.fault != number_fault::none) return refuse(f.name, given, name(reading.fault));
    value = reading.value;
    if (value < f.least || value > f.most) {
      return refuse(f.name, given, absl::StrFormat("must be 0x%x to 0x%x", f.least, f.most));
    }
    return absl::OkStatus();
  }

  absl::Status read_arrow() {
    const std::string_view given = word();
    if (given == arrow) return absl::OkStatus();
    return refuse("operation", lines_[at_], "\"->\" and an answer are due behind its numbers");
  }

  absl::Status read_step() {
    const std::string_view name = word();
    const auto* row = std::find_if(std::begin(operations), std::end(operations),
                                   [name](const operation& o) { return o.name == name; });
    if (row == std::end(operations)) return refuse("operation", name, "unknown");
    page_table_step step;
    step.what = row->what;
    step.line = static_cast<uint32_t>(at_ + 1);
    for (size_t i = 0; i < row->field_count; ++i) {
      absl::Status status = read_number(row->fields[i], step.arguments[i]);
      if (!status.ok()) return status;
    }
    if (absl::Status status = check_order(step); !status.ok()) return status;
    if (absl::Status status = read_rest(step); !status.ok()) return status;
    if (!rest_.empty()) return refuse("operation", rest_, "more than belongs to the line");
    if (absl::Status status = check_range(step); !status.ok()) return status;
    if (step.what == op::dump) {
      if (absl::Status status = read_rows(step); !status.ok()) return status;
    }
    trace_.steps.push_back(step);
    return absl::OkStatus();
  }

  /// Whether there is a table that the operation can act on.
  absl::Status check_order(const page_table_step& step) {
    if (step.what == op::init) {
      gaw_ = static_cast<int>(step.arguments[0]);
      table_gone_ = false;
      return absl::OkStatus();
    }
    if (gaw_ == 0) return refuse("operation", lines_[at_], "stands before the first init");
    if (table_gone_ && step.what != op::tables) {
      return refuse("operation", lines_[at_], "the whole table went before, and no init followed");
    }
    return absl::OkStatus();
  }

  /// What the operation's own numbers are followed by.
  absl::Status read_rest(page_table_step& step) {
    switch (step.what) {
      case op::init:
      case op::clear:
      case op::dump:
        return absl::OkStatus();
      case op::map_sg:
        return read_pieces(step);
      case op::map:
        if (absl::Status status = read_arrow(); !status.ok()) return status;
        return read_mapping_answer(step);
      case op::unmap:
      case op::freept:
      case op::tables:
        if (absl::Status status = read_arrow(); !status.ok()) return status;
        return read_count(step);
      case op::walk:
        if (absl::Status status = read_arrow(); !status.ok()) return status;
        return read_walk_answer(step);
    }
    return absl::OkStatus();
  }

  absl::Status read_count(page_table_step& step) {
    uint64_t count = 0;
    absl::Status status = read_number({"K", 0, INT64_MAX}, count);
    step.answer.result = static_cast<int64_t>(count);
    return status;
  }

  /// "RC WARN"
  absl::Status read_mapping_answer(page_table_step& step) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size()));
    const bool negative = rest_.starts_with('-');
    if (negative) rest_.remove_prefix(1);
    uint64_t magnitude = 0;
    if (absl::Status status = read_number({"RC", 0, 4095}, magnitude); !status.ok()) return status;
    step.answer.result = static_cast<int64_t>(magnitude) * (negative ? -1 : 1);
    return read_number({"WARN"}, step.answer.detail);
  }

  /// "LEVEL VALUE" or "none"
  absl::Status read_walk_answer(page_table_step& step) {
    const std::string_view before = rest_;
    if (word() == "none") {
      step.answer.none = true;
      return absl::OkStatus();
    }
    rest_ = before;
    uint64_t level = 0;
    absl::Status status = read_number({"LEVEL", 1, static_cast<uint64_t>(levels())}, level);
    step.answer.result = static_cast<int64_t>(level);
    return status.ok() ? read_number({"VALUE"}, step.answer.detail) : status;
  }

  /// "N (PFN OFF LEN)*N -> RC WARN DMA_ADDR*N"
  absl::Status read_pieces(page_table_step& step) {
    uint64_t count = 0;
    if (absl::Status status = read_number(pieces, count); !status.ok()) return status;
    step.first = static_cast<uint32_t>(trace_.pieces.size());
    step.count = static_cast<uint32_t>(count);
    // What is there is read; what the count promises is not believed beforehand.
    for (uint64_t i = 0; i < count; ++i) {
      if (absl::Status status = read_piece(step); !status.ok()) return status;
    }
    if (absl::Status status = read_arrow(); !status.ok()) return status;
    if (absl::Status status = read_mapping_answer(step); !status.ok()) return status;
    for (uint64_t i = 0; i < count; ++i) {
      uint64_t address = 0;
      if (absl::Status status = read_number({"DMA_ADDR"}, address); !status.ok()) return status;
      trace_.piece_addrs.emplace_back(address);
    }
    return absl::OkStatus();
  }

  absl::Status read_piece(page_table_step& step) {
    uint64_t page = 0;
    uint64_t offset = 0;
    uint64_t length = 0;
    absl::Status status = read_number(phys, page);
    if (status.ok()) status = read_number({"OFF", 0, UINT32_MAX}, offset);
    if (status.ok()) status = read_number({"LEN", 1, UINT32_MAX}, length);
    if (!status.ok()) return status;
    const uint64_t pages = pages_of(offset, length);
    if (page + pages - 1 > last_physical_pfn) {
      return refuse("LEN", absl::StrCat(length), "the piece ends beyond 52 bits of address");
    }
    scatterlist& piece = trace_.pieces.emplace_back();
    piece.page = phys_addr(page << page_shift);
    piece.offset = static_cast<uint32_t>(offset);
    piece.length = static_cast<uint32_t>(length);
    step.arguments[2] += pages;
    return absl::OkStatus();
  }

  absl::Status check_range(const page_table_step& step) {
    const auto& given = step.arguments;
    const uint64_t end = uint64_t{1} << (gaw_ - 12);
    std::optional<uint64_t> beyond;
    switch (step.what) {
      case op::map:
        if (given[1] + given[2] - 1 > last_physical_pfn) {
          return refuse("NR", absl::StrCat(given[2]), "the range ends beyond 52 bits of address");
        }
        beyond = given[0] + given[2];
        break;
      case op::map_sg:
        beyond = given[0] + given[2];
        break;
      case op::unmap:
      case op::clear:
      case op::freept:
        if (given[0] > given[1]) {
          return refuse("LAST", absl::StrFormat("0x%x", given[1]), "lies below START");
        }
        beyond = given[1] + 1;
        table_gone_ = step.what != op::clear && given[0] == 0 && given[1] == end - 1;
        break;
      default:
        break;
    }
    if (!beyond || *beyond <= end) return absl::OkStatus();
    return refuse("operation", lines_[at_],
                  absl::StrFormat("the range ends beyond the domain's %d bits", gaw_));
  }

  int levels() const { return agaw_to_level(width_to_agaw(gaw_)); }

  absl::Status read_rows(page_table_step& step) {
    step.first = static_cast<uint32_t>(trace_.rows.size());
    step.count = static_cast<uint32_t>(step.arguments[0]);
    for (uint32_t i = 0; i < step.count; ++i) {
      if (absl::Status status = next_line(step, i); !status.ok()) return status;
      if (absl::Status status = read_row(); !status.ok()) return status;
    }
    if (absl::Status status = next_line(step, step.count); !status.ok()) return status;
    if (rest_ != "end") return refuse("dump", rest_, "\"end\" is due here");
    return absl::OkStatus();
  }

  absl::Status next_line(const page_table_step& step, uint32_t seen) {
    if (at_ + 1 == lines_.size()) {
      return refuse(
          "dump", absl::StrCat(step.count),
          absl::StrFormat("the file ends after %d of its entries, without \"end\"", seen));
    }
    rest_ = lines_[++at_];
    return absl::OkStatus();
  }

  /// "LEVEL PATH VALUE"
  absl::Status read_row() {
    uint64_t level = 0;
    page_table_row row;
    absl::Status status = read_number({"LEVEL", 1, static_cast<uint64_t>(levels())}, level);
    if (!status.ok()) return status;
    row.level = static_cast<uint8_t>(level);
    if (status = read_path(row); !status.ok()) return status;
    if (status = read_number({"VALUE"}, row.value); !status.ok()) return status;
    if (!rest_.empty()) return refuse("entry", rest_, "more than belongs to the line");
    trace_.rows.push_back(row);
    return absl::OkStatus();
  }

  /// The indexes from the top table down, with dots between.
  absl::Status read_path(page_table_row& row) {
    const std::string_view path = word();
    const char* at = path.data();
    const char* const end = at + path.size();
    for (int level = levels(); level >= row.level; --level) {
      unsigned index = 0;
      const auto [stop, error] = std::from_chars(at, end, index);
      if (error != std::errc() || index >= vtd::paging_entries_per_table) {
        return refuse("PATH", path, "an index is missing, or is not 0 to 511");
      }
      row.first_pfn |= uint64_t{index} << level_to_offset_bits(level);
      const bool last_index = level == row.level;
      if (last_index != (stop == end) || (!last_index && *stop != '.')) {
        return refuse("PATH", path,
                      absl::StrFormat("%d indexes with dots between lead to level %d of %d",
                                      levels() - row.level + 1, row.level, levels()));
      }
      if (!last_index) at = stop + 1;
    }
    return absl::OkStatus();
  }

  page_table_trace trace_;
  std::vector<std::string_view> lines_;
  size_t at_ = 0;
  std::string_view rest_;  // of the line, unread
  int gaw_ = 0;            // of the domain that is used, 0 before the first
  bool table_gone_ = false;
};

}  // namespace

absl::StatusOr<page_table_trace> parse_page_table_trace(text_source source) {
  return parser(std::move(source)).parse();
}

absl::StatusOr<page_table_trace> read_page_table_trace(const std::string& path) {
  absl::StatusOr<text_source> source = read_source(path);
  if (!source.ok()) return source.status();
  if (absl::Status ends = check_last_line_ends(*source); !ends.ok()) return ends;
  return parse_page_table_trace(*std::move(source));
}

}  // namespace iommulab
