// SPDX-License-Identifier: GPL-2.0-only
#include "iova/trace/operation_table.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/enum_names.h"
#include "core/types.h"

namespace iommulab {
namespace operation_table {
namespace {

using op = iova_trace_op;
using field = iova_trace_field;
using result = iova_trace_result;

constexpr field id = {"ID"};
constexpr field size = {"SIZE", 1, iova_trace_last_frame};
constexpr field limit = {"LIMIT", 0, iova_trace_last_frame, true};
constexpr field lo = {"LO", 0, iova_trace_last_frame, true};
constexpr field hi = {"HI", 0, iova_trace_last_frame, true};
constexpr field frame = {"PFN", 0, iova_trace_last_frame, true};
constexpr field flag = {"ALIGNED", 0, 1};
constexpr field flush = {"FLUSH", 0, 1};
constexpr field domain = {"DOMAIN", 0, iova_trace_domains - 1};
constexpr field cpu = {"CPU", 0, iova_trace_cpus - 1};
constexpr field cpus = {"NCPU", 1, iova_trace_cpus};
constexpr field count = {"COUNT", 0, UINT32_MAX};

constexpr std::array init_fields = {field{"GRANULE", 1, page_size},
                                    field{"START_PFN", 0, iova_trace_last_frame, true},
                                    field{"DMA32_PFN", 1, iova_trace_last_frame, true}};
constexpr std::array range_fields = {lo, hi};
constexpr std::array alloc_fields = {id, size, limit, flag};
constexpr std::array alloc_fast_fields = {id, size, limit, flush};
constexpr std::array split_fields = {id, lo, hi};
constexpr std::array copy_fields = {domain, domain};
constexpr std::array id_fields = {id};
constexpr std::array frame_fields = {frame};
constexpr std::array domain_fields = {domain};
constexpr std::array cpu_fields = {cpu};
constexpr std::array cpus_fields = {cpus};
constexpr std::array count_fields = {count};

// In the order of the enumerators.
constexpr std::array<iova_trace_row, 19> table = {{
    {op::init, "init", init_fields, result::nothing},
    {op::use, "use", domain_fields, result::nothing},
    {op::reserve, "reserve", range_fields, result::range_or_fail},
    {op::alloc, "alloc", alloc_fields, result::range_or_fail},
    {op::free, "free", id_fields, result::nothing},
    {op::free_pfn, "free_pfn", frame_fields, result::nothing},
    {op::find, "find", frame_fields, result::range_or_none},
    {op::split, "split", split_fields, result::range_or_fail},
    {op::copy_reserved, "copy_reserved", copy_fields, result::nothing},
    {op::rcache_init, "rcache_init", cpus_fields, result::nothing},
    {op::cpu, "cpu", cpu_fields, result::nothing},
    {op::alloc_fast, "alloc_fast", alloc_fast_fields, result::range_or_fail},
    {op::free_fast, "free_fast", id_fields, result::nothing},
    {op::flush_cpu, "flush_cpu", cpu_fields, result::nothing},
    {op::flush_global, "flush_global", {}, result::nothing},
    {op::work, "work", {}, result::number},
    {op::depot, "depot", {}, result::numbers},
    {op::state, "state", {}, result::words},
    {op::dump, "dump", count_fields, result::listed},
}};

static_assert(has_row_of_each(table, &iova_trace_row::what));

}  // namespace
}  // namespace operation_table

std::string iova_trace_field::written(uint64_t value) const {
  return hexadecimal ? absl::StrFormat("0x%x", value) : absl::StrCat(value);
}

const iova_trace_row& iova_trace_row_of(iova_trace_op what) {
  return operation_table::table[static_cast<size_t>(what)];
}

const iova_trace_row* find_iova_trace_row(std::string_view name) {
  const auto* row = std::find_if(operation_table::table.begin(), operation_table::table.end(),
                                 [name](const iova_trace_row& r) { return r.name == name; });
  return row == operation_table::table.end() ? nullptr : row;
}

}  // namespace iommulab
