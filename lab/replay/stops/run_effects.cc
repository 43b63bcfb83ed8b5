// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/stops/run_effects.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lab/replay/stops/tracepoint_file.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

using effect_kind = run_effect::kind;

/// Tracepoints, which the port tells as the kernel prints them.
constexpr std::string_view told_tracepoints[] = {"add_device_to_group:",
                                                 "remove_device_from_group:",
                                                 "attach_device_to_domain:",
                                                 "map:",
                                                 "unmap:",
                                                 "cache_tag_assign:",
                                                 "cache_tag_unassign:",
                                                 "cache_tag_flush_all:",
                                                 "cache_tag_flush_range:",
                                                 "cache_tag_flush_range_np:"};

std::optional<uint64_t> number_of(const call_value& value) {
  if (const auto* number = std::get_if<uint64_t>(&value.value)) return *number;
  if (const auto* number = std::get_if<int64_t>(&value.value)) {
    return static_cast<uint64_t>(*number);
  }
  return std::nullopt;
}

/// "0xfffff", or "?" for an argument that is not told.
std::string hex_argument(const call_values& values, std::string_view name) {
  for (const call_value& value : values) {
    const auto number = value.name == name ? number_of(value) : std::nullopt;
    if (number) return absl::StrFormat("0x%x", *number);
  }
  return "?";
}

std::optional<uint64_t> argument(const call_values& values, std::string_view name) {
  for (const call_value& value : values) {
    if (value.name == name) return number_of(value);
  }
  return std::nullopt;
}

class effect_reader {
 public:
  explicit effect_reader(absl::Span<const trace_event> events) : events_(events) {}

  std::vector<run_effect> read() && {
    for (at_ = 0; at_ < events_.size(); ++at_) {
      if (const auto* enter = events_[at_].as<events::call_enter>()) {
        take_enter(*enter);
      } else if (const auto* exit = events_[at_].as<events::call_exit>()) {
        take_exit(*exit);
      } else if (const auto* note = events_[at_].as<events::note>()) {
        take_note(note->text);
      }
    }
    return std::move(effects_);
  }

 private:
  void add(std::string raw, std::string brief, effect_kind what = effect_kind::other) {
    effects_.push_back({what, at_, std::move(raw), std::move(brief)});
  }

  void take_enter(const events::call_enter& call) {
    const call_values& with = call.arguments;
    const auto hex = [&](std::string_view name) { return hex_argument(with, name); };
    if (call.name == "alloc_iova_fast") {
      fast_ = absl::StrFormat("size=%s limit_pfn=%s flush=%d", hex("size"), hex("limit_pfn"),
                              argument(with, "flush_rcache").value_or(0));
      tree_.clear();
      add(absl::StrCat("alloc_iova_fast: ", *fast_), "");
    } else if (call.name == "alloc_iova" && fast_) {
      // The tree is asked for the rounded size.
      tree_ = absl::StrCat(" tree=", hex("size"));
      add(absl::StrFormat("alloc_iova: size=%s limit_pfn=%s aligned=1", hex("size"),
                          hex("limit_pfn")),
          "");
    } else if (call.name == "free_iova_fast") {
      add(absl::StrFormat("free_iova_fast: pfn=%s size=%s", hex("pfn"), hex("size")),
          absl::StrFormat("free_iova %s:%d", hex("pfn"), argument(with, "size").value_or(0)),
          effect_kind::free_iova);
    } else if (call.name == "intel_iommu_map_pages") {
      add(absl::StrFormat("map_pages: iova=%s pa=%s pgsize=%s pgcount=%s prot=%s", hex("iova"),
                          hex("paddr"), hex("pgsize"), hex("pgcount"), hex("prot")),
          absl::StrFormat("map iova=%s pa=%s pages=%s prot=%s", hex("iova"), hex("paddr"),
                          pages_of_call(with), hex("prot")));
    } else if (call.name == "intel_iommu_unmap_pages") {
      add(absl::StrFormat("unmap_pages: iova=%s pgsize=%s pgcount=%s", hex("iova"), hex("pgsize"),
                          hex("pgcount")),
          absl::StrFormat("unmap iova=%s pages=%s", hex("iova"), pages_of_call(with)));
    } else if (call.name == "intel_iommu_tlb_sync") {
      const std::string text =
          absl::StrFormat("start=%s end=%s pgsize=%s", hex("start"), hex("end"), hex("pgsize"));
      add(absl::StrCat("iotlb_sync: ", text), absl::StrCat("sync ", text));
    } else if (call.name == "intel_flush_iotlb_all") {
      add("flush_iotlb_all:", "", effect_kind::flush);
    }
  }

  /// Of 4 KiB.
  static std::string pages_of_call(const call_values& with) {
    const auto size = argument(with, "pgsize");
    const auto count = argument(with, "pgcount");
    if (!size || !count) return "?";
    return absl::StrFormat("0x%x", *size * *count / page_size);
  }

  void take_exit(const events::call_exit& call) {
    if (call.name != "alloc_iova_fast" || !fast_) return;
    const auto pfn = call.result.empty() ? std::nullopt : number_of(call.result.front());
    const std::string result = pfn ? absl::StrFormat("0x%x", *pfn) : "?";
    add(absl::StrCat("alloc_iova_fast_ret: pfn=", result),
        absl::StrCat("iova ", *fast_, tree_, " -> ", result));
    fast_.reset();
  }

  void take_note(const std::string& text) {
    if (const auto submitted = parse_submission(text)) return take_submission(text, *submitted);
    const std::string_view word = std::string_view(text).substr(0, text.find(' '));
    if (std::find(std::begin(told_tracepoints), std::end(told_tracepoints), word) ==
        std::end(told_tracepoints)) {
      return;
    }
    std::string brief;
    if (word.starts_with("cache_tag_flush_range")) {
      brief = absl::StrCat(std::string(word.substr(0, word.size() - 1)), text.substr(word.size()));
    }
    add(text, std::move(brief));
  }

  void take_submission(const std::string& text, const submitted_descriptor& submitted) {
    if (submitted.type == interrupt_submission) return;
    constexpr std::string_view suffix = "_inv";
    std::string_view type = submitted.type;
    if (type.ends_with(suffix)) type.remove_suffix(suffix.size());
    add(text,
        absl::StrFormat("qi %s 0x%x 0x%x", std::string(type), submitted.words[0],
                        submitted.words[1]),
        effect_kind::submission);
  }

  absl::Span<const trace_event> events_;
  size_t at_ = 0;
  std::optional<std::string> fast_;  ///< what the open alloc_iova_fast() was asked
  std::string tree_;
  std::vector<run_effect> effects_;
};

}  // namespace

std::vector<run_effect> effects_of_run(absl::Span<const trace_event> events) {
  return effect_reader(events).read();
}

}  // namespace iommulab::verify
