// SPDX-License-Identifier: GPL-2.0-only
#include "lab/tables/walk_words.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/enum_names.h"
#include "platform/vtd/spec/capability.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab {
namespace {

constexpr auto type_words = enum_names<vtd::translation_type>({
    {vtd::translation_type::untranslated_only, "TT 0 (tables, no ATS)"},
    {vtd::translation_type::device_tlb, "TT 1 (tables, ATS allowed)"},
    {vtd::translation_type::pass_through, "TT 2 (pass-through)"},
    {vtd::translation_type::reserved, "TT 3 (reserved)"},
});

std::string root_words(const walk_step& step) {
  const vtd::root_entry root{step.low, step.high};
  if (!root.present()) return "not present";
  return absl::StrFormat("present, context table 0x%x", root.context_table().value());
}

std::string context_words(const walk_step& step) {
  const vtd::context_entry context{step.low, step.high};
  const std::string fpd = context.fault_processing_disabled() ? ", FPD: faults not recorded" : "";
  if (!context.present()) return "not present" + fpd;
  std::string words = absl::StrFormat(
      "present, %s, AW %d (%d bits), domain %d", type_words(context.type()),
      context.address_width(), vtd::width_of(context.address_width()), context.domain().value());
  if (context.type() != vtd::translation_type::pass_through) {
    absl::StrAppend(&words, absl::StrFormat(", tables 0x%x", context.address_root().value()));
  }
  return words + fpd;
}

std::string paging_words(const walk_step& step) {
  const vtd::second_level_entry entry{step.low};
  if (!entry.present()) return "not present";
  std::string words = absl::StrCat(entry.readable() ? "R" : "-", entry.writable() ? " W" : " -");
  if (!entry.is_leaf(step.level)) {
    return absl::StrFormat("%s, table 0x%x", words, entry.address().value());
  }
  const unsigned bits = page_shift + vtd::bits_per_level * (step.level - 1);
  absl::StrAppend(&words,
                  absl::StrFormat(", page 0x%x, %s", entry.address().value(), size_words(bits)));
  if (step.level > 1) words += ", PS";
  if (entry.snoop()) words += ", SNP";
  return words;
}

}  // namespace

std::string step_name(const walk_step& step) {
  if (step.level == verify::root_level) return "root";
  if (step.level == verify::context_level) return "context";
  return absl::StrFormat("level %d", step.level);
}

std::string entry_digits(const walk_step& step) {
  const bool wide = step.level == verify::root_level || step.level == verify::context_level;
  return wide ? absl::StrFormat("%016x %016x", step.high, step.low)
              : absl::StrFormat("%016x", step.low);
}

std::string entry_words(const walk_step& step) {
  if (!step.in_memory) return "the table is not in memory";
  std::string words;
  if (step.level == verify::root_level) {
    words = root_words(step);
  } else if (step.level == verify::context_level) {
    words = context_words(step);
  } else {
    words = paging_words(step);
  }
  if (step.reserved_low != 0) {
    absl::StrAppend(&words, absl::StrFormat(", reserved bits 0x%x", step.reserved_low));
  }
  if (step.reserved_high != 0) {
    absl::StrAppend(&words, absl::StrFormat(", reserved bits 0x%x above 63", step.reserved_high));
  }
  return words;
}

std::string_view entry_section(const walk_step& step) {
  if (step.level == verify::root_level) return "9.1";
  if (step.level == verify::context_level) return "9.3";
  return "9.8";
}

std::string size_words(unsigned bits) {
  constexpr unsigned kib = 10;
  constexpr unsigned mib = 20;
  constexpr unsigned gib = 30;
  constexpr unsigned tib = 40;
  if (bits >= tib) return absl::StrFormat("%d TiB", uint64_t{1} << (bits - tib));
  if (bits >= gib) return absl::StrFormat("%d GiB", uint64_t{1} << (bits - gib));
  if (bits >= mib) return absl::StrFormat("%d MiB", uint64_t{1} << (bits - mib));
  return absl::StrFormat("%d KiB", uint64_t{1} << (bits - kib));
}

std::string device_view(const address_walk& walk) {
  const bool read = walk.access == dma_access::read;
  switch (walk.outcome) {
    case dma_outcome::passed:
    case dma_outcome::translated:
      return absl::StrFormat("%s host memory %s 0x%x", read ? "what" : "nothing: the write goes to",
                             read ? "holds at" : "at", walk.host_address);
    case dma_outcome::interrupt:
      return "nothing: an aligned write of 4 bytes is an interrupt request, any other is dropped";
    case dma_outcome::blocked:
      break;
  }
  return read ? "a completion with Unsupported Request and no data; many devices take that for "
                "all ones, or stop"
              : "nothing: a write is posted, so it is lost without an answer";
}

std::string dropped_words() {
  return "FEEx_xxxxh is the interrupt range, which is never memory (VT-d specification 3.14); no "
         "fault is recorded";
}

}  // namespace iommulab
