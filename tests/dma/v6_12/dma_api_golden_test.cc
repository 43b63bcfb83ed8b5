// SPDX-License-Identifier: GPL-2.0-only
//
// What drivers asked of the DMA API of a real 6.12, replayed: every address, whether it came from
// the caches or from the tree, every page mapped and unmapped, what was gathered, which ranges were
// freed by which flush. The recording says when a timer fired; that a queue was full is a result.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "call_tree.h"
#include "core/number.h"
#include "support/golden.h"
#include "system.h"

namespace iommulab::v6_12::dma_api_golden_test {
namespace {

uint64_t number(std::string_view text) {
  const auto value = parse_number(text);
  EXPECT_TRUE(value.has_value()) << text;
  return value.value_or(0);
}

/// "size=0x1000" of a line's words; "" when there is none.
std::string word_of(std::string_view line, const std::string& name) {
  const size_t at = line.find(" " + name + "=");
  if (at == std::string_view::npos) return {};
  const std::string_view rest = line.substr(at + name.size() + 2);
  return std::string(rest.substr(0, rest.find_first_of(" ]")));
}

/// Writes the effects of calls in the recording's words.
class effects : public trace_sink {
 public:
  void on_event(const trace_event& event) override {
    if (const auto* enter = event.as<events::call_enter>()) {
      on_enter(*enter);
    } else if (const auto* exit = event.as<events::call_exit>()) {
      on_exit(*exit);
    }
  }
  std::vector<std::string> take() {
    flush_ended();
    return std::exchange(lines_, {});
  }
  void set_strict(bool strict) { strict_ = strict; }

 private:
  static uint64_t argument(const events::call_enter& call, size_t i) {
    const auto& value = call.arguments.at(i).value;
    if (const auto* u = std::get_if<uint64_t>(&value)) return *u;
    return static_cast<uint64_t>(std::get<int64_t>(value));
  }

  void on_enter(const events::call_enter& call) {
    if (call.name == "alloc_iova_fast") {
      asked_ = absl::StrFormat("iova size=0x%x limit_pfn=0x%x flush=%d", argument(call, 0),
                               argument(call, 1), argument(call, 2));
      tree_.clear();
    } else if (call.name == "alloc_iova") {
      tree_ = absl::StrFormat(" tree=0x%x", argument(call, 0));
    } else if (call.name == "fake_map_pages") {
      add(absl::StrFormat("map iova=0x%x pa=0x%x pages=0x%x prot=0x%x", argument(call, 0),
                          argument(call, 1), argument(call, 2), argument(call, 3)));
    } else if (call.name == "fake_unmap_pages") {
      add(absl::StrFormat("unmap iova=0x%x pages=0x%x", argument(call, 0), argument(call, 1)));
    } else if (call.name == "fake_iotlb_sync") {
      add(absl::StrFormat("sync start=0x%x end=0x%x pgsize=0x%x", argument(call, 0),
                          argument(call, 1), argument(call, 2)));
    } else if (call.name == "fq_flush_timeout") {
      by_timer_ = true;
    } else if (call.name == "fq_flush_iotlb") {
      flushing_ = true;
    } else if (call.name == "free_iova_fast") {
      const std::string range = absl::StrFormat("0x%x:%d", argument(call, 0), argument(call, 1));
      if (strict_) {
        add("free_iova " + range);
      } else {
        freed_.push_back(range);
      }
    }
  }
  void on_exit(const events::call_exit& call) {
    if (call.name == "alloc_iova_fast") {
      const uint64_t pfn = std::get<uint64_t>(call.result.at(0).value);
      add(absl::StrFormat("%s%s -> 0x%x", asked_, tree_, pfn));
    }
  }
  void add(const std::string& line) { lines_.push_back("  " + line); }
  void flush_ended() {
    if (!std::exchange(flushing_, false)) {
      EXPECT_TRUE(freed_.empty()) << "ranges are freed without a flush";
      return;
    }
    std::string line =
        absl::StrFormat("flush %s freed=%d:", by_timer_ ? "timer" : "full", freed_.size());
    for (const std::string& range : freed_) absl::StrAppend(&line, " ", range);
    lines_.push_back(line);
    freed_.clear();
    by_timer_ = false;
  }

