// SPDX-License-Identifier: GPL-2.0-only
#include "iova/ftrace/event_reader.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_format.h"
#include "core/text_source.h"
#include "iova/ftrace/event_fields.h"
#include "iova/ftrace/printed_line.h"

namespace iommulab {
namespace {

/// More than that no device is given at once: 48 address bits.
constexpr uint64_t most_bytes = uint64_t{1} << 48;
/// Linux include/linux/dma-mapping.h: DMA_MAPPING_ERROR
constexpr uint64_t mapping_error = ~uint64_t{0};
/// Linux include/trace/events/dma.h: DMA_TRACE_MAX_ENTRIES. What a list's digest goes by, since a
/// map may be cut off there where its unmap is not.
constexpr size_t most_traced_entries = 128;
constexpr uint32_t most_cpu = 0xffff;

constexpr uint64_t frames_of(uint64_t address, uint64_t bytes) {
  return (address % traced_page + bytes + traced_page - 1) / traced_page;
}

enum class form : uint8_t { map, alloc, alloc_failed, unmap, map_sg, map_sg_err, unmap_sg, sync };

struct event_row {
  std::string_view name;
  form what;
  uint32_t wanted;  ///< fields without which the line is cut
};
constexpr uint32_t address_and_size = bit(event_field::dma_addr) | bit(event_field::size);
constexpr uint32_t map_fields =
    address_and_size | bit(event_field::phys_addr) | bit(event_field::attrs);
constexpr uint32_t unmap_fields = address_and_size | bit(event_field::attrs);
constexpr uint32_t alloc_fields =
    unmap_fields | bit(event_field::virt_addr) | bit(event_field::flags);
constexpr uint32_t list_fields = bit(event_field::dma_addrs) | bit(event_field::sizes);
// Linux v6.12 and later include/trace/events/dma.h
constexpr std::array<event_row, 20> rows = {{
    {"dma_map_page", form::map, map_fields},
    {"dma_map_phys", form::map, map_fields},
    {"dma_map_resource", form::map, map_fields},
    {"dma_unmap_page", form::unmap, unmap_fields},
    {"dma_unmap_phys", form::unmap, unmap_fields},
    {"dma_unmap_resource", form::unmap, unmap_fields},
    {"dma_alloc", form::alloc, alloc_fields},
    {"dma_alloc_pages", form::alloc, alloc_fields},
    {"dma_alloc_sgt", form::map,
     unmap_fields | bit(event_field::phys_addrs) | bit(event_field::flags)},
    {"dma_alloc_sgt_err", form::alloc_failed, alloc_fields},
    {"dma_free", form::unmap, unmap_fields | bit(event_field::virt_addr)},
    {"dma_free_pages", form::unmap, unmap_fields | bit(event_field::virt_addr)},
    {"dma_free_sgt", form::unmap, address_and_size | bit(event_field::phys_addrs)},
    {"dma_map_sg", form::map_sg,
     list_fields | bit(event_field::phys_addrs) | bit(event_field::attrs)},
    {"dma_map_sg_err", form::map_sg_err,
     bit(event_field::dma_addrs) | bit(event_field::err) | bit(event_field::attrs)},
    {"dma_unmap_sg", form::unmap_sg, bit(event_field::phys_addrs) | bit(event_field::attrs)},
    {"dma_sync_single_for_cpu", form::sync, address_and_size},
    {"dma_sync_single_for_device", form::sync, address_and_size},
    {"dma_sync_sg_for_cpu", form::sync, list_fields},
    {"dma_sync_sg_for_device", form::sync, list_fields},
}};

const event_row* find_row(const printed_line& line) {
  if (!line.event.starts_with("dma_") || (!line.system.empty() && line.system != "dma")) {
    return nullptr;
  }
  const auto row = std::find_if(rows.begin(), rows.end(),
                                [&](const event_row& each) { return each.name == line.event; });
  return row == rows.end() ? nullptr : &*row;
}

/// What a line without CPU and time says when it is a piece of one that had them.
bool is_piece_of_an_event(std::string_view line) {
  static constexpr std::array<std::string_view, 6> marks = {
      "dma_addr", "phys_addr", "attrs=", " dir=", "IOMMU: iova=", "unmapped_size="};
  return std::any_of(marks.begin(), marks.end(), [line](std::string_view mark) {
    return line.find(mark) != std::string_view::npos;
  });
}

uint64_t digest(const std::vector<uint64_t>& addresses) {
  uint64_t sum = addresses.size() < most_traced_entries ? addresses.size() : most_traced_entries;
  for (size_t i = 0; i < addresses.size() && i < most_traced_entries; ++i) {
    sum = (sum ^ addresses[i]) * 0x9e3779b97f4a7c15;
    sum ^= sum >> 29;
  }
  return sum;
}

class parser {
 public:
  explicit parser(std::string name) { log_.name = std::move(name); }

