// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/process/mm_struct.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

namespace iommulab {
namespace {

bool is_whole_pages(uint64_t start, uint64_t size) {
  return (start & ~page_mask) == 0 && (size & ~page_mask) == 0 && size != 0;
}

bool is_users(uint64_t start, uint64_t size) {
  return start < task_size_max && size <= task_size_max - start;
}

}  // namespace

mm_struct::~mm_struct() {
  exit();
}

void mm_struct::exit() {
  has_users_ = false;
  for (const auto& [start, a] : areas_) put_pages(a);
  areas_.clear();
}

void mm_struct::put_pages(const area& a) {
  for (const phys_addr page : a.pages) {
    if (page != phys_addr()) pages_.put(page);
  }
}

// ---- Areas

bool mm_struct::is_free(uint64_t start, uint64_t end) const {
  const auto after = areas_.lower_bound(end);
  return after == areas_.begin() || std::prev(after)->second.end <= start;
}

int mm_struct::map_pages(uint64_t start, std::vector<phys_addr> pages, bool writable) {
  const uint64_t size = pages.size() << page_shift;
  if (!is_whole_pages(start, size) || !is_users(start, size)) return -EINVAL;
  if (!is_free(start, start + size)) return -EEXIST;
  areas_[start] = {.end = start + size, .writable = writable, .pages = std::move(pages)};
  return 0;
}

int mm_struct::map_lazily(uint64_t start, uint64_t size, bool writable) {
  if (!is_whole_pages(start, size) || !is_users(start, size)) return -EINVAL;
  return map_pages(start, std::vector<phys_addr>(size >> page_shift), writable);
}

int mm_struct::map_bytes(uint64_t start, absl::Span<std::byte> bytes) {
  if (bytes.empty() || !is_users(start, bytes.size())) return -EINVAL;
  if (!is_free(start, start + bytes.size())) return -EEXIST;
  areas_[start] = {.end = start + bytes.size(), .writable = true, .bytes = bytes.data()};
  return 0;
}

/// An area that goes across `address` becomes two.
void mm_struct::cut_at(uint64_t address) {
  const auto at = find(address);
  if (at == areas_.end() || at->first == address) return;
  area& lower = at->second;
  area upper = {.end = lower.end, .writable = lower.writable};
  if (lower.bytes != nullptr) {
    upper.bytes = lower.bytes + (address - at->first);
  } else {
    const auto first =
        lower.pages.begin() + static_cast<int64_t>((address - at->first) >> page_shift);
    upper.pages.assign(first, lower.pages.end());
    lower.pages.erase(first, lower.pages.end());
  }
  lower.end = address;
  areas_[address] = std::move(upper);
}

int mm_struct::unmap(uint64_t start, uint64_t size) {
  if (size == 0 || !is_users(start, size)) return -EINVAL;
  const auto at = areas_.find(start);
  const bool is_of_bytes =
      at != areas_.end() && at->second.bytes != nullptr && start + size <= at->second.end;
  if (!is_of_bytes && !is_whole_pages(start, size)) return -EINVAL;
  cut_at(start);
  cut_at(start + size);
  const auto first = areas_.lower_bound(start);
  const auto last = areas_.lower_bound(start + size);
  std::for_each(first, last, [this](const auto& each) { put_pages(each.second); });
  areas_.erase(first, last);
  return 0;
}

mm_struct::area_map::iterator mm_struct::find(uint64_t address) {
  const auto after = areas_.upper_bound(address);
  if (after == areas_.begin()) return areas_.end();
  const auto at = std::prev(after);
  return address < at->second.end ? at : areas_.end();
}

std::optional<phys_addr> mm_struct::translate(uint64_t address) const {
  const auto after = areas_.upper_bound(address);
  if (after == areas_.begin()) return std::nullopt;
  const auto& [start, a] = *std::prev(after);
  if (address >= a.end || a.pages.empty()) return std::nullopt;
  const phys_addr page = a.pages[(address - start) >> page_shift];
  if (page == phys_addr()) return std::nullopt;
  return page + (address & ~page_mask);
}

// ---- Pages

std::optional<phys_addr> mm_struct::page_for(area_map::value_type& at, uint64_t address, bool own,
                                             int& error) {
  phys_addr& page = at.second.pages[(address - at.first) >> page_shift];
  const bool is_shared = page == zero_page;
  if (page != phys_addr() && !(own && is_shared)) return page;
  std::optional<phys_addr> made = choose_page ? choose_page(address & page_mask) : std::nullopt;
  if (made) {
    pages_.adopt(*made);
  } else {
    made = pages_.alloc();
  }
  if (!made) {
    error = -ENOMEM;
    return std::nullopt;
  }
  if (page != phys_addr()) pages_.put(page);
  page = *made;
  return page;
}

int64_t mm_struct::pin_user_pages(uint64_t start, uint64_t count, unsigned gup_flags,
                                  std::vector<phys_addr>& pages) {
  const bool write = (gup_flags & foll_write) != 0;
  int error = -EFAULT;
  uint64_t done = 0;
  for (; done < count && has_users_; ++done) {
    const uint64_t address = (start & page_mask) + (done << page_shift);
    const auto at = address < task_size_max ? find(address) : areas_.end();
    if (at == areas_.end() || at->second.pages.empty() || (write && !at->second.writable)) break;
    // A page that the process shares may give way to one of its own later, and the pin would be
    // left with the other.
    const bool own = write || (gup_flags & foll_longterm) != 0;
    const auto page = page_for(*at, address, own, error);
    if (!page) break;
    pages_.pin(*page);
    pages.push_back(*page);
  }
  return done == 0 && count != 0 ? error : static_cast<int64_t>(done);
}

// ---- Arguments

absl::Span<std::byte> mm_struct::bytes_at(uint64_t address, uint64_t length, bool write) {
  const auto at = find(address);
  if (at == areas_.end() || (write && !at->second.writable)) return {};
  length = std::min(length, at->second.end - address);
  if (at->second.bytes != nullptr) return {at->second.bytes + (address - at->first), length};
  int error = 0;
  const auto page = page_for(*at, address, write, error);
  if (!page) return {};
  const uint64_t offset = address & ~page_mask;
  length = std::min(length, page_size - offset);
  std::byte* bytes = pages_.memory().at(*page + offset, length);
  return bytes == nullptr ? absl::Span<std::byte>() : absl::MakeSpan(bytes, length);
}

uint64_t mm_struct::copy_from_user(absl::Span<std::byte> to, uint64_t from) {
  while (!to.empty()) {
    const absl::Span<std::byte> there = bytes_at(from, to.size(), false);
    if (there.empty()) break;
    std::memcpy(to.data(), there.data(), there.size());
    to.remove_prefix(there.size());
    from += there.size();
  }
  return to.size();
}

uint64_t mm_struct::copy_to_user(uint64_t to, absl::Span<const std::byte> from) {
  while (!from.empty()) {
    const absl::Span<std::byte> there = bytes_at(to, from.size(), true);
    if (there.empty()) break;
    std::memcpy(there.data(), from.data(), there.size());
    from.remove_prefix(there.size());
    to += there.size();
  }
  return from.size();
}

}  // namespace iommulab