  std::vector<std::string> lines_;
  std::vector<std::string> freed_;
  std::string asked_;
  std::string tree_;
  bool strict_ = false;
  bool by_timer_ = false;
  bool flushing_ = false;
};

/// The driver's part of effects comes as calls too, so that all is in order.
class telling_ops final : public iommu_domain_ops {
 public:
  telling_ops(fake_driver& driver, tracer& trace) : driver_(driver), trace_(trace) {}
  int attach_dev(iommu_domain& domain, device& dev) override {
    return driver_.attach_dev(domain, dev);
  }
  int map_pages(iommu_domain& domain, dma_addr iova, phys_addr paddr, uint64_t pgsize,
                uint64_t pgcount, int prot, uint64_t& mapped) override {
    const uint64_t pages = pgsize * pgcount >> page_shift;
    IOMMULAB_CALL(trace_, "fake_map_pages", {"iova", iova}, {"paddr", paddr}, {"pages", pages},
                  {"prot", prot});
    return driver_.map_pages(domain, iova, paddr, pgsize, pgcount, prot, mapped);
  }
  uint64_t unmap_pages(iommu_domain& domain, dma_addr iova, uint64_t pgsize, uint64_t pgcount,
                       iommu_iotlb_gather& gather) override {
    const uint64_t pages = pgsize * pgcount >> page_shift;
    IOMMULAB_CALL(trace_, "fake_unmap_pages", {"iova", iova}, {"pages", pages});
    return driver_.unmap_pages(domain, iova, pgsize, pgcount, gather);
  }
  void iotlb_sync(iommu_domain&, iommu_iotlb_gather& gather) override {
    IOMMULAB_CALL(trace_, "fake_iotlb_sync", {"start", gather.start}, {"end", gather.end},
                  {"pgsize", gather.pgsize});
  }
  phys_addr iova_to_phys(iommu_domain& domain, dma_addr iova) override {
    return driver_.iova_to_phys(domain, iova);
  }
  void free(iommu_domain& domain) override { driver_.free(domain); }

 private:
  fake_driver& driver_;
  tracer& trace_;
};

class player {
 public:
  player(const std::string& scenario, std::string_view header)
      : s_({.forcedac = scenario == "forcedac"}), ops_(s_.driver, s_.sys.env.trace) {
    s_.add_recorded_windows();
    if (word_of(header, "driver") == "ahci") {
      s_.driver.regions["00:04.0"] = {
          {phys_addr(0), 0x1000000, iommu_read | iommu_write, iommu_resv_type::direct_relaxable}};
    }
    const bool strict = word_of(header, "type") == "DMA";
    s_.iommu.defaults.dma_strict = strict;
    s_.start();
    s_.domain().ops = &ops_;
    if (scenario.starts_with("width48")) {
      s_.domain().geometry.aperture_end = dma_addr((uint64_t{1} << 48) - 1);
    }
    device& dev = s_.dev();
    dev.dma_mask = dma_bit_mask(static_cast<unsigned>(number(word_of(header, "dma_mask_bits"))));
    dev.coherent_dma_mask =
        dma_bit_mask(static_cast<unsigned>(number(word_of(header, "consistent"))));
    // As the drivers set it.
    if (word_of(header, "driver") == "nvme") dev.dma_max_seg_size = UINT32_MAX;
    s_.mapping.iommu().take_scattered_pages(true);
    effects_.set_strict(strict);
    subscription_ = s_.sys.env.trace.subscribe(effects_, trace_class::calls);
  }

  /// Plays the line and returns what came of it, its result and its effects; `below` is the
  /// recording's list of effects, for what the line itself does not say.
  std::vector<std::string> play(const std::string& line, const std::vector<std::string>& below) {
    const std::string what = line.substr(0, line.find(' '));
    std::string result;
    const auto dir = [&] { return static_cast<dma_data_direction>(number(word_of(line, "dir"))); };
    device& dev = s_.dev();
    if (what == "map_page") {
      const phys_addr phys(number(word_of(line, "phys")));
      result = absl::StrFormat("0x%x", dma_map_page(dev, phys.page_base(), phys.page_offset(),
                                                    number(word_of(line, "size")), dir())
                                           .value());
    } else if (what == "unmap_page") {
      dma_unmap_page(dev, dma_addr(number(word_of(line, "dma"))), number(word_of(line, "size")),
                     dir());
    } else if (what == "map_sg") {
      result = map_sg(line, below, dir());
    } else if (what == "unmap_sg") {
      const uint64_t iova = number(word_of(below.at(0), "iova"));
      const auto list = lists_.extract(iova);
      if (list.empty()) throw std::runtime_error("unmap_sg of no list: " + line);
      dma_unmap_sg(dev, absl::MakeSpan(list.mapped()), dir());
    } else if (what == "alloc") {
      result = alloc(line, below);
    } else if (what == "free") {
      const uint64_t handle = number(word_of(line, "dma"));
      dma_free_coherent(dev, number(word_of(line, "size")), coherent_.at(handle), dma_addr(handle));
      coherent_.erase(handle);
    } else if (what == "flush" && line.starts_with("flush timer")) {
      // A timer that is armed fires within five ticks.
      s_.sys.env.clock.advance(5 * ns_per_jiffy);
    } else if (what == "flush") {
      return {};  // the call before has brought it
    } else {
      ADD_FAILURE() << "a line of no kind: " << line;
    }
    std::vector<std::string> lines = effects_.take();
    if (what != "flush") lines.insert(lines.begin(), result);
    return lines;
  }

