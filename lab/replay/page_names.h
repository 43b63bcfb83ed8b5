// SPDX-License-Identifier: GPL-2.0-only
//
// What a page is called in a normalised listing.
//
// A run that was given the capture's own page addresses is compared by address. Any other run
// got its pages from its own allocator: there a page that hardware was told about bears the name
// of its part (root table, queue), and every other one the number of its first appearance. The
// two sides agree when the same pages turn up in the same order in the same places.
//
// Each listing starts from a fresh copy, so that a difference in one does not rename the pages
// of the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"

namespace iommulab::verify {

/// Pages that registers and wait descriptors give away.
struct page_roles {
  std::optional<uint64_t> queue;         ///< page in the queue address register (90h)
  std::optional<uint64_t> root;          ///< page in the root table address register (20h)
  std::optional<uint64_t> status_words;  ///< address of the first status word, not page aligned
};

class page_names {
 public:
  /// Every page by its address.
  static page_names exact() { return page_names(true); }
  /// Parts by name, the others by order of appearance.
  static page_names by_appearance(const page_roles& roles);

  [[nodiscard]] bool is_exact() const { return exact_; }

  /// `address` as page and offset: "0x21c001", "root", "P2+0x3".
  std::string operator()(uint64_t address);
  /// The same for an address among the status words: "status_words+0x4".
  std::string status_word(uint64_t address);

 private:
  explicit page_names(bool exact) : exact_(exact) {}

  bool exact_;
  std::optional<uint64_t> status_words_;
  size_t numbered_ = 0;
  absl::flat_hash_map<uint64_t, std::string> names_;
};

}  // namespace iommulab::verify
