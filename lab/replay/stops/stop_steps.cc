// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/stops/stop_steps.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/text_source.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

using api_kind = dma_api_item::kind;

struct event_of_call {
  std::string_view name;  ///< of the event with which the call begins
  api_kind what;
  bool direct;
};
constexpr event_of_call events_of_calls[] = {
    {"map_page", api_kind::map_page, false},    {"unmap_page", api_kind::unmap_page, false},
    {"map_sg", api_kind::map_sg, false},        {"unmap_sg", api_kind::unmap_sg, false},
    {"alloc", api_kind::alloc, false},          {"free", api_kind::free, false},
    {"dma_map_page", api_kind::map_page, true}, {"dma_unmap_page", api_kind::unmap_page, true},
    {"dma_map_sg", api_kind::map_sg, true},     {"dma_unmap_sg", api_kind::unmap_sg, true},
    {"dma_alloc", api_kind::alloc, true},       {"dma_free", api_kind::free, true},
};

/// The device of "map_page: dev="0000:00:05.0" …" or of "dma_map_page: 0000:00:05.0 …".
std::string_view device_in_event(std::string_view text) {
  text.remove_prefix(std::min(text.find(": "), text.size()));
  if (!take_prefix(text, ": ")) return {};
  if (take_prefix(text, "dev=\"")) return text.substr(0, text.find('"'));
  return text.substr(0, text.find(' '));
}

class step_builder {
 public:
  step_builder(const capture_folder& folder, absl::Span<const tracepoint> events,
               absl::Span<const dma_api_file> files)
      : folder_(folder), events_(events), files_(files), next_(files.size(), 0) {}

  absl::StatusOr<std::vector<stop_step>> build() && {
    for (at_ = 0; at_ < events_.size(); ++at_) {
      if (events_[at_].phase == "boot") continue;
      if (absl::Status status = take(events_[at_]); !status.ok()) return status;
    }
    for (size_t i = 0; i < files_.size(); ++i) {
      if (next_item(i) == nullptr) continue;
      return line_error(folder_.file_path(files_[i].name), next_item(i)->line, "call",
                        next_item(i)->text, "events.txt has no more of this device");
    }
    return std::move(steps_);
  }

 private:
  absl::Status take(const tracepoint& event) {
    if (event.name == "tracing_mark_write") return take_mark(event);
    if (event.name == "flush_iotlb_all") return take_flush(event);
    if (event.name == "unmap") return take_missed_call(event);
    const auto* begins = std::find_if(std::begin(events_of_calls), std::end(events_of_calls),
                                      [&](const event_of_call& e) { return e.name == event.name; });
    if (begins == std::end(events_of_calls)) return absl::OkStatus();
    const std::string_view device = device_in_event(event.text);
    const auto file = std::find_if(files_.begin(), files_.end(),
                                   [&](const dma_api_file& f) { return f.device == device; });
    if (file == files_.end()) return refuse(event, "no file of dma-api is this device's");
    const auto index = static_cast<size_t>(file - files_.begin());
    const dma_api_item* item = next_item(index);
    if (begins->direct && !is_direct(*file)) return absl::OkStatus();  // a probe shows it as well
    if (item == nullptr || item->what != begins->what || item->direct != begins->direct) {
      return disagree(event, *file, item);
    }
    if (!agree(event, *item)) return disagree(event, *file, item);
    return add(stop_step::kind::call, event, index);
  }

  static bool is_direct(const dma_api_file& file) {
    return std::any_of(file.items.begin(), file.items.end(),
                       [](const dma_api_item& item) { return item.direct; });
  }

  /// What both files say of the call in the same words, and the place in the page.
  static bool agree(const tracepoint& event, const dma_api_item& item) {
    constexpr std::string_view offset_word = " off=";
    const size_t at = event.text.find(offset_word);
    if (item.what == api_kind::map_page && !item.direct && item.phys.value() != 0) {
      const std::string_view rest =
          std::string_view(event.text)
              .substr(at == std::string::npos ? event.text.size() : at + offset_word.size());
      const auto offset = parse_number(rest.substr(0, rest.find(' ')));
      if (!offset || (*offset & ~page_mask) != item.phys.page_offset()) return false;
    }
    for (const std::string_view word : split_at(item.given, ' ')) {
      const bool same_words = word.starts_with("size=") || word.starts_with("nents=") ||
                              word.starts_with("dir=") || word.starts_with("gfp=") ||
                              word.starts_with("attrs=");
      if (item.direct || !same_words || word == "nents=?") continue;
      const std::vector<std::string_view> words = split_at(event.text, ' ');
      if (std::find(words.begin(), words.end(), word) == words.end()) return false;
    }
    return true;
  }

