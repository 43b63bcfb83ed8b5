// SPDX-License-Identifier: GPL-2.0-only
//
// A test's own list of what is mapped where: runs of pages that lead to runs of pages.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <ostream>
#include <vector>

namespace iommulab::test {

/// Pages from `first` to `last` lead to those from `to` on. All are page numbers.
struct page_run {
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t to = 0;
  bool writable = false;

  [[nodiscard]] uint64_t pages() const { return last - first + 1; }
  friend bool operator==(const page_run&, const page_run&) = default;
};
inline std::ostream& operator<<(std::ostream& out, const page_run& run) {
  return out << std::hex << "0x" << run.first << "-0x" << run.last << "=>0x" << run.to
             << (run.writable ? " rw" : " ro") << std::dec;
}

/// Adds a run behind the others, or to the last one where it goes on with it.
inline void append_run(std::vector<page_run>& runs, const page_run& next) {
  if (!runs.empty()) {
    page_run& last = runs.back();
    if (last.last + 1 == next.first && last.to + last.pages() == next.to &&
        last.writable == next.writable) {
      last.last = next.last;
      return;
    }
  }
  runs.push_back(next);
}

class page_map {
 public:
  [[nodiscard]] bool empty() const { return runs_.empty(); }
  void clear() { runs_.clear(); }

  [[nodiscard]] bool overlaps(uint64_t first, uint64_t last) const {
    const auto at = at_or_above(first);
    return at != runs_.end() && at->first <= last;
  }
  /// The run that `page` is in.
  [[nodiscard]] std::optional<page_run> find(uint64_t page) const {
    const auto at = at_or_above(page);
    if (at == runs_.end() || at->first > page) return std::nullopt;
    return at->second;
  }
  /// The first run that ends at `page` or above it.
  [[nodiscard]] std::optional<page_run> next(uint64_t page) const {
    const auto at = at_or_above(page);
    if (at == runs_.end()) return std::nullopt;
    return at->second;
  }
  [[nodiscard]] std::optional<page_run> first() const { return next(0); }

  /// A run where there was nothing.
  void map(const page_run& run) {
    EXPECT_FALSE(overlaps(run.first, run.last)) << run << " is mapped already";
    runs_[run.first] = run;
  }
  /// Takes the range out, and returns what was there.
  std::vector<page_run> unmap(uint64_t first, uint64_t last) {
    std::vector<page_run> gone;
    for (auto at = at_or_above(first); at != runs_.end() && at->first <= last;) {
      const page_run old = at->second;
      at = runs_.erase(at);
      if (old.first < first) put(old, old.first, first - 1);
      if (old.last > last) put(old, last + 1, old.last);
      const uint64_t from = std::max(old.first, first);
      gone.push_back({from, std::min(old.last, last), old.to + (from - old.first), old.writable});
    }
    return gone;
  }
  /// All, with neighbours that go on with one another as one.
  [[nodiscard]] std::vector<page_run> runs() const {
    std::vector<page_run> all;
    for (const auto& [first, run] : runs_) append_run(all, run);
    return all;
  }

 private:
  using by_first = std::map<uint64_t, page_run>;

  [[nodiscard]] by_first::const_iterator at_or_above(uint64_t page) const {
    auto at = runs_.upper_bound(page);
    if (at != runs_.begin() && std::prev(at)->second.last >= page) --at;
    return at;
  }
  void put(const page_run& of, uint64_t first, uint64_t last) {
    runs_[first] = {first, last, of.to + (first - of.first), of.writable};
  }

  by_first runs_;
};

}  // namespace iommulab::test
