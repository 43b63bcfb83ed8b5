// SPDX-License-Identifier: GPL-2.0-only
//
// The words of the tables in memory through a run: each write to one, and which pages are taken and
// freed. The page looks up an entry in it, and who wrote it, without its chunks.
//
// A record is two words of 64 bits, the lower byte first. The first is a physical address, with
// what happened there in its low bits; the second is the word's value, or the order of the pages.
// Each event that writes an entry, takes pages or frees them has one or more records, in their
// order; which event it is, its place among these tells.
#pragma once

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/trace_event.h"

namespace iommulab::view {

class table_words {
 public:
  /// In the low two bits of a record's address.
  enum class what : uint8_t {
    written = 0,
    found = 1,  ///< the write found this value, and nothing before it had told of one
    taken = 2,
    freed = 3,
  };
  /// The record that follows is of the same event.
  static constexpr uint64_t more = 4;

  void add(const trace_event& event);
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  void write(uint64_t address, uint64_t before, uint64_t value, bool is_last);
  void put(what happened, uint64_t address, uint64_t value, bool is_last);

  std::string bytes_;
  /// By page: its words that were written since it was taken.
  absl::flat_hash_map<uint64_t, absl::flat_hash_set<uint64_t>> known_;
};

}  // namespace iommulab::view
