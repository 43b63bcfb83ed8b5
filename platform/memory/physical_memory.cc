// SPDX-License-Identifier: GPL-2.0-only
#include "platform/memory/physical_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"
#include "core/enum_names.h"

namespace iommulab {

// What the host maps: whole pages.
struct physical_memory::mapping {
  uint64_t start = 0;
  uint64_t end = 0;  // exclusive
  std::byte* base = nullptr;
};

namespace {

constexpr uint64_t address_limit = uint64_t{1} << 52;  // the widest physical address of x86

absl::Status check_ranges(std::vector<memory_range>& ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return a.start < b.start; });
  for (size_t i = 0; i < ranges.size(); ++i) {
    const memory_range& r = ranges[i];
    if (r.length == 0 || r.end() < r.start.value() || r.end() > address_limit) {
      return errno_status(EINVAL,
                          absl::StrFormat("memory range at 0x%x has the impossible length 0x%x",
                                          r.start.value(), r.length));
    }
    if (i > 0 && ranges[i - 1].end() > r.start.value()) {
      return errno_status(EINVAL, absl::StrFormat("memory range at 0x%x overlaps the one at 0x%x",
                                                  r.start.value(), ranges[i - 1].start.value()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view name(memory_range::kind kind) {
  using enum memory_range::kind;
  static constexpr auto names = enum_names<memory_range::kind>({{ram, "usable"},
                                                                {reserved, "reserved"},
                                                                {acpi_data, "ACPI data"},
                                                                {acpi_nvs, "ACPI NVS"},
                                                                {unusable, "unusable"}});
  return names(kind);
}

absl::StatusOr<std::unique_ptr<physical_memory>> physical_memory::create(
    absl::Span<const memory_range> ranges) {
  return map(ranges, -1);
}

absl::StatusOr<std::unique_ptr<physical_memory>> physical_memory::create_shared(
    const std::string& path, absl::Span<const memory_range> ranges) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return errno_status(errno, absl::StrFormat("%s: cannot be opened: %s", path, strerror(errno)));
  }
  auto memory = map(ranges, fd);
  close(fd);
  return memory;
}

absl::StatusOr<std::unique_ptr<physical_memory>> physical_memory::map(
    absl::Span<const memory_range> ranges, int fd) {
  std::unique_ptr<physical_memory> memory(new physical_memory);
  memory->ranges_.assign(ranges.begin(), ranges.end());
  if (absl::Status status = check_ranges(memory->ranges_); !status.ok()) return status;

  // Neighbours share a page when a range ends inside one, so mappings are unions of whole pages.
  for (const memory_range& r : memory->ranges_) {
    const uint64_t start = r.start.value() & page_mask;
    const uint64_t end = (r.end() + page_size - 1) & page_mask;
    if (!memory->mappings_.empty() && memory->mappings_.back().end >= start) {
      memory->mappings_.back().end = std::max(memory->mappings_.back().end, end);
    } else {
      memory->mappings_.push_back({start, end, nullptr});
    }
  }
  if (fd >= 0 && !memory->mappings_.empty()) {
    const auto length = static_cast<off_t>(memory->mappings_.back().end);
    if (lseek(fd, 0, SEEK_END) < length && ftruncate(fd, length) != 0) {
      return errno_status(errno, absl::StrFormat("the memory file cannot grow to 0x%x bytes: %s",
                                                 length, strerror(errno)));
    }
  }
  for (mapping& m : memory->mappings_) {
    const int flags = fd >= 0 ? MAP_SHARED : (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    const off_t offset = fd >= 0 ? static_cast<off_t>(m.start) : 0;
    void* base = mmap(nullptr, m.end - m.start, PROT_READ | PROT_WRITE, flags, fd, offset);
    if (base == MAP_FAILED) {
      return errno_status(errno,
                          absl::StrFormat("0x%x bytes of memory at 0x%x cannot be mapped: %s",
                                          m.end - m.start, m.start, strerror(errno)));
    }
    m.base = static_cast<std::byte*>(base);
  }
  memory->build_spans();
  return memory;
}

void physical_memory::build_spans() {
  for (const memory_range& r : ranges_) {
    if (!spans_.empty() && spans_.back().start + spans_.back().length == r.start.value()) {
      spans_.back().length += r.length;
      continue;
    }
    const auto m = std::find_if(mappings_.begin(), mappings_.end(),
                                [&](const mapping& c) { return r.start.value() < c.end; });
    spans_.push_back({r.start.value(), r.length, m->base + (r.start.value() - m->start)});
  }
  std::stable_sort(spans_.begin(), spans_.end(),
                   [](const span& a, const span& b) { return a.length > b.length; });
  if (spans_.empty()) return;
  largest_ = spans_.front();
  if (largest_.length >= page_size) pages_in_largest_ = largest_.length - (page_size - 1);
}

physical_memory::~physical_memory() {
  for (const mapping& m : mappings_) {
    if (m.base != nullptr) munmap(m.base, m.end - m.start);
  }
}

std::byte* physical_memory::at_elsewhere(phys_addr address, uint64_t length) const {
  for (const span& s : spans_) {
    const uint64_t offset = address.value() - s.start;  // huge when the address lies below
    if (offset < s.length) return length <= s.length - offset ? s.base + offset : nullptr;
  }
  return lender_ == nullptr ? nullptr : lender_->at(address, length);
}

std::optional<phys_addr> physical_memory::address_of(const void* pointer) const {
  const auto value = reinterpret_cast<uintptr_t>(pointer);
  for (const span& s : spans_) {
    const uint64_t offset = value - reinterpret_cast<uintptr_t>(s.base);
    if (offset < s.length) return phys_addr(s.start + offset);
  }
  return std::nullopt;
}

}  // namespace iommulab