  /// The calls of all that is played from now on go to `sink` as well.
  void record(trace_sink& sink) {
    recording_ = s_.sys.env.trace.subscribe(sink, trace_class::calls);
  }
  [[nodiscard]] uint64_t waiting() const { return waiting_iovas(s_.cookie()); }

 private:
  /// What lay behind each address: the lengths of pieces are not recorded, but how far each run of
  /// them was mapped is, and that of the only piece of a list.
  static std::vector<scatterlist> pieces_of(const std::string& line,
                                            const std::vector<std::string>& below) {
    std::vector<scatterlist> list;
    for (const std::string& address :
         std::vector<std::string>(absl::StrSplit(word_of(line, "phys"), ','))) {
      scatterlist piece;
      piece.page = phys_addr(number(address)).page_base();
      piece.offset = static_cast<uint32_t>(phys_addr(number(address)).page_offset());
      list.push_back(piece);
    }
    if (list.size() == 1) {
      const std::string recorded = line.substr(line.find(" -> ") + 4);
      list[0].length = static_cast<uint32_t>(number(recorded.substr(recorded.find(':') + 1)));
      return list;
    }
    size_t next = 0;
    for (const std::string& effect : below) {
      if (!effect.starts_with("  map ")) continue;
      const uint64_t start = number(word_of(effect, "pa"));
      const uint64_t end = start + number(word_of(effect, "pages")) * page_size;
      const auto lies_here = [&](size_t i) {
        const uint64_t phys = i < list.size() ? list[i].page.value() : end;
        return phys >= start && phys < end;
      };
      for (; lies_here(next); ++next) {
        const uint64_t until = lies_here(next + 1) ? list[next + 1].page.value() : end;
        list[next].length = static_cast<uint32_t>(until - list[next].page.value());
      }
    }
    EXPECT_EQ(next, list.size()) << line;
    return list;
  }

  std::string map_sg(const std::string& line, const std::vector<std::string>& below,
                     dma_data_direction dir) {
    std::vector<scatterlist> list = pieces_of(line, below);
    const int ents = dma_map_sg(s_.dev(), absl::MakeSpan(list), dir);
    std::string text = absl::StrCat(ents);
    for (int i = 0; i < ents; ++i) {
      absl::StrAppendFormat(&text, " 0x%x:0x%x", list[static_cast<size_t>(i)].dma_address.value(),
                            list[static_cast<size_t>(i)].dma_length);
    }
    lists_[list[0].dma_address.page_base().value()] = list;
    return text;
  }

  std::string alloc(const std::string& line, const std::vector<std::string>& below) {
    std::vector<phys_addr> recorded;
    for (const std::string& effect : below) {
      if (!effect.starts_with("  map ")) continue;
      const phys_addr first(number(word_of(effect, "pa")));
      for (uint64_t i = 0; i < number(word_of(effect, "pages")); ++i) {
        recorded.push_back(first + i * page_size);
      }
    }
    s_.pages.replay(recorded);
    constexpr uint64_t direct_reclaim_6_12 = 0x400;
    const bool waits = (number(word_of(line, "gfp")) & direct_reclaim_6_12) != 0;
    dma_addr handle;
    const auto memory = dma_alloc_coherent(s_.dev(), number(word_of(line, "size")), handle,
                                           waits ? gfp_kernel | gfp_direct_reclaim : gfp_atomic);
    if (!memory) return "none";
    coherent_[handle.value()] = *memory;
    return absl::StrFormat("0x%x", handle.value());
  }

