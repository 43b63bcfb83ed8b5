// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/first_level_cache.h"

namespace iommulab {
namespace {

constexpr size_t most_spaces = 0x10000;

}  // namespace

uint32_t first_level_cache::look_up_number(const address_space& space) const {
  const auto at = numbers_.find(key_of(space));
  if (at == numbers_.end()) return no_number;
  last_space_ = at->first;
  last_number_ = at->second;
  return last_number_;
}

domain_id first_level_cache::give_number(const address_space& space) {
  if (const uint32_t known = look_up_number(space); known != no_number) return as_domain(known);
  if (spaces_.size() == most_spaces) invalidate_all();
  const auto number = static_cast<uint16_t>(spaces_.size());
  spaces_.push_back(space);
  numbers_.emplace(key_of(space), number);
  return domain_id(number);
}

first_level_cache::displaced_page first_level_cache::insert(const address_space& space,
                                                            uint64_t address,
                                                            const first_level_page& page) {
  return pages_.insert(number_for(space), page.level_, in_tag(address), page.word_);
}

first_level_cache::displaced_table first_level_cache::insert_table(const address_space& space,
                                                                   uint64_t address,
                                                                   const first_level_table& table) {
  return tables_.insert_new(number_for(space), table.level, in_tag(address),
                            table.address | table.rights);
}

void first_level_cache::invalidate_all() {
  pages_.clear();
  tables_.clear();
  numbers_.clear();
  spaces_.clear();
  last_space_ = no_space;
}

template <typename Condition>
void first_level_cache::invalidate_spaces(Condition condition) {
  for (size_t i = 0; i < spaces_.size(); ++i) {
    if (!condition(spaces_[i])) continue;
    const domain_id number(static_cast<uint16_t>(i));
    pages_.erase_domain(number);
    tables_.erase_domain(number);
  }
}

void first_level_cache::invalidate_domain(domain_id domain) {
  invalidate_spaces([&](const address_space& space) { return space.domain == domain; });
}

void first_level_cache::invalidate_nested(domain_id domain) {
  invalidate_spaces(
      [&](const address_space& space) { return space.domain == domain && space.nested; });
}

void first_level_cache::invalidate_pasid(domain_id domain, uint32_t pasid) {
  invalidate_spaces(
      [&](const address_space& space) { return space.domain == domain && space.pasid == pasid; });
}

void first_level_cache::invalidate_pages(domain_id domain, uint32_t pasid, uint64_t address,
                                         unsigned mask, bool leaf_hint) {
  constexpr unsigned all_pages = cache_tag::address_bits - page_shift;
  if (mask >= all_pages) return invalidate_pasid(domain, pasid);
  const uint64_t below = (uint64_t{1} << (page_shift + mask)) - 1;
  const uint64_t first = in_tag(address & ~below);
  for (const bool nested : {false, true}) {
    const uint32_t number = number_of({domain, pasid, nested});
    if (number == no_number) continue;
    pages_.erase_range(as_domain(number), first, first | below);
    if (!leaf_hint) tables_.erase_range(as_domain(number), first, first | below);
  }
}

bool first_level_cache::leads_to(uint64_t address) const {
  bool found = false;
  tables_.for_each([&](const cached_page& at, uint64_t data) {
    found |= !space_of(at.domain).nested && (data & page_mask) == address;
  });
  return found;
}

}  // namespace iommulab