  absl::Status take_mark(const tracepoint& event) {
    constexpr std::string_view prefix = "tracing_mark_write: ORACLE-MARK ";
    constexpr std::string_view fault = "fault-edu ";
    std::string_view mark = event.text;
    if (!take_prefix(mark, prefix)) return refuse(event, "no mark of the workload");
    for (size_t i = 0; i < files_.size(); ++i) {
      const dma_api_item* item = next_item(i);
      if (item != nullptr && item->what == api_kind::mark && item->given == mark) ++next_[i];
    }
    if (!take_prefix(mark, fault)) return absl::OkStatus();
    steps_.push_back(
        {stop_step::kind::fault, event.phase, event.line, event.text, 0, 0, std::string(mark)});
    return absl::OkStatus();
  }

  /// An unmapping of a list that no probe showed ("nents=?"): its tracepoint alone did.
  absl::Status take_missed_call(const tracepoint& event) {
    constexpr std::string_view before_address = "unmap: iova=";
    std::string_view rest = event.text;
    if (!take_prefix(rest, before_address)) return refuse(event, "it has no iova=");
    const auto address = parse_number(rest.substr(0, rest.find(' ')));
    for (size_t i = 0; i < files_.size(); ++i) {
      const dma_api_item* item = next_item(i);
      const bool missed =
          item != nullptr && item->what == api_kind::unmap_sg && !item->direct && item->pieces == 0;
      if (!missed || item->address.value() != address) continue;
      absl::Status status = add(stop_step::kind::call, event, i);
      steps_.back().missed = true;
      return status;
    }
    return absl::OkStatus();
  }

  /// The domain is that of the descriptor that comes next.
  absl::Status take_flush(const tracepoint& event) {
    constexpr unsigned domain_shift = 16;
    constexpr uint64_t domain_mask = 0xffff;
    std::optional<unsigned> domain;
    for (size_t i = at_ + 1; i < events_.size() && !domain; ++i) {
      const auto submitted = parse_submission(events_[i].text);
      if (!submitted || submitted->type != "iotlb_inv") continue;
      domain = static_cast<unsigned>((submitted->words[0] >> domain_shift) & domain_mask);
    }
    for (size_t i = 0; i < files_.size() && domain; ++i) {
      const dma_api_item* item = next_item(i);
      if (item == nullptr || item->domain != *domain) continue;
      if (item->what == api_kind::flush_timer) return add(stop_step::kind::timer, event, i);
      if (item->what != api_kind::flush_full) continue;
      ++next_[i];
      return absl::OkStatus();
    }
    return refuse(event, "no device's next line in dma-api is a flush of this domain");
  }

  absl::Status add(stop_step::kind what, const tracepoint& event, size_t file) {
    steps_.push_back({what, event.phase, event.line, event.text, file, next_[file]++, {}});
    return absl::OkStatus();
  }

  [[nodiscard]] const dma_api_item* next_item(size_t file) const {
    const std::vector<dma_api_item>& items = files_[file].items;
    return next_[file] < items.size() ? &items[next_[file]] : nullptr;
  }

  absl::Status refuse(const tracepoint& event, std::string_view why) const {
    return line_error(folder_.file_path(tracepoints_file), event.line, "event", event.text, why);
  }
  absl::Status disagree(const tracepoint& event, const dma_api_file& file,
                        const dma_api_item* item) const {
    if (item == nullptr) return refuse(event, absl::StrFormat("%s has no more calls", file.name));
    return refuse(event, absl::StrFormat("line %d of %s has another call: %s", item->line,
                                         file.name, item->text));
  }

  const capture_folder& folder_;
  absl::Span<const tracepoint> events_;
  absl::Span<const dma_api_file> files_;
  std::vector<size_t> next_;
  size_t at_ = 0;
  std::vector<stop_step> steps_;
};

}  // namespace

absl::StatusOr<std::vector<stop_step>> steps_of_stops(const capture_folder& folder,
                                                      absl::Span<const tracepoint> events,
                                                      absl::Span<const dma_api_file> files) {
  return step_builder(folder, events, files).build();
}

}  // namespace iommulab::verify
