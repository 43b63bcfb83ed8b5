// SPDX-License-Identifier: GPL-2.0-only
//
// What the unit tells of scalable mode: words read and set, contexts, PASID table entries, pages,
// invalidations; and the events that the trace makes of it.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "platform/vtd/unit_observer.h"
#include "scalable_machine.h"

namespace iommulab::vtd_test::scalable_observer_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

constexpr uint64_t iova = 0x12345000;
constexpr uint64_t target = 0x800000;
constexpr uint64_t all = fl_present | fl_write | fl_user;
constexpr uint32_t process = 7;

class listener : public unit_observer {
 public:
  void context_word_read(uint64_t word, uint16_t /*source*/) override { words.push_back(word); }
  void paging_word_read(uint64_t word, domain_id /*domain*/, uint64_t /*address*/) override {
    words.push_back(word);
  }
  void paging_word_set(uint64_t word, uint64_t before, uint64_t after) override {
    told.push_back(absl::StrFormat("set %x", before ^ after));
    set_words.push_back(word);
  }
  void scalable_context_used(source_id source, const scalable_context& ctx, lookup from) override {
    told.push_back(
        absl::StrFormat("context %s %d %s", to_short_string(source), ctx.pasids, name(from)));
  }
  void pasid_used(source_id /*source*/, uint32_t pasid, const pasid_context& entry,
                  lookup from) override {
    told.push_back(
        absl::StrFormat("pasid %d domain %d %s", pasid, entry.domain.value(), name(from)));
  }
  void first_level_used(const dma_request& /*request*/, const pasid_context& /*entry*/,
                        const address_space& space, const first_level_page& page,
                        lookup from) override {
    told.push_back(absl::StrFormat("page %d/%d %x %s", space.domain.value(), space.pasid,
                                   page.page(), name(from)));
  }
  void pasids_invalidated(const vtd::pasid_cache_descriptor& request) override {
    told.push_back(vtd::to_string(request));
  }
  void pasid_iotlb_invalidated(const vtd::pasid_iotlb_descriptor& request) override {
    told.push_back(vtd::to_string(request));
  }
  void table_mode_latched(vtd::table_mode mode) override {
    told.push_back(absl::StrFormat("mode %d", static_cast<int>(mode)));
  }
  std::vector<uint64_t> words;
  std::vector<uint64_t> set_words;
  std::vector<std::string> told;
};

struct observed : scalable_machine {
  uint64_t top = page();
  observed() {
    map_first(top, iova, target | all);
    set_pasid(nic, process, first(top, 6));
  }
};

TEST(vtd_scalable_observer, is_told_of_each_word_of_a_walk) {
  observed m;
  m.start();
  listener l;
  const unit_observation watching = m.unit.observe(l);
  l.told.clear();
  ASSERT_TRUE(m.read_pasid(nic, process, iova).ok());
  const uint64_t context = m.scalable_context(nic);
  const uint64_t entry = m.pasid_entry(nic, process);
  std::vector<uint64_t> expected = {m.root_word(nic)};
  for (unsigned i = 0; i < 4; ++i) expected.push_back(context + 8 * i);
  expected.push_back(m.directory_word(nic, process));
  for (unsigned i = 0; i < 8; ++i) expected.push_back(entry + 8 * i);
  for (const unsigned level : {4u, 3u, 2u, 1u}) {
    expected.push_back(m.first_entry_address(m.top, 4, iova, level));
  }
  EXPECT_EQ(l.words, expected);
  EXPECT_THAT(l.told,
              ElementsAre("context 00:03.0 1048576 memory", "pasid 7 domain 6 memory", "set 20",
                          "set 20", "set 20", "set 20", "page 6/7 800000 memory"));
  l.told.clear();
  l.words.clear();
  ASSERT_TRUE(m.read_pasid(nic, process, iova).ok());
  EXPECT_TRUE(l.words.empty());
  EXPECT_THAT(l.told, ElementsAre("context 00:03.0 1048576 cache", "pasid 7 domain 6 cache",
                                  "page 6/7 800000 cache"));
}

TEST(vtd_scalable_observer, is_told_of_modes_and_invalidations) {
  observed m;
  listener l;
  const unit_observation watching = m.unit.observe(l);
  EXPECT_THAT(l.told, ElementsAre("mode 0"));  // what it finds
  m.start();
  m.flush_pasid(6, process);
  m.flush_first_level_pages(6, process, iova, 2);
  EXPECT_THAT(l.told,
              ElementsAre("mode 0", "mode 1", "pasid_cache global", "pasid_cache domain 6 pasid 7",
                          "pasid_iotlb page domain 6 pasid 7 address 0x12345000 mask 2"));
}

TEST(vtd_scalable_observer, the_answer_is_the_same_with_and_without) {
  observed with;
  observed without;
  listener l;
  with.start();
  without.start();
  const unit_observation watching = with.unit.observe(l);
  for (uint64_t address = iova - 0x2000; address < iova + 0x2000; address += 0x800) {
    const auto a = with.read_pasid(nic, process, address);
    const auto b = without.read_pasid(nic, process, address);
    EXPECT_EQ(a.outcome, b.outcome);
    EXPECT_EQ(a.address, b.address);
    EXPECT_EQ(a.reason, b.reason);
    EXPECT_EQ(a.from.decided, b.from.decided);
  }
}

}  // namespace
}  // namespace iommulab::vtd_test::scalable_observer_test