  absl::StatusOr<dma_event_log> parse(std::string_view text) && {
    if (!text.empty() && text.back() != '\n') {
      const size_t begin = text.rfind('\n') + 1;  // npos + 1 is 0
      log_.lines = static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n')) + 1;
      return refuse("last line", text.substr(begin),
                    "the trace is cut short: the line does not end");
    }
    while (!text.empty()) {
      const size_t end = text.find('\n');
      std::string_view line = text.substr(0, end);
      text.remove_prefix(end + 1);
      if (line.ends_with('\r')) line.remove_suffix(1);
      ++log_.lines;
      if (absl::Status status = read(line); !status.ok()) return status;
    }
    if (absl::Status status = check_whole(); !status.ok()) return status;
    return std::move(log_);
  }

 private:
  absl::Status refuse(std::string_view field, std::string_view value, std::string_view why) const {
    return line_error(log_.name, log_.lines, field, value, why);
  }

  absl::Status read(std::string_view text) {
    const printed_line line = split_printed_line(text);
    switch (line.what) {
      case printed_line::kind::comment:
        read_heading(text);
        return absl::OkStatus();
      case printed_line::kind::lost:
        ++log_.gaps;
        log_.lost += line.lost;
        return absl::OkStatus();
      case printed_line::kind::other:
        ++log_.other_lines;
        if (!is_piece_of_an_event(text)) return absl::OkStatus();
        return refuse("line", text, "no CPU in brackets with a time behind it: it is cut short");
      case printed_line::kind::unnamed:
        ++entries_;
        ++log_.other_events;
        return absl::OkStatus();
      case printed_line::kind::event:
        ++entries_;
        return read_event(line);
    }
    return absl::OkStatus();
  }

  /// "# entries-in-buffer/entries-written: 205/410   #P:4" of /sys/kernel/tracing/trace.
  void read_heading(std::string_view text) {
    constexpr std::string_view heading = "# entries-in-buffer/entries-written: ";
    if (!text.starts_with(heading)) return;
    text.remove_prefix(heading.size());
    uint64_t in_buffer = 0;
    uint64_t written = 0;
    const char* const end = text.data() + text.size();
    const auto first = std::from_chars(text.data(), end, in_buffer);
    if (first.ec != std::errc() || first.ptr == end || *first.ptr != '/') return;
    if (std::from_chars(first.ptr + 1, end, written).ec != std::errc()) return;
    heading_line_ = log_.lines;
    promised_ = in_buffer;
    log_.overwritten = written > in_buffer ? written - in_buffer : 0;
  }

  absl::Status check_whole() const {
    // Where the printer saw events vanish it had fewer to print than it began with.
    if (heading_line_ != 0 && entries_ < promised_ && log_.gaps == 0) {
      return line_error(log_.name, heading_line_, "entries-in-buffer",
                        absl::StrFormat("%d", promised_),
                        absl::StrFormat("the trace is cut short: there are %d", entries_));
    }
    if (!log_.events.empty() || log_.failed_lists != 0 || log_.syncs != 0) return absl::OkStatus();
    return errno_status(
        EINVAL, absl::StrFormat("%s: no event of dma: or iommu: in %d lines; `trace-cmd "
                                "record -e dma` or `perf record -e 'dma:*' -a` records them",
                                log_.name, log_.lines));
  }

  absl::Status read_event(const printed_line& line) {
    if (line.cpu > most_cpu) {
      return refuse("CPU", absl::StrFormat("%d", line.cpu),
                    absl::StrFormat("there are no more than %d", most_cpu + 1));
    }
    if (const event_row* row = find_row(line)) return read_dma_event(line, *row);
    const bool unmap = line.event == "unmap";
    if ((unmap || line.event == "map") && (line.system.empty() || line.system == "iommu") &&
        (line.system == "iommu" || is_iommu_payload(line.payload))) {
      return read_iommu_event(line, unmap);
    }
    ++log_.other_events;
    return absl::OkStatus();
  }

  dma_event begin_event(const printed_line& line, dma_event::kind what) const {
    dma_event event;
    event.what = what;
    event.cpu = line.cpu;
    event.line =
        static_cast<uint32_t>(std::min<uint64_t>(log_.lines, std::numeric_limits<uint32_t>::max()));
    return event;
  }

  absl::Status read_iommu_event(const printed_line& line, bool unmap) {
    iommu_fields fields;
    const field_fault fault = read_iommu_fields(line.payload, unmap, fields);
    if (!fault.why.empty()) return refuse(fault.field, fault.value, fault.why);
    if (absl::Status status = check_size(fields.size); !status.ok()) return status;
    dma_event event =
        begin_event(line, unmap ? dma_event::kind::iommu_unmap : dma_event::kind::iommu_map);
    event.address = fields.iova;
    event.frames = frames_of(fields.iova, fields.size);
    log_.events.push_back(event);
    return absl::OkStatus();
  }

