// SPDX-License-Identifier: GPL-2.0-or-later
//
// Every recorded run of Linux 4.4's allocator, line for line.
#include <array>
#include <memory>
#include <stdexcept>
#include <unordered_map>

#include "absl/strings/str_format.h"
#include "iova/iova_fixture.h"
#include "iova/iova_trace.h"
#include "support/golden.h"

namespace iommulab {
namespace {

class v4_4_target : public iova_trace_target {
 public:
  explicit v4_4_target(iova_cache& cache) : cache_(cache) {
    for (auto& d : domains_) d = std::make_unique<iova_domain>(cache);
  }
  ~v4_4_target() override {
    for (auto& d : domains_) put_iova_domain(*d);
  }
  v4_4_target(const v4_4_target&) = delete;
  v4_4_target& operator=(const v4_4_target&) = delete;

  void use(unsigned domain) override { current_ = domain; }
  void init(uint64_t granule, uint64_t start_pfn, uint64_t dma32_pfn) override {
    put_iova_domain(domain());
    init_iova_domain(domain(), granule, start_pfn, dma32_pfn);
  }
  result reserve(uint64_t lo, uint64_t hi) override {
    return range(reserve_iova(domain(), lo, hi));
  }
  result alloc(uint64_t id, uint64_t size, uint64_t limit, bool aligned) override {
    iova* given = alloc_iova(domain(), size, limit, aligned);
    if (given != nullptr) live_[id] = given;
    return range(given);
  }
  void free(uint64_t id) override { free_iova(domain(), take(id)); }
  void free_pfn(uint64_t frame) override {
    const iova* hit = find_iova(domain(), frame);
    std::erase_if(live_, [hit](const auto& entry) { return entry.second == hit; });
    free_iova(domain(), frame);
  }
  result find(uint64_t frame) override { return range(find_iova(domain(), frame)); }
  result split(uint64_t id, uint64_t lo, uint64_t hi) override {
    iova* removed = split_and_remove_iova(domain(), take(id), lo, hi);
    const result r = range(removed);
    if (removed != nullptr) free_iova_mem(cache_, removed);
    return r;
  }
  void copy_reserved(unsigned from, unsigned to) override {
    copy_reserved_iova(*domains_.at(from), *domains_.at(to));
  }
  std::vector<iova_range> dump() override {
    const absl::MutexLock guard(&domain().iova_rbtree_lock);
    std::vector<iova_range> all;
    for (const iova& i : domain().rbroot) all.push_back({i.pfn_lo, i.pfn_hi});
    return all;
  }
  std::string state() override {
    const absl::MutexLock guard(&domain().iova_rbtree_lock);
    const iova* cached = domain().cached32_node;
    return cached == nullptr ? "cached32=none" : absl::StrFormat("cached32=0x%x", cached->pfn_lo);
  }

 private:
  iova_domain& domain() { return *domains_.at(current_); }
  static result range(const iova* i) {
    if (i == nullptr) return std::nullopt;
    return iova_range{i->pfn_lo, i->pfn_hi};
  }
  iova* take(uint64_t id) {
    const auto found = live_.find(id);
    if (found == live_.end()) throw std::invalid_argument("no such allocation");
    iova* node = found->second;
    live_.erase(found);
    return node;
  }

  iova_cache& cache_;
  std::array<std::unique_ptr<iova_domain>, 8> domains_;
  unsigned current_ = 0;
  std::unordered_map<uint64_t, iova*> live_;
};

class golden_v4_4 : public iova_test, public testing::WithParamInterface<std::string> {};

TEST_P(golden_v4_4, gives_the_ranges_that_the_kernel_gave) {
  const auto text = golden::read_text("iova/4.4/" + GetParam());
  ASSERT_TRUE(text.ok()) << text.status();
  v4_4_target target(cache_);
  const iova_trace_outcome outcome = play_iova_trace(*text, target);
  EXPECT_GT(outcome.operations, 1000u);
  EXPECT_EQ(outcome.differences, 0u);
  for (const std::string& line : outcome.first_differences) ADD_FAILURE() << line;
  RecordProperty("operations", static_cast<int>(outcome.operations));
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  return info.param.substr(0, info.param.find('.'));
}

INSTANTIATE_TEST_SUITE_P(all, golden_v4_4, testing::ValuesIn(golden::files("iova/4.4", ".trace")),
                         test_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(golden_v4_4);

class trace_reader : public iova_test {
 protected:
  iova_trace_outcome play(std::string_view text) {
    v4_4_target target(cache_);
    return play_iova_trace(text, target);
  }
};

TEST_F(trace_reader, finds_every_kind_of_difference) {
  constexpr std::string_view init = "init 4096 0x1 0xfffff\n";
  for (const char* line : {"alloc 0 1 0xfffff 0 -> 0x1 0x1", "alloc 0 1 0xfffff 0 -> FAIL",
                           "state -> cached32=0x5", "dump 1\n0x1 0x2\nend", "find 7 -> 0x1 0x8",
                           "flush_global", "nonsense", "alloc 0", "free 3", "free x"}) {
    const iova_trace_outcome outcome = play(std::string(init) + line + "\n");
    EXPECT_EQ(outcome.differences, 1u) << line;
  }
  EXPECT_EQ(play(init).differences, 0u);
}

}  // namespace
}  // namespace iommulab
