// SPDX-License-Identifier: GPL-2.0-only
//
// A process's address space, as far as pinning and the arguments of system calls look at it: areas
// of whole pages, each page there or not yet there. Beside them areas of the caller's own bytes,
// which hold the structures that a system call is given and are never pinned.
//
// A program that is not simulated has its own memory in place of areas: a class derived from this
// one says how bytes are copied and pages pinned there.
//
// Invariants: areas do not overlap; an area's pages are referred to once each while it is there.
// One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "core/types.h"
#include "vfio/process/user_pages.h"

namespace iommulab {

// Linux include/linux/mm_types.h: what pinning is asked for
inline constexpr unsigned foll_write = 1u << 0;
inline constexpr unsigned foll_longterm = 1u << 8;

/// TASK_SIZE_MAX of x86-64 with four levels: no address of a user is this or above.
inline constexpr uint64_t task_size_max = (uint64_t{1} << 47) - page_size;

class mm_struct {
 public:
  /// `pages` outlives this.
  explicit mm_struct(user_pages& pages) : pages_(pages) {}
  virtual ~mm_struct();
  mm_struct(const mm_struct&) = delete;
  mm_struct& operator=(const mm_struct&) = delete;

  // mmap() and munmap(). -EINVAL for what is not whole pages or beyond task_size_max, -EEXIST where
  // something is.

  /// Pages that are there, whose references become the area's. Null addresses are pages not yet
  /// there.
  int map_pages(uint64_t start, std::vector<phys_addr> pages, bool writable);
  /// Pages that come when they are touched.
  int map_lazily(uint64_t start, uint64_t size, bool writable);
  /// The caller's bytes, which outlive their area; `start` and size may be any.
  int map_bytes(uint64_t start, absl::Span<std::byte> bytes);
  /// What lies in the range goes; areas may be cut.
  int unmap(uint64_t start, uint64_t size);

  /// The process has ended: all areas go; what is pinned stays. mmget_not_zero() fails from now on.
  void exit();
  [[nodiscard]] bool has_users() const { return has_users_; }

  // Bytes that could not be copied, as the kernel counts them: 0 when all were.
  virtual uint64_t copy_from_user(absl::Span<std::byte> to, uint64_t from);
  virtual uint64_t copy_to_user(uint64_t to, absl::Span<const std::byte> from);

  /// Pins `count` pages from `start` on and adds them to `pages`; how many were pinned, or -EFAULT
  /// when the first could not be, -ENOMEM when it had to be made and there is none. With foll_write
  /// the area has to be writable; a zero page gives way to one of the process's own.
  /// Linux v6.12 mm/gup.c: pin_user_pages_fast(), pin_user_pages_remote()
  virtual int64_t pin_user_pages(uint64_t start, uint64_t count, unsigned gup_flags,
                                 std::vector<phys_addr>& pages);
  /// Linux v6.12 mm/gup.c: unpin_user_page()
  void unpin_user_page(phys_addr page) { pages_.unpin(page); }

  /// Where the address lies now, without making a page; nothing where none is.
  [[nodiscard]] std::optional<phys_addr> translate(uint64_t address) const;
  [[nodiscard]] user_pages& pages() const { return pages_; }

  /// The page that areas share whose pages were only read. Null: none.
  phys_addr zero_page;

  /// Where a page that has to be made is to lie: who plays a recording says so; empty, or nothing
  /// from it: the allocator's choice. It is adopted.
  std::function<std::optional<phys_addr>(uint64_t address)> choose_page;

  uint64_t locked_vm = 0;  ///< VmLck, in pages
  uint64_t pinned_vm = 0;  ///< VmPin, in pages

 private:
  struct area {
    uint64_t end = 0;  ///< exclusive
    bool writable = false;
    std::vector<phys_addr> pages{};  ///< null: not there yet
    std::byte* bytes = nullptr;      ///< the caller's, instead of pages
  };
  [[nodiscard]] bool is_free(uint64_t start, uint64_t end) const;
  using area_map = std::map<uint64_t, area>;
  area_map::iterator find(uint64_t address);
  /// The page, made if it is not there. Nothing with `error` set.
  std::optional<phys_addr> page_for(area_map::value_type& at, uint64_t address, bool own,
                                    int& error);
  /// What lies at `address`, at most `length` bytes of it; null where nothing may be touched.
  absl::Span<std::byte> bytes_at(uint64_t address, uint64_t length, bool write);
  void put_pages(const area& a);
  void cut_at(uint64_t address);

  user_pages& pages_;
  bool has_users_ = true;
  area_map areas_;  // by start
};

}  // namespace iommulab
