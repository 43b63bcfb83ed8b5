// SPDX-License-Identifier: GPL-2.0-or-later
//
// Every recorded run of every kernel's allocator, line for line.
#include "support/golden.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "iova/iova_trace.h"
#include "iova/linux/linux_domain.h"

namespace iommulab {
namespace {

class domain_target : public iova_trace_target {
 public:
  explicit domain_target(std::string version) : version_(std::move(version)) {}

  void use(unsigned domain) override { current_ = domain; }
  void init(uint64_t granule, uint64_t start_pfn, uint64_t dma32_pfn) override {
    domain().init_iova_domain({granule, start_pfn, dma32_pfn});
  }
  result reserve(uint64_t lo, uint64_t hi) override { return domain().reserve_iova(lo, hi); }
  result alloc(uint64_t id, uint64_t size, uint64_t limit, bool aligned) override {
    const iova_grant grant = domain().alloc(size, limit, aligned);
    if (!grant) return std::nullopt;
    live_[id] = {grant, size};
    return domain().range(grant);
  }
  void free(uint64_t id) override {
    const auto [grant, size] = take(id);
    domain().free(grant, size);
  }
  void free_pfn(uint64_t frame) override {
    std::erase_if(live_, [node = domain().find_iova(frame).node](const auto& entry) {
      return node != nullptr && entry.second.first.node == node;
    });
    domain().free_iova(frame);
  }
  result find(uint64_t frame) override { return std::as_const(domain()).find(frame); }
  result split(uint64_t id, uint64_t lo, uint64_t hi) override {
    return domain().split_and_remove_iova(take(id).first, lo, hi);
  }
  void copy_reserved(unsigned from, unsigned to) override {
    domain(from).copy_reserved_iova(domain(to));
  }
  void rcache_init(unsigned cpus) override {
    if (!domain().init_rcaches(cpus)) throw std::invalid_argument("no memory for the caches");
  }
  void cpu(unsigned n) override { cpu_ = n; }
  result alloc_fast(uint64_t id, uint64_t size, uint64_t limit, bool flush) override {
    const uint64_t pfn = domain().alloc_fast(cpu_, size, limit, flush);
    if (pfn == no_iova) return std::nullopt;
    live_[id] = {{pfn, nullptr}, size};
    return domain().find(pfn);
  }
  void free_fast(uint64_t id) override {
    const auto [grant, size] = take(id);
    domain().free_fast(cpu_, grant.pfn_lo, size);
  }
  void flush_cpu(unsigned n) override { domain().free_cpu_cached_iovas(n); }
  void flush_global() override { domain().free_global_cached_iovas(); }
  uint64_t work() override { return domain().run_depot_work(); }
  std::vector<uint64_t> depot() override { return domain().depot_sizes(); }
  std::vector<iova_range> dump() override { return domain().ranges(); }
  std::string state() override { return domain().state(); }

 private:
  linux_iova_domain& domain() { return domain(current_); }
  linux_iova_domain& domain(unsigned n) {
    if (domains_.at(n) == nullptr) domains_[n] = make_linux_iova_domain(version_, {});
    return *domains_[n];
  }
  std::pair<iova_grant, uint64_t> take(uint64_t id) {
    const auto found = live_.find(id);
    if (found == live_.end()) throw std::invalid_argument("no such allocation");
    const auto taken = found->second;
    live_.erase(found);
    return taken;
  }

  std::string version_;
  std::array<std::unique_ptr<linux_iova_domain>, 8> domains_;
  unsigned current_ = 0;
  unsigned cpu_ = 0;
  std::unordered_map<uint64_t, std::pair<iova_grant, uint64_t>> live_;
};

// A recorded file, and the version that must give what it says.
struct golden_run {
  std::string version;
  std::string file;
};
std::ostream& operator<<(std::ostream& out, const golden_run& run) {
  return out << run.version << " " << run.file;
}

std::string version_of(const std::string& folder) {
  std::string version = "v" + folder.substr(0, folder.find("fix"));
  for (char& c : version) c = c == '.' ? '_' : c;
  return version;
}

// 4.4.178 has files only where it differs from 4.4, and gives what 4.4 gave in all of 4.4's.
std::vector<golden_run> golden_runs() {
  std::vector<golden_run> runs;
  for (const std::string& folder : golden::cases("iova")) {
    for (const std::string& file : golden::files("iova/" + folder, ".trace")) {
      const std::string path = "iova/" + folder + "/" + file;
      runs.push_back({version_of(folder), path});
      if (folder == "4.4") runs.push_back({"v4_4_178", path});
    }
  }
  return runs;
}

class golden_linux : public testing::TestWithParam<golden_run> {};

TEST_P(golden_linux, gives_the_ranges_that_the_kernel_gave) {
  const auto text = golden::read_text(GetParam().file);
  ASSERT_TRUE(text.ok()) << text.status();
  domain_target target(GetParam().version);
  const iova_trace_outcome outcome = play_iova_trace(*text, target);
  EXPECT_GT(outcome.operations, 0u);
  EXPECT_EQ(outcome.differences, 0u);
  for (const std::string& line : outcome.first_differences) ADD_FAILURE() << line;
  RecordProperty("operations", static_cast<int>(outcome.operations));
}

std::string test_name(const testing::TestParamInfo<golden_run>& info) {
  const std::string stem = std::filesystem::path(info.param.file).stem().string();
  const std::string recorded = std::filesystem::path(info.param.file).parent_path().filename();
  return info.param.version + "_plays_" + version_of(recorded) + "_" + stem;
}

INSTANTIATE_TEST_SUITE_P(all, golden_linux, testing::ValuesIn(golden_runs()), test_name);

}  // namespace
}  // namespace iommulab