  dma_system s_;
  telling_ops ops_;
  effects effects_;
  trace_subscription subscription_;
  trace_subscription recording_;
  std::map<uint64_t, std::vector<scatterlist>> lists_;
  std::map<uint64_t, phys_addr> coherent_;
};

/// Without what is the unit driver's: descriptors, domain ids, cache tags.
std::string core_part(std::string line) {
  if (!line.starts_with("flush ")) return line;
  const size_t from = line.find(" did=");
  return line.substr(0, from) + line.substr(line.find(" freed="));
}

void replay(const std::string& scenario, const std::string& file, trace_sink* calls = nullptr) {
  const std::string text = golden::read_text(file).value();
  const std::vector<std::string_view> lines = golden::lines(text);
  player run(scenario, lines.at(0));
  if (calls != nullptr) run.record(*calls);
  int played = 0;
  std::vector<std::string> pending;  // what our last call brought beside its own effects
  for (size_t i = 1; i < lines.size();) {
    const std::string line(lines[i++]);
    if (line.starts_with("#")) continue;
    std::vector<std::string> below;
    for (; i < lines.size() && lines[i].starts_with("  "); ++i) {
      if (lines[i].starts_with("  cache_tag") || lines[i].starts_with("  qi ")) continue;
      below.emplace_back(lines[i]);
    }
    if (line.starts_with("flush full")) {
      ASSERT_EQ(pending.size(), 1u) << file << ": no full queue here: " << line;
      EXPECT_EQ(pending[0] + (line.ends_with(' ') ? " " : ""), core_part(line)) << file;
      pending.clear();
      continue;
    }
    ASSERT_TRUE(pending.empty()) << file << ": " << pending[0] << "\nbefore " << line;
    std::vector<std::string> ours = run.play(line, below);
    ++played;
    std::vector<std::string> expected = below;
    if (line.starts_with("flush timer")) {
      expected.insert(expected.begin(), core_part(line));
    } else {
      const size_t arrow = line.find(" -> ");
      expected.insert(expected.begin(), arrow == std::string::npos ? "" : line.substr(arrow + 4));
      while (ours.size() > 1 && ours.back().starts_with("flush full")) {
        pending.insert(pending.begin(), ours.back());
        ours.pop_back();
      }
    }
    ASSERT_EQ(ours, expected) << file << ": " << line;
  }
  EXPECT_EQ(run.waiting(), 0u) << file;
  EXPECT_GT(played, 90) << file;
}

TEST(dma_api_golden, a_recorded_drivers_calls_come_to_the_same) {
  const std::string root = "kernel/v6_12/boot";
  int files = 0;
  for (const std::string& scenario : golden::cases(golden::root() / root)) {
    const std::string folder = root + "/" + scenario + "/dma-api";
    if (!std::filesystem::exists(golden::root() / folder)) continue;
    for (const std::string& file : golden::files(golden::root() / folder, ".txt")) {
      SCOPED_TRACE(folder + "/" + file);
      const std::string text = golden::read_text(folder + "/" + file).value();
      // Without an IOMMU in the way, or passed through, there are no addresses to compare.
      if (!word_of(golden::lines(text).at(0), "type").starts_with("DMA")) continue;
      replay(scenario, folder + "/" + file);
      if (testing::Test::HasFatalFailure()) return;
      ++files;
    }
  }
  if (files == 0) IOMMULAB_MISSING("calls of the DMA API of 6.12");
  EXPECT_GE(files, 21);
}

/// What functions of dma-iommu.c, iommu.c and iova.c call while a driver works, each distinct way
/// once.
std::set<std::string> ways(const std::vector<call_tree>& trees) {
  const std::set<std::string> entries = {
      "iommu_dma_alloc",  "iommu_dma_free",     "iommu_dma_map_page", "iommu_dma_unmap_page",
      "iommu_dma_map_sg", "iommu_dma_unmap_sg", "fq_flush_timeout"};
  std::set<std::string> inner = entries;
  inner.insert({"__iommu_dma_alloc_noncontiguous",
                "__iommu_dma_free",
                "__iommu_dma_map",
                "__iommu_dma_unmap",
                "iommu_get_dma_domain",
                "iommu_dma_alloc_iova",
                "alloc_iova_fast",
                "alloc_iova",
                "free_iova_fast",
                "iommu_map",
                "iommu_map_sg",
                "__iommu_map",
                "iommu_pgsize",
                "iommu_unmap_fast",
                "__iommu_unmap",
                "iommu_iova_to_phys",
                "fq_ring_free_locked",
                "fq_flush_iotlb",
                "__finalise_sg",
                "iommu_dma_sync_sg_for_cpu",
                "iommu_dma_sync_sg_for_device"});
  std::set<std::string> shapes;
  for (const std::string& entry : entries) {
    std::vector<call_tree> calls;
    find_calls(trees, entry, calls);
    for (const call_tree& call : only(calls, inner)) shapes.insert(shape_of(call));
  }
  return shapes;
}

TEST(dma_api_golden, functions_call_each_other_as_in_the_kernel) {
  const std::string boot = "kernel/v6_12/boot/default";
  const auto recorded = golden::read_text(boot + "/fgraph/work-tree.txt");
  if (!recorded.ok()) IOMMULAB_MISSING("call trees of 6.12");
  call_tree_recorder recorder;
  for (const char* device : {"0000:00:04.0", "0000:00:05.0", "0000:00:1f.2"}) {
    replay("default", boot + "/dma-api/" + device + ".txt", &recorder);
  }
  EXPECT_EQ(ways(recorder.trees()), ways(parse_call_trees(*recorded)));
}

}  // namespace
}  // namespace iommulab::v6_12::dma_api_golden_test
