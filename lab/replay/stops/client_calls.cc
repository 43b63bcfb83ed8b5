// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/stops/client_calls.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/text_source.h"
#include "lab/graph/graph_reader.h"
#include "lab/replay/call_listing.h"
#include "lab/replay/stops/later_calls.h"

namespace iommulab::verify {
namespace {

using tree_kind = call_event::kind;

/// Functions that go, with all that they call.
constexpr std::string_view functions_left_out[] = {
    // Files of sysfs: which are read is the recorder's choice.
    "iommu_group_attr_show",
    "domains_used_show",
    // Power management of the device, which has none here.
    "vfio_device_pm_runtime_get",
    "vfio_device_pm_runtime_put",
    "vfio_pci_core_runtime_suspend",
    "vfio_pci_core_runtime_resume",
    // How devtmpfs calls a node and lets it be opened; VFIO's file system of inodes.
    "vfio_devnode",
    "vfio_device_devnode",
    "vfio_fs_init_fs_context",
    // The recorded program reached registers through its memory, ours through the bus.
    "vfio_device_fops_mmap",
    "vfio_pci_mmap_page_fault",
    // It runs in an interrupt, whose moment is the machine's.
    "dmar_fault",
    // Parts of the kernel's memory management that only look.
    "follow_pfnmap_start",
    "mm_pasid_drop",
};

/// A copy of each stands in the recorded kernel, but its compiler put the function into every
/// caller that occurs: the tracer never saw one. What they call moves up.
constexpr std::string_view inlined[] = {
    "domain_detach_iommu",
    "iommufd_selftest_is_mock_dev",
};

/// So it is in this caller alone.
struct inlined_call {
  std::string_view caller;
  std::string_view function;
};
constexpr inlined_call inlined_there[] = {
    {"iommu_paging_domain_alloc", "__iommu_domain_alloc"},
    {"iommu_get_group_resv_regions", "iommu_alloc_resv_region"},
};

std::vector<call_event> without_inlined_calls(absl::Span<const call_event> events) {
  std::vector<call_event> kept;
  std::vector<std::string> open;
  std::vector<bool> is_taken_out;
  for (const call_event& event : events) {
    if (event.what == tree_kind::enter) {
      const bool is_inlined =
          std::any_of(std::begin(inlined_there), std::end(inlined_there), [&](const auto& one) {
            return event.text == one.function && !open.empty() && open.back() == one.caller;
          });
      is_taken_out.push_back(is_inlined);
      if (is_inlined) continue;
      open.push_back(event.text);
    } else if (event.what == tree_kind::exit && !is_taken_out.empty()) {
      const bool was_inlined = is_taken_out.back();
      is_taken_out.pop_back();
      if (was_inlined) continue;
      open.pop_back();
    }
    kept.push_back(event);
  }
  return kept;
}

/// Functions that go, and what they call moves up.
constexpr std::string_view passed_through[] = {
    "bus_for_each_dev",
};

template <size_t N>
bool is_one(const std::string& function, const std::string_view (&names)[N]) {
  return std::find(std::begin(names), std::end(names), function) != std::end(names);
}

std::vector<call_event> compared_client_part(absl::Span<const call_event> events) {
  std::vector<call_event> kept;
  size_t open_left_out = 0;  // open calls of one that goes, itself included
  for (const call_event& event : events) {
    const bool enters = event.what == tree_kind::enter;
    if (event.what == tree_kind::note) continue;
    if (open_left_out == 0 && !(enters && is_one(event.text, functions_left_out))) {
      kept.push_back(event);
    } else if (enters) {
      ++open_left_out;
    } else {
      --open_left_out;
    }
  }
  return keep_calls(
      kept,
      [](const std::string& function) {
        return !is_one(function, passed_through) && !is_one(function, inlined);
      },
      [](const std::string&) { return false; });
}

/// Which operation is under way, by the marks of the recording.
class client_marks {
 public:
  client_marks(std::string file, absl::Span<const client_operation> operations)
      : file_(std::move(file)), operations_(operations) {}

