// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/page_names.h"

#include "absl/strings/str_format.h"
#include "core/types.h"

namespace iommulab::verify {
namespace {

std::string with_offset(const std::string& name, uint64_t offset) {
  return offset == 0 ? name : absl::StrFormat("%s+0x%x", name, offset);
}

}  // namespace

page_names page_names::by_appearance(const page_roles& roles) {
  page_names names(false);
  if (roles.queue) names.names_[*roles.queue] = "queue";
  if (roles.root) names.names_[*roles.root] = "root";
  names.status_words_ = roles.status_words;
  return names;
}

std::string page_names::operator()(uint64_t address) {
  if (exact_) return absl::StrFormat("0x%x", address);
  auto [entry, is_new] = names_.try_emplace(address & page_mask);
  if (is_new) entry->second = absl::StrFormat("P%d", ++numbered_);
  return with_offset(entry->second, address & ~page_mask);
}

std::string page_names::status_word(uint64_t address) {
  if (exact_ || !status_words_ || address < *status_words_) return (*this)(address);
  return with_offset("status_words", address - *status_words_);
}

}  // namespace iommulab::verify
