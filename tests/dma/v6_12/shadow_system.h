// SPDX-License-Identifier: GPL-2.0-only
//
// A running Linux 6.12 and beside it a shadow: what each domain maps and which domain each group is
// in. Every operation goes through the real API and changes the shadow as its contract says; a
// check reads the tables in memory by the test's own arithmetic and sends requests through the
// simulated unit, and both have to agree with the shadow.
//
// An operation that may run out of memory returns whether it was done; where not, the shadow is
// what it was before.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dma/v6_12/shadow.h"
#include "support/v6_12/device_tables.h"
#include "support/v6_12/page_map.h"
#include "support/v6_12/system.h"
#include "support/v6_12/translation_kinds.h"

namespace iommulab::test::linux_6_12 {

class shadow_system {
 public:
  /// With more words on the command line; nothing has run yet.
  shadow_system(const translation_kind& kind, const std::string& more_words);

  /// Start-up; what intel_iommu_init() came to. With 0 the groups are there.
  int boot();

  system& sys() { return sys_; }
  [[nodiscard]] const translation_kind& kind() const { return kind_; }
  std::vector<shadow_group>& groups() { return groups_; }
  std::list<shadow_domain>& domains() { return domains_; }  ///< those made by make_domain()
  device& dev(source_id id) { return sys_.dev(id); }
  /// Memory is about to run out: what is done instead is accepted, and what start-up did without
  /// stays.
  void expect_failures(bool on) {
    failures_ = on;
    ran_out_ |= on;
  }

  // The DMA API (shadow_dma.cc)
  bool map_page(shadow_group& group, device& dev, uint64_t phys, uint64_t size,
                dma_data_direction dir);
  bool map_sg(shadow_group& group, device& dev, std::vector<scatterlist> list,
              dma_data_direction dir);
  bool alloc_coherent(shadow_group& group, device& dev, uint64_t size, gfp_t gfp);
  // What another thread has mapped.
  void note_page(shadow_group& group, device& dev, uint64_t phys, uint64_t size,
                 dma_data_direction dir, dma_addr handle);
  void note_sg(shadow_group& group, device& dev, const std::vector<scatterlist>& asked,
               std::vector<scatterlist> list, int ents, dma_data_direction dir);
  void note_coherent(shadow_group& group, device& dev, uint64_t size, phys_addr memory,
                     dma_addr handle);
  void unmap(shadow_group& group, size_t buffer);
  void unmap_all(shadow_group& group);
  /// Time passes until no unmapped range waits any more.
  void settle();

  // The IOMMU API (shadow_domains.cc)
  shadow_domain* make_domain(shadow_group& for_group);
  void free_domain(shadow_domain& domain);
  [[nodiscard]] bool in_use(const shadow_domain& domain) const;
  shadow_domain& identity() { return identity_; }
  bool map(shadow_domain& domain, const page_run& run);
  /// The range cuts no superpage, unless it begins with one: then that goes as a whole.
  void unmap(shadow_domain& domain, uint64_t first, uint64_t last);
  bool attach(shadow_group& group, shadow_domain& domain);
  void detach(shadow_group& group);
  /// A domain that reaches farther than the unit does is refused; the group stays where it is.
  void attach_too_wide(shadow_group& group);
  bool claim(shadow_group& group);
  void release(shadow_group& group);
  bool attach_pasid(shadow_group& group, shadow_domain& domain, uint32_t pasid);
  void detach_pasid(shadow_group& group, uint32_t pasid);
  void use_default(shadow_group& group);
  void unuse_default(shadow_group& group);
  /// Writes the group's file. True when it is what was asked for.
  bool set_type(shadow_group& group, std::string_view text);
  /// Functions leave, and come back.
  void replug(shadow_group& group);

  // Checks (shadow_check.cc)
  /// Requests at pages of interest, by everybody in the group.
  void probe(shadow_group& group);
  /// The same by all that reach the domain.
  void probe(shadow_domain& domain);
  /// One request with a PASID, whether there is an entry for it or not.
  void request_pasid(const shadow_group& group, uint32_t pasid, uint64_t page) {
    request(group, group.functions.front(), pasid, page, dma_access::read);
  }
  /// All tables.
  void check_tables();
  /// Nothing is in use but what is reached: pages, domain ids. Settles.
  void check_accounts();
  /// Everything is given back and all functions are removed; what is left then.
  leftovers finish();
  /// The same of a system in which nothing was done.
  static leftovers of_untouched(const translation_kind& kind, const std::string& more_words);

  [[nodiscard]] request_path path_of(const shadow_domain& domain);
  [[nodiscard]] device_tables tables_of(size_t unit);
  /// Pages of the address space that a domain may map, by its kind of tables.
  [[nodiscard]] uint64_t pages_of_space(const shadow_domain& domain);
  /// Requests that a stale entry served, which only a lazy domain may.
  [[nodiscard]] uint64_t stale_hits() const { return stale_hits_; }
  [[nodiscard]] uint64_t requests() const { return requests_; }
  [[nodiscard]] uint64_t faults() const { return faults_; }

 private:
  shadow_group make_group(std::vector<source_id> functions, std::vector<source_id> requesters);
  /// The group as its files and pointers show it, with a default domain that has nothing mapped but
  /// what firmware wants.
  void adopt(shadow_group& group);
  bool is_direct(const shadow_group& group, const device& dev) const;
  bool is_lazy(const shadow_group& group) const;
  void mapped(shadow_group& group, const page_run& run);
  void gone(shadow_group& group, uint64_t first, uint64_t last);
  void request(const shadow_group& group, source_id id, std::optional<uint32_t> pasid,
               uint64_t page, dma_access access);
  void expect_blocked(const dma_translation& result, const request_path& path, dma_access access,
                      bool read_only);
  /// Where a requester's requests are to go; null when they are to be blocked.
  const shadow_domain* target(const shadow_group& group, source_id id,
                              std::optional<uint32_t> pasid) const;
  void check_path(const shadow_group& group, source_id id, std::optional<uint32_t> pasid);
  void check_reach(const shadow_domain& domain, std::set<uint64_t>& tables);
  std::set<uint64_t> reached_pages();
  /// Pages and small objects that queues take.
  uint64_t pages_of_queues();
  /// Calls `f` with each domain that has tables, those of the groups first.
  template <typename F>
  void for_each_domain(F&& f) {
    for (shadow_group& group : groups_) {
      if (group.own.domain != nullptr) f(group.own);
    }
    for (shadow_domain& domain : domains_) f(domain);
  }
  void check_ranges(shadow_group& group);

  const translation_kind kind_;
  const std::string words_;
  system sys_;
  std::vector<shadow_group> groups_;
  std::list<shadow_domain> domains_;
  shadow_domain identity_;
  bool failures_ = false;
  bool ran_out_ = false;
  /// A unit that could have a queue got no memory for one. Linux 6.12 loses its invalidations then
  /// (cache_tag_flush_iotlb() and qi_submit_sync()), so that only tables are looked at.
  bool a_queue_is_missing_ = false;
  uint64_t stale_hits_ = 0;
  uint64_t requests_ = 0;
  uint64_t faults_ = 0;
};

}  // namespace iommulab::test::linux_6_12
