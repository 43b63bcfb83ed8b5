// SPDX-License-Identifier: GPL-2.0-only
//
// The pool operations of the recorded scripts: which block a pool hands out next. What lies under a
// pool is the record's: when the pool asks for coherent memory, it gets the page that the kernel's
// pool got, at this moment or not at all.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "core/dma/dma_mapping.h"
#include "dma/dma_pool.h"
#include "fixture.h"
#include "support/golden.h"

namespace iommulab::test::dma_pool_golden_test {
namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const size_t end = std::min(line.find(' '), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

uint64_t number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) {
    text.remove_prefix(2);
    base = 16;
  }
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  EXPECT_TRUE(error == std::errc() && end == text.data() + text.size()) << text;
  return value;
}

// The value behind "phys=" in a line.
uint64_t result(std::string_view line, std::string_view name) {
  for (const std::string_view word : words_of(line)) {
    if (word.starts_with(name)) return number(word.substr(name.size()));
  }
  ADD_FAILURE() << "no " << name << " in " << line;
  return 0;
}

class recorded_memory : public dma_map_ops {
 public:
  // What the kernel's pget came to.
  void expect(phys_addr block, dma_addr handle) {
    block_ = block;
    handle_ = handle;
  }
  std::optional<phys_addr> alloc(device&, uint64_t size, dma_addr& handle, gfp_t) override {
    EXPECT_EQ(block_.page_offset(), 0u) << "the kernel took a block of a page that it had";
    EXPECT_TRUE(live_.insert(block_).second) << "the kernel's pool has this page already";
    EXPECT_LE(page_size, size);
    handle = handle_;
    return block_;
  }
  void free(device&, uint64_t, phys_addr cpu_addr, dma_addr) override { live_.erase(cpu_addr); }
  dma_addr map_page(device&, phys_addr, uint64_t, uint64_t, dma_data_direction) override {
    return {};
  }
  void unmap_page(device&, dma_addr, uint64_t, dma_data_direction) override {}
  int map_sg(device&, absl::Span<scatterlist>, dma_data_direction) override { return 0; }
  void unmap_sg(device&, absl::Span<scatterlist>, dma_data_direction) override {}
  bool mapping_error(device&, dma_addr) override { return false; }

  [[nodiscard]] size_t live() const { return live_.size(); }

 private:
  phys_addr block_;
  dma_addr handle_;
  std::set<phys_addr> live_;
};

class dma_pool_golden_test : public dma_fixture {
 protected:
  dma_pool_golden_test() : dma_fixture({{phys_addr(0), gib}}) {}

  void play(std::string_view line) {
    const std::vector<std::string_view> words = words_of(line);
    const auto argument = [&](size_t i) { return number(words.at(1 + i)); };
    const std::string_view op = words.at(1);
    SCOPED_TRACE(line);
    if (op == "pool") {
      pool_of[argument(1)] =
          dma_pool_create(pools, "lab", dev, argument(3), argument(4), argument(5));
      ASSERT_NE(pool_of[argument(1)], nullptr);
    } else if (op == "pget") {
      const phys_addr block(result(line, "phys="));
      const dma_addr handle(result(line, "dma="));
      ops.expect(block, handle);
      dma_addr got;
      EXPECT_EQ(dma_pool_alloc(*pool_of.at(argument(2)), gfp_kernel, got), block);
      EXPECT_EQ(got, handle);
      blocks[argument(1)] = {argument(2), block, handle};
    } else if (op == "pput") {
      const auto [pool, block, handle] = blocks.at(argument(1));
      EXPECT_EQ(handle.value(), result(line, "dma="));
      dma_pool_free(*pool_of.at(pool), block, handle);
    } else if (op == "pdel") {
      dma_pool_destroy(pool_of.at(argument(1)));
    } else {
      return;
    }
    ++played;
  }

  struct held_block {
    uint64_t pool;
    phys_addr memory;
    dma_addr handle;
  };
  recorded_memory ops;
  dma_pools pools{*memory, slab};
  device& dev = add_device("0000:00:04.0", &ops);
  std::map<uint64_t, dma_pool*> pool_of;
  std::map<uint64_t, held_block> blocks;
  int played = 0;
};

TEST_F(dma_pool_golden_test, BlocksInTheKernelsOrder) {
  const std::filesystem::path lab = golden::root() / "kernel/v4_4/dmalab";
  int runs = 0;
  for (const std::string& name : golden::cases(lab)) {
    if (!golden::exists(lab / name / "ops.txt")) continue;
    SCOPED_TRACE(name);
    const std::string text = golden::read_text(lab / name / "ops.txt").value();
    played = 0;
    for (const std::string_view line : golden::lines(text)) {
      if (!line.empty() && line.front() >= '0' && line.front() <= '9') play(line);
    }
    if (played != 0) ++runs;
    EXPECT_TRUE(log().empty()) << log().front();
    EXPECT_EQ(ops.live(), 0u);
    EXPECT_EQ(slab.live(), 0);
    if (HasFailure()) return;
  }
  if (runs == 0) IOMMULAB_MISSING("no recorded run uses a pool");
  RecordProperty("runs", runs);
}

}  // namespace
}  // namespace iommulab::test::dma_pool_golden_test
