// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/first_level_cache.h"

namespace iommulab {
namespace {

// Of the words in the caches; the address is in 63:12.
constexpr vtd::field64 word_writable{0};
constexpr vtd::field64 word_user{1};
constexpr vtd::field64 word_execute_disabled{2};
constexpr vtd::field64 word_host_readable{3};
constexpr vtd::field64 word_host_writable{4};
constexpr vtd::field64 word_clean{5};
constexpr vtd::field64 word_snoop{6};

constexpr size_t most_spaces = 0x10000;
constexpr unsigned first_leaf_level = 1;
constexpr unsigned last_leaf_level = 3;
constexpr unsigned first_table_level = 2;

/// Tags hold addresses of 57 bits: a canonical one is told by these.
constexpr uint64_t in_tag(uint64_t address) {
  return address & ((uint64_t{1} << cache_tag::address_bits) - 1);
}

constexpr uint64_t key_of(const address_space& space) {
  return uint64_t{space.domain.value()} << 32 | uint64_t{space.nested} << 31 | space.pasid;
}

}  // namespace

std::optional<domain_id> first_level_cache::number_of(const address_space& space) const {
  const auto at = numbers_.find(key_of(space));
  if (at == numbers_.end()) return std::nullopt;
  return domain_id(at->second);
}

domain_id first_level_cache::number_for(const address_space& space) {
  if (const auto known = number_of(space)) return *known;
  if (spaces_.size() == most_spaces) invalidate_all();
  const auto number = static_cast<uint16_t>(spaces_.size());
  spaces_.push_back(space);
  numbers_.emplace(key_of(space), number);
  return domain_id(number);
}

first_level_page first_level_cache::page_of(uint64_t data, unsigned level) {
  first_level_page page;
  page.page = data & page_mask;
  page.level = level;
  page.writable = word_writable.test(data);
  page.user = word_user.test(data);
  page.execute_disabled = word_execute_disabled.test(data);
  page.host_readable = word_host_readable.test(data);
  page.host_writable = word_host_writable.test(data);
  page.clean = word_clean.test(data);
  page.snoop = word_snoop.test(data);
  return page;
}

std::optional<first_level_page> first_level_cache::find(const address_space& space,
                                                        uint64_t address) const {
  const auto number = number_of(space);
  if (!number) return std::nullopt;
  for (unsigned level = first_leaf_level; level <= last_leaf_level; ++level) {
    if (!pages_.may_hold(level)) continue;
    if (const uint64_t* data = pages_.find(*number, level, in_tag(address))) {
      return page_of(*data, level);
    }
  }
  return std::nullopt;
}

first_level_cache::displaced_page first_level_cache::insert(const address_space& space,
                                                            uint64_t address,
                                                            const first_level_page& page) {
  const uint64_t data = page.page | word_writable.make(page.writable) | word_user.make(page.user) |
                        word_execute_disabled.make(page.execute_disabled) |
                        word_host_readable.make(page.host_readable) |
                        word_host_writable.make(page.host_writable) | word_clean.make(page.clean) |
                        word_snoop.make(page.snoop);
  return pages_.insert(number_for(space), page.level, in_tag(address), data);
}

std::optional<first_level_table> first_level_cache::find_table(const address_space& space,
                                                               uint64_t address,
                                                               unsigned levels) const {
  const auto number = number_of(space);
  if (!number) return std::nullopt;
  for (unsigned level = first_table_level; level <= levels; ++level) {
    if (!tables_.may_hold(level)) continue;
    if (const uint64_t* data = tables_.find(*number, level, in_tag(address))) {
      return first_level_table{*data & page_mask, level, word_writable.test(*data),
                               word_user.test(*data), word_execute_disabled.test(*data)};
    }
  }
  return std::nullopt;
}

first_level_cache::displaced_table first_level_cache::insert_table(const address_space& space,
                                                                   uint64_t address,
                                                                   const first_level_table& table) {
  const uint64_t data = table.address | word_writable.make(table.writable) |
                        word_user.make(table.user) |
                        word_execute_disabled.make(table.execute_disabled);
  return tables_.insert(number_for(space), table.level, in_tag(address), data);
}

void first_level_cache::invalidate_all() {
  pages_.clear();
  tables_.clear();
  numbers_.clear();
  spaces_.clear();
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
    const auto number = number_of({domain, pasid, nested});
    if (!number) continue;
    pages_.erase_range(*number, first, first | below);
    if (!leaf_hint) tables_.erase_range(*number, first, first | below);
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