  /// A note of the recording; of others than marks nothing is asked.
  absl::Status take(const call_event& note) {
    if (note.text.starts_with(begin_mark)) return begin(note);
    if (note.text.starts_with(end_mark)) return end(note);
    return absl::OkStatus();
  }
  /// The recording is over, with line `last`.
  [[nodiscard]] absl::Status finish(size_t last) const {
    if (!may_go_on()) return refuse(last, "", cut_short("the mark of its end", begun_));
    if (begun_ == operations_.size()) return absl::OkStatus();
    return refuse(last, "", cut_short("the mark of its beginning", begun_ + 1));
  }
  /// The number of the one that is under way, 0 between two.
  [[nodiscard]] unsigned open() const { return open_ ? operations_[begun_ - 1].number : 0; }

 private:
  static constexpr std::string_view begin_mark = "OP begin ";
  static constexpr std::string_view end_mark = "OP end ";

  absl::Status begin(const call_event& note) {
    if (!may_go_on()) {
      return refuse(note.line, note.text,
                    absl::StrFormat("operation %d has not ended", operations_[begun_ - 1].number));
    }
    if (begun_ == operations_.size()) {
      return refuse(note.line, note.text, "the script has no further operation");
    }
    const client_operation& next = operations_[begun_];
    const std::string wanted = absl::StrCat(std::string(begin_mark), next.number, " ", next.text);
    if (note.text != wanted) {
      return refuse(note.line, note.text, absl::StrFormat("the next mark is \"%s\"", wanted));
    }
    ++begun_;
    open_ = true;
    return absl::OkStatus();
  }

  absl::Status end(const call_event& note) {
    if (!open_ || note.text != absl::StrCat(std::string(end_mark), open())) {
      return refuse(note.line, note.text, "this operation has not begun");
    }
    open_ = false;
    return absl::OkStatus();
  }

  /// Nothing is under way but what has no mark at its end.
  [[nodiscard]] bool may_go_on() const {
    return !open_ || operations_[begun_ - 1].words[0] == "sysfs";
  }
  static std::string cut_short(std::string_view what, size_t operation) {
    return absl::StrFormat("the file is cut short: operation %d lacks %s", operation,
                           std::string(what));
  }
  [[nodiscard]] absl::Status refuse(size_t line, std::string_view value,
                                    std::string_view why) const {
    return line_error(file_, line, "mark", value, why);
  }

  std::string file_;
  absl::Span<const client_operation> operations_;
  size_t begun_ = 0;
  bool open_ = false;
};

}  // namespace

absl::StatusOr<std::map<unsigned, std::vector<call_event>>> read_client_calls(
    const capture_folder& folder, absl::Span<const client_operation> operations) {
  const auto lines = folder.read_lines(client_graph_file);
  if (!lines.ok()) return lines.status();
  const auto graph = read_graph(*lines, folder.file_path(client_graph_file));
  if (!graph.ok()) return graph.status();
  std::map<unsigned, std::vector<call_event>> calls;
  client_marks marks(folder.file_path(client_graph_file), operations);
  uint32_t task = 0;
  for (size_t i = 0; i < graph->events.size(); ++i) {
    const call_event& event = graph->events[i];
    if (event.what == tree_kind::note) {
      const unsigned before = marks.open();
      if (absl::Status status = marks.take(event); !status.ok()) return status;
      if (marks.open() == before || marks.open() == 0) continue;
      calls[marks.open()];
      task = graph->tasks[i];  // the client writes its marks itself
    } else if (marks.open() != 0 && graph->tasks[i] == task) {
      calls[marks.open()].push_back({event.what, event.line, source_name_of(event.text)});
    }
  }
  if (absl::Status status = marks.finish(lines->size()); !status.ok()) return status;
  for (auto& [number, events] : calls) events = compared_client_part(events);
  return calls;
}

std::vector<call_event> client_calls_of_run(absl::Span<const trace_event> events,
                                            const function_names& traced) {
  function_names names;
  for (const std::string& name : traced) names.insert(source_name_of(name));
  return without_inlined_calls(compared_client_part(keep_calls(
      calls_of_run(events), [&](const std::string& function) { return names.contains(function); },
      [](const std::string&) { return false; })));
}

}  // namespace iommulab::verify
