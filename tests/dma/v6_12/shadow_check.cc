// SPDX-License-Identifier: GPL-2.0-only
//
// The shadow against tables in memory, and against what the simulated unit answers.
#include <algorithm>
#include <utility>

#include "dma/memory/pages.h"
#include "dma/v6_12/shadow_system.h"
#include "intel/dmar/table.h"

namespace iommulab::test::linux_6_12 {
namespace {

constexpr unsigned host_bits = 39;
constexpr uint64_t first_doorbell = 0xfee00;
constexpr uint64_t last_doorbell = 0xfeeff;

/// VT-d specification 7.1.3: why a request is blocked, as fault records number it.
unsigned fault_number(const request_path& path, bool scalable, dma_access access, bool read_only) {
  switch (path.kind) {
    case request_kind::no_root_entry:
      return scalable ? 0x39 : 0x01;
    case request_kind::no_context_entry:
      return scalable ? 0x41 : 0x02;
    case request_kind::pasid_not_enabled:
      return 0x45;
    case request_kind::no_directory_entry:
      return 0x51;
    case request_kind::no_pasid_entry:
      return 0x59;
    case request_kind::second_level:
      if (!scalable) return access == dma_access::read ? 0x06 : 0x05;
      return read_only ? 0x85 : 0x79;
    case request_kind::first_level:
      return read_only ? 0x85 : 0x71;
    case request_kind::pass_through:
      break;
  }
  return 0;
}

}  // namespace

device_tables shadow_system::tables_of(size_t unit) {
  return {sys_.k().memory(), sys_.unit(unit).peek(vtd_register::rtaddr)};
}

request_path shadow_system::path_of(const shadow_domain& domain) {
  const v6_12::dmar_domain& of_driver = v6_12::to_dmar_domain(*domain.domain);
  return {of_driver.use_first_level ? request_kind::first_level : request_kind::second_level,
          of_driver.pgd.value(), static_cast<unsigned>(of_driver.agaw) + 2, 0};
}

uint64_t shadow_system::pages_of_space(const shadow_domain& domain) {
  // First-level addresses are canonical: the uppermost bit is the sign.
  const bool first_level = path_of(domain).kind == request_kind::first_level;
  return uint64_t{1} << (kind_.cap.max_guest_address_width() - (first_level ? 1 : 0) - page_shift);
}

const shadow_domain* shadow_system::target(const shadow_group& group, source_id id,
                                           std::optional<uint32_t> pasid) const {
  const bool is_function =
      std::find(group.functions.begin(), group.functions.end(), id) != group.functions.end();
  // In scalable mode an id that is no function's has no entry.
  if (group.group == nullptr || (kind_.scalable() && !is_function)) return nullptr;
  if (pasid) {
    const auto found = group.pasids.find(*pasid);
    return found == group.pasids.end() ? nullptr : found->second;
  }
  return group.blocked() ? nullptr : &group.current();
}

void shadow_system::expect_blocked(const dma_translation& result, const request_path& path,
                                   dma_access access, bool read_only) {
  ++faults_;
  EXPECT_EQ(result.outcome, dma_outcome::blocked);
  EXPECT_EQ(static_cast<unsigned>(result.reason),
            fault_number(path, kind_.scalable(), access, read_only))
      << path;
}

void shadow_system::request(const shadow_group& group, source_id id, std::optional<uint32_t> pasid,
                            uint64_t page, dma_access access) {
  if (page >= first_doorbell && page <= last_doorbell) return;
  if (a_queue_is_missing_) return;
  dma_request asked;
  asked.source = id;
  asked.address = (page << page_shift) + 8 * (requests_ % 512);
  asked.length = 8;
  asked.access = access;
  asked.with_pasid = pasid.has_value();
  asked.pasid = pasid.value_or(0);
  const shadow_domain* domain = target(group, id, pasid);
  const bool passes = domain != nullptr && domain->domain == nullptr;
  if (passes && asked.address >> host_bits != 0) return;
  // A unit in caching mode keeps PASID table entries that are not present under domain 0, where
  // Linux 6.12 does not flush them (pasid_flush_caches()).
  if (domain == nullptr && kind_.scalable() && kind_.cap.caching_mode()) return;
  const uint64_t offset = asked.address & (page_size - 1);
  const dma_translation result = sys_.unit(group.unit).translate(asked);
  ++requests_;
  const bool failed_before = ::testing::Test::HasFailure();
  if (passes) {
    EXPECT_EQ(result.outcome, dma_outcome::passed);
    EXPECT_EQ(result.address, asked.address);
  } else {
    const request_path path = tables_of(group.unit).path(id, pasid);
    const auto run = domain == nullptr ? std::nullopt : domain->pages.find(page);
    const auto old = domain == nullptr ? std::nullopt : domain->stale.find(page);
    if (run && (run->writable || access == dma_access::read)) {
      EXPECT_EQ(result.outcome, dma_outcome::translated);
      EXPECT_EQ(result.address, (run->to + (page - run->first)) << page_shift | offset) << *run;
    } else if (old && result.ok()) {
      ++stale_hits_;
      EXPECT_TRUE(old->writable || access == dma_access::read) << *old;
      EXPECT_EQ(result.address, (old->to + (page - old->first)) << page_shift | offset) << *old;
    } else if (path.kind == request_kind::first_level && page >= pages_of_space(*domain)) {
      ++faults_;
      EXPECT_EQ(static_cast<unsigned>(result.reason), 0x80u);
    } else {
      // A page that was only to be read may still be known.
      const bool read_only =
          run.has_value() || (old && static_cast<unsigned>(result.reason) == 0x85);
      expect_blocked(result, path, access, read_only);
    }
  }
  if (!failed_before && ::testing::Test::HasFailure()) {
    ADD_FAILURE() << to_string(id) << (pasid ? absl::StrFormat(" PASID 0x%x", *pasid) : "") << " "
                  << (access == dma_access::read ? "reads" : "writes") << " page 0x" << std::hex
                  << page << ": address 0x" << result.address << ", reason 0x"
                  << static_cast<unsigned>(result.reason) << ", from " << name(result.from.decided);
  }
}

void shadow_system::probe(shadow_group& group) {
  for (const uint64_t page : group.addresses) {
    const dma_access access = requests_ % 2 == 0 ? dma_access::read : dma_access::write;
    for (const source_id id : group.requesters) request(group, id, {}, page, access);
    for (const auto& [pasid, domain] : group.pasids) {
      request(group, group.functions.front(), pasid, page, access);
    }
  }
  // The handler of the fault event has taken all records.
  constexpr uint64_t overflow_and_pending = 3;
  EXPECT_EQ(sys_.unit(group.unit).peek(vtd_register::fsts) & overflow_and_pending, 0u);
}

void shadow_system::probe(shadow_domain& domain) {
  for (shadow_group& group : groups_) {
    const bool is_reached =
        &group.current() == &domain ||
        std::any_of(group.pasids.begin(), group.pasids.end(),
                    [&domain](const auto& entry) { return entry.second == &domain; });
    if (is_reached) probe(group);
  }
}

void shadow_system::check_path(const shadow_group& group, source_id id,
                               std::optional<uint32_t> pasid) {
  const request_path path = tables_of(group.unit).path(id, pasid);
  const shadow_domain* domain = target(group, id, pasid);
  if (domain == nullptr) {
    EXPECT_FALSE(path.translates() || path.kind == request_kind::pass_through)
        << to_string(id) << " " << path;
    return;
  }
  if (domain->domain == nullptr) {
    EXPECT_EQ(path.kind, request_kind::pass_through) << to_string(id) << " " << path;
    return;
  }
  const request_path wanted = path_of(*domain);
  EXPECT_EQ(path.kind, wanted.kind) << to_string(id) << " " << path;
  EXPECT_EQ(path.table, wanted.table) << to_string(id) << " " << path;
  EXPECT_EQ(path.levels, wanted.levels) << to_string(id) << " " << path;
}

void shadow_system::check_reach(const shadow_domain& domain, std::set<uint64_t>& tables) {
  EXPECT_EQ(tables_of(0).reach(path_of(domain), tables), domain.pages.runs());
}

void shadow_system::check_tables() {
  std::set<uint64_t> tables;
  for_each_domain([&](const shadow_domain& domain) { check_reach(domain, tables); });
  // Under one id a unit knows one domain, and pass-through under 1.
  std::map<std::pair<size_t, unsigned>, const shadow_domain*> ids;
  const auto note = [&](const shadow_group& group, source_id id, std::optional<uint32_t> pasid) {
    check_path(group, id, pasid);
    const shadow_domain* domain = target(group, id, pasid);
    if (domain == nullptr) return;
    const unsigned did = tables_of(group.unit).path(id, pasid).domain;
    EXPECT_EQ(did == 1, domain->domain == nullptr) << to_string(id);
    if (domain->domain == nullptr) return;
    EXPECT_EQ(ids.try_emplace({group.unit, did}, domain).first->second, domain)
        << "id " << did << " has two domains";
  };
  for (const shadow_group& group : groups_) {
    for (const source_id id : group.requesters) note(group, id, {});
    const source_id id = group.functions.front();
    std::set<uint32_t> pasids;
    for (const auto& [pasid, domain] : group.pasids) {
      note(group, id, pasid);
      pasids.insert(pasid);
    }
    EXPECT_EQ(tables_of(group.unit).pasids(id), pasids) << to_string(id);
  }
}

std::set<uint64_t> shadow_system::reached_pages() {
  std::set<uint64_t> pages;
  for (size_t unit = 0; unit < sys_.k().units().size(); ++unit) {
    tables_of(unit).add_pages_above(pages);
  }
  for_each_domain([&](const shadow_domain& domain) { tables_of(0).reach(path_of(domain), pages); });
  for (const shadow_group& group : groups_) {
    for (const dma_buffer& buffer : group.buffers) {
      if (buffer.what != dma_buffer::kind::coherent) continue;
      for (uint64_t i = 0; i < uint64_t{1} << get_order(buffer.size); ++i) {
        pages.insert(buffer.memory.value() + i * page_size);
      }
    }
  }
  return pages;
}

uint64_t shadow_system::pages_of_queues() {
  uint64_t pages = 0;
  uint64_t queues = 0;
  for (const dmar_drhd_unit& drhd : sys_.driver().dmar_drhd_units) {
    if (drhd.iommu->qi == nullptr) continue;
    // 256 descriptors of 16 or, in scalable mode, 32 bytes, and as many status words.
    pages += kind_.scalable() ? 2u : 1u;
    ++queues;
  }
  EXPECT_EQ(sys_.pages().live_objects(), queues);
  return pages + (queues > 0 ? 1 : 0);
}

void shadow_system::check_accounts() {
  settle();
  EXPECT_EQ(sys_.pages().live_pages(), pages_of_queues() + reached_pages().size());
  for (size_t unit = 0; unit < sys_.k().units().size(); ++unit) {
    std::set<const shadow_domain*> present;
    const auto add = [&present](const shadow_domain* domain) {
      if (domain != nullptr && domain->domain != nullptr) present.insert(domain);
    };
    for (const shadow_group& group : groups_) {
      if (group.unit != unit) continue;
      add(target(group, group.functions.front(), {}));
      for (const auto& [pasid, domain] : group.pasids) add(domain);
    }
    // Ids 0 and 1 are taken.
    EXPECT_EQ(sys_.driver().units[unit].domain_ids.taken(), 2 + static_cast<int>(present.size()))
        << "unit " << unit;
  }
}

void shadow_system::check_ranges(shadow_group& group) {
  if (group.own.reserved.empty()) return;
  v6_12::iova_domain& iovad = group.own.domain->iova_cookie->iovad;
  iovad.ranges->free_cpu_cached_iovas(0);
  iovad.ranges->free_global_cached_iovas();
  std::vector<page_run> left;
  for (const iova_range& range : iovad.ranges->ranges()) {
    left.push_back({range.lo, range.hi, 0, false});
  }
  EXPECT_EQ(left, group.own.reserved) << "addresses that nobody gave back";
}

leftovers shadow_system::finish() {
  for (shadow_group& group : groups_) {
    unmap_all(group);
    while (!group.pasids.empty()) detach_pasid(group, group.pasids.begin()->first);
    if (group.attached != nullptr) detach(group);
    if (group.claimed) release(group);
    while (group.users > 0) unuse_default(group);
    probe(group);
  }
  while (!domains_.empty()) free_domain(domains_.front());
  check_accounts();
  check_tables();
  for (shadow_group& group : groups_) check_ranges(group);
  groups_.clear();
  for (const source_id id : {isa, behind_bridge, bridge, not_isolated[1], not_isolated[0],
                             second_of_pasids, first_of_pasids, at(0, 0)}) {
    device& gone = dev(id);
    sys_.pci().remove(*gone.pci);
    if (gone.group == nullptr) continue;
    // The core had no memory for its listener, and did not notice.
    EXPECT_TRUE(ran_out_) << gone.name;
    v6_12::iommu_group_remove_device(gone);
  }
  for (const page_diagnosis& d : sys_.pages().diagnoses()) ADD_FAILURE() << d.sentence;
  EXPECT_EQ(sys_.driver().live_domain_count(), 0u);
  EXPECT_EQ(sys_.pages().live_pages(), pages_of_queues() + reached_pages().size());
  return {sys_.pages().live_pages(), sys_.pages().live_objects(), sys_.slab().live()};
}

leftovers shadow_system::of_untouched(const translation_kind& kind, const std::string& more_words) {
  shadow_system untouched(kind, more_words);
  EXPECT_EQ(untouched.boot(), 0);
  return untouched.finish();
}

}  // namespace iommulab::test::linux_6_12