  absl::Status read_dma_event(const printed_line& line, const event_row& row) {
    const field_fault fault = read_event_fields(line.payload, fields_);
    if (!fault.why.empty()) return refuse(fault.field, fault.value, fault.why);
    if (const uint32_t missing = row.wanted & ~fields_.seen; missing != 0) {
      const auto first = static_cast<event_field>(std::countr_zero(missing));
      return refuse(row.name, line.payload,
                    absl::StrFormat("has no %s: the line is cut short", name(first)));
    }
    if (absl::Status status = check_size(fields_.size); !status.ok()) return status;
    switch (row.what) {
      case form::sync:
        ++log_.syncs;
        return absl::OkStatus();
      case form::map_sg_err:
        ++log_.failed_lists;
        return absl::OkStatus();
      case form::map_sg:
        return add_list(begin_event(line, dma_event::kind::map_list));
      case form::unmap_sg:
        return add_unmapped_list(begin_event(line, dma_event::kind::unmap_list));
      case form::map:
      case form::alloc:
      case form::alloc_failed:
        add_map(begin_event(line, dma_event::kind::map), row.what);
        return absl::OkStatus();
      case form::unmap:
        add(begin_event(line, dma_event::kind::unmap), fields_.dma_addr);
        return absl::OkStatus();
    }
    return absl::OkStatus();
  }

  absl::Status check_size(uint64_t bytes) const {
    if (bytes <= most_bytes) return absl::OkStatus();
    return refuse("size", absl::StrFormat("%d", bytes), "more than 48 address bits hold");
  }

  void add(dma_event event, uint64_t address) {
    event.address = address;
    event.device = device(fields_.device);
    log_.events.push_back(event);
  }

  void add_map(dma_event event, form what) {
    const bool has_physical = (fields_.seen & bit(event_field::phys_addr)) != 0;
    event.failed = what == form::alloc_failed || fields_.dma_addr == mapping_error ||
                   (what == form::alloc && fields_.no_memory);
    // Where there is no DMA address the buffer's own says how it lies in its first page.
    const uint64_t place = event.failed ? (has_physical ? fields_.phys_addr : 0) : fields_.dma_addr;
    event.frames = frames_of(place, fields_.size);
    event.physical = !event.failed && has_physical && fields_.dma_addr == fields_.phys_addr;
    add(event, fields_.dma_addr);
  }

  /// The kernel's IOMMU layer takes one range for the whole list, in which each buffer begins at a
  /// page of its own.
  absl::Status add_list(dma_event event) {
    if (fields_.dma_addrs.size() != fields_.sizes.size()) {
      return refuse("sizes", absl::StrFormat("%d numbers", fields_.sizes.size()),
                    absl::StrFormat("there are %d dma_addrs", fields_.dma_addrs.size()));
    }
    if (fields_.phys_addrs.empty() || fields_.dma_addrs.empty()) {
      return refuse("phys_addrs", "", "the list is empty");
    }
    uint64_t bytes = 0;
    for (size_t i = 0; i < fields_.sizes.size(); ++i) {
      if (fields_.sizes[i] > most_bytes) return check_size(fields_.sizes[i]);
      event.frames += frames_of(fields_.dma_addrs[i], fields_.sizes[i]);
      bytes += fields_.sizes[i];
      if (absl::Status status = check_size(bytes); !status.ok()) return status;
    }
    event.physical = fields_.dma_addrs.front() == fields_.phys_addrs.front();
    finish_list(event);
    return absl::OkStatus();
  }

  absl::Status add_unmapped_list(dma_event event) {
    if (fields_.phys_addrs.empty()) return refuse("phys_addrs", "", "the list is empty");
    finish_list(event);
    return absl::OkStatus();
  }

  void finish_list(dma_event event) {
    event.truncated = fields_.truncated;
    event.list = digest(fields_.phys_addrs);
    add(event, fields_.phys_addrs.front());
  }

  uint32_t device(std::string_view device_name) {
    // Events of one device come in a row.
    if (last_device_ < log_.devices.size() && log_.devices[last_device_] == device_name) {
      return last_device_;
    }
    const auto [at, is_new] = device_numbers_.try_emplace(
        std::string(device_name), static_cast<uint32_t>(log_.devices.size()));
    if (is_new) log_.devices.emplace_back(device_name);
    return last_device_ = at->second;
  }

  dma_event_log log_;
  event_fields fields_;  // of the line under way; kept for its memory
  absl::flat_hash_map<std::string, uint32_t> device_numbers_;
  uint32_t last_device_ = 0;
  uint64_t entries_ = 0;  // lines that were entries of the kernel's buffer
  uint64_t heading_line_ = 0;
  uint64_t promised_ = 0;
};

}  // namespace

absl::StatusOr<dma_event_log> parse_dma_events(std::string name, std::string_view text) {
  return parser(std::move(name)).parse(text);
}

absl::StatusOr<dma_event_log> read_dma_events(const std::string& path) {
  const absl::StatusOr<text_source> source = read_source(path);
  if (!source.ok()) return source.status();
  return parse_dma_events(source->name, source->text);
}

}  // namespace iommulab
