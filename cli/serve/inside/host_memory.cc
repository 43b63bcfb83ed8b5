// SPDX-License-Identifier: GPL-2.0-only
#include "cli/serve/inside/host_memory.h"

#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace iommulab {
namespace {

constexpr uint64_t gib = uint64_t{1} << 30;
constexpr uint64_t gibs_of_pages = host_memory::window_length / gib - 1;  // the last one is spare

// Linux include/uapi/asm-generic/mman-common.h, 5.14
constexpr int populate_read = 22;
constexpr int populate_write = 23;

/// Bytes of the program that end with the page they begin in.
uint64_t within_page(uint64_t address, uint64_t length) {
  return std::min(length, page_size - (address & ~page_mask));
}

/// Through the kernel of the host, which says where nothing is instead of ending the program.
bool copy(void* ours, uint64_t theirs, uint64_t length, bool to_program) {
  const iovec here{ours, length};
  const iovec there{reinterpret_cast<void*>(theirs), length};
  const ssize_t copied = to_program ? process_vm_writev(getpid(), &here, 1, &there, 1, 0)
                                    : process_vm_readv(getpid(), &here, 1, &there, 1, 0);
  return copied == static_cast<ssize_t>(length);
}

/// Whether the host still has these pages: what libc unmaps on its own, as free() does, passes
/// nobody.
bool are_mapped(uint64_t page, uint64_t count) {
  std::array<unsigned char, 64> residency{};
  while (count != 0) {
    const uint64_t asked = std::min<uint64_t>(count, residency.size());
    if (mincore(reinterpret_cast<void*>(page), asked << page_shift, residency.data()) != 0) {
      return false;
    }
    page += asked << page_shift;
    count -= asked;
  }
  return true;
}

}  // namespace

host_memory::host_memory(user_pages& pages) : mm_struct(pages) {
  pages.adopted_page_gone = [this](phys_addr page) { forget(page); };
  pages.memory().set_lender(this);
}

host_memory::~host_memory() {
  pages().adopted_page_gone = nullptr;
  pages().memory().set_lender(nullptr);
}

uint64_t host_memory::copy_from_user(absl::Span<std::byte> to, uint64_t from) {
  while (!to.empty()) {
    const uint64_t length = within_page(from, to.size());
    if (!copy(to.data(), from, length, false)) break;
    to.remove_prefix(length);
    from += length;
  }
  return to.size();
}

uint64_t host_memory::copy_to_user(uint64_t to, absl::Span<const std::byte> from) {
  while (!from.empty()) {
    const uint64_t length = within_page(to, from.size());
    if (!copy(const_cast<std::byte*>(from.data()), to, length, true)) break;
    from.remove_prefix(length);
    to += length;
  }
  return from.size();
}

uint64_t host_memory::frame_for(uint64_t address) {
  const auto [at, is_new] = gibs_.try_emplace(address / gib, next_gib_);
  if (is_new) {
    if (next_gib_ == gibs_of_pages) {
      gibs_.erase(at);
      return 0;
    }
    ++next_gib_;
  }
  const uint64_t usual = (window_start + at->second * gib + address % gib) >> page_shift;
  if (!addresses_.contains(usual)) return usual;
  // What was mapped here before is still pinned.
  constexpr uint64_t first_spare = (window_start + gibs_of_pages * gib) >> page_shift;
  constexpr uint64_t spare_pages = gib >> page_shift;
  for (uint64_t tried = 0; tried < spare_pages; ++tried) {
    const uint64_t frame = first_spare + next_spare_++ % spare_pages;
    if (!addresses_.contains(frame)) return frame;
  }
  return 0;
}

int64_t host_memory::pin_user_pages(uint64_t start, uint64_t count, unsigned gup_flags,
                                    std::vector<phys_addr>& into) {
  const int access = (gup_flags & foll_write) != 0 ? populate_write : populate_read;
  const uint64_t first = start & page_mask;
  const auto present = [&](uint64_t address, uint64_t n) {
    return address < task_size_max && n <= (task_size_max - address) >> page_shift &&
           madvise(reinterpret_cast<void*>(address), n << page_shift, access) == 0;
  };
  const bool all_present = has_users() && present(first, count);
  uint64_t done = 0;
  int error = -EFAULT;
  for (; done < count && has_users(); ++done) {
    const uint64_t address = first + (done << page_shift);
    if (!all_present && !present(address, 1)) break;
    const auto known = frames_.find(address);
    const uint64_t frame = known != frames_.end() ? known->second : frame_for(address);
    if (frame == 0) {
      error = -ENOMEM;
      break;
    }
    const phys_addr page(frame << page_shift);
    frames_[address] = frame;
    addresses_[frame] = address;
    // The reference of the program's own mapping, which pins alone outlive, is not counted.
    pages().adopt(page);
    pages().pin(page);
    pages().put(page);
    into.push_back(page);
  }
  return done == 0 && count != 0 ? error : static_cast<int64_t>(done);
}

void host_memory::forget(phys_addr page) {
  const auto found = addresses_.find(page.value() >> page_shift);
  if (found == addresses_.end()) return;
  const auto in_place = frames_.find(found->second);
  if (in_place != frames_.end() && in_place->second == found->first) {
    frames_.erase(in_place);
  } else {
    munmap(reinterpret_cast<void*>(found->second), page_size);  // it had been moved aside
  }
  addresses_.erase(found);
}

std::byte* host_memory::at(phys_addr address, uint64_t length) const {
  const auto first = addresses_.find(address.value() >> page_shift);
  if (first == addresses_.end()) return nullptr;
  const uint64_t in_page = address.value() & ~page_mask;
  const uint64_t pages = (in_page + std::max<uint64_t>(length, 1) - 1) / page_size + 1;
  for (uint64_t n = 1; n < pages; ++n) {
    const auto next = addresses_.find(first->first + n);
    if (next == addresses_.end() || next->second != first->second + (n << page_shift)) {
      return nullptr;
    }
  }
  if (!are_mapped(first->second, pages)) return nullptr;
  return reinterpret_cast<std::byte*>(first->second + in_page);
}

void host_memory::keep_pinned(uint64_t start, uint64_t length) {
  if (frames_.empty()) return;
  const uint64_t end = start + std::min(length, task_size_max - std::min(start, task_size_max));
  std::vector<uint64_t> pinned;
  if ((end - start) >> page_shift < frames_.size()) {
    for (uint64_t address = start & page_mask; address < end; address += page_size) {
      if (frames_.contains(address)) pinned.push_back(address);
    }
  } else {
    for (const auto& [address, frame] : frames_) {
      if (address >= start && address < end) pinned.push_back(address);
    }
  }
  if (pinned.empty()) return;
  // All places at once: one of its own for each page might lie where the page before it has gone.
  void* const places = mmap(nullptr, pinned.size() << page_shift, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (places == MAP_FAILED) return;
  auto* aside = static_cast<std::byte*>(places);
  for (const uint64_t address : pinned) {
    const void* const moved = mremap(reinterpret_cast<void*>(address), page_size, page_size,
                                     MREMAP_MAYMOVE | MREMAP_FIXED, aside);
    if (moved == MAP_FAILED) continue;
    const auto found = frames_.find(address);
    addresses_[found->second] = reinterpret_cast<uint64_t>(moved);
    frames_.erase(found);
    aside += page_size;
  }
}

}  // namespace iommulab
