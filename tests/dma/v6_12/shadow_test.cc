// SPDX-License-Identifier: GPL-2.0-only
//
// Random operations over every kind of translation, lazy and strict, against a shadow of what each
// device may reach: buffers of the DMA API, domains of an owner's, PASIDs, groups that change their
// type, functions that leave and come back, and requests that have to pass or to fault. See
// shadow_system.h for what is compared.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <tuple>

#include "dma/v6_12/shadow_system.h"
#include "support/long_run.h"

namespace iommulab::test::linux_6_12::shadow_test {
namespace {

constexpr uint64_t seed = 612117;
constexpr uint64_t operations_in_all = 1'000'000;
constexpr uint64_t operations_in_short = 20'000;
constexpr uint64_t operations_between_walks = 50;
constexpr uint64_t operations_between_accounts = 500;

constexpr uint64_t pages_2m = 512;
constexpr uint64_t pages_1g = 512 * pages_2m;
constexpr size_t most_buffers = 24;
constexpr size_t most_domains = 4;
constexpr size_t most_pasids = 3;

struct policy {
  const char* name;
  const char* words;
};
std::ostream& operator<<(std::ostream& out, const policy& p) {
  return out << p.name;
}
constexpr policy policies[] = {{"lazy", "iommu.strict=0"},
                               {"strict", "iommu.strict=1 iommu.forcedac=1"},
                               {"passthrough", "iommu=pt"}};

class random_operations {
 public:
  random_operations(shadow_system& shadow, uint64_t number) : shadow_(shadow), random_(number) {
    for (const source_id id : {first_of_pasids, behind_bridge}) {
      shadow.dev(id).dma_mask = UINT64_MAX;
    }
  }

  /// One operation; its name.
  const char* step() {
    unsigned sum = 0;
    for (const operation& o : all) sum += o.weight;
    auto at = static_cast<unsigned>(below(sum));
    for (const operation& o : all) {
      if (at < o.weight) {
        (this->*o.run)();
        return o.name;
      }
      at -= o.weight;
    }
    return "";
  }

 private:
  struct operation {
    const char* name;
    unsigned weight;
    void (random_operations::*run)();
  };
  static const std::array<operation, 17> all;

  uint64_t below(uint64_t end) { return random_() % end; }
  bool one_in(uint64_t n) { return below(n) == 0; }
  shadow_group& group() { return shadow_.groups()[below(shadow_.groups().size())]; }
  device& member(const shadow_group& of) {
    return shadow_.dev(of.functions[below(of.functions.size())]);
  }
  shadow_domain* domain() {
    std::list<shadow_domain>& all_domains = shadow_.domains();
    if (all_domains.empty()) return nullptr;
    return &*std::next(all_domains.begin(), static_cast<int64_t>(below(all_domains.size())));
  }
  dma_data_direction direction() {
    constexpr dma_data_direction directions[] = {dma_data_direction::to_device,
                                                 dma_data_direction::from_device,
                                                 dma_data_direction::bidirectional};
    return directions[below(3)];
  }
  /// Somewhere in the upper half of memory.
  uint64_t buffer_place(uint64_t alignment) {
    constexpr uint64_t half = uint64_t{32} << 20;
    return half + below(half / 2) / alignment * alignment;
  }

  // The DMA API.
  void map_page() {
    shadow_group& g = group();
    if (g.buffers.size() >= most_buffers) return unmap_one(g);
    constexpr uint64_t mib_2 = uint64_t{2} << 20;
    if (one_in(12)) {
      const uint64_t size = mib_2 * (1 + below(2));
      map_buffer(g, mib_2, size);
    } else {
      const uint64_t size = 1 + below(40'000);
      map_buffer(g, 1, size);
    }
    shadow_.probe(g);
  }
  // A line for each draw: compilers take the arguments of a call in an order of their own.
  void map_buffer(shadow_group& g, uint64_t alignment, uint64_t size) {
    device& dev = member(g);
    const uint64_t place = buffer_place(alignment);
    shadow_.map_page(g, dev, place, size, direction());
  }
  void map_list() {
    shadow_group& g = group();
    if (g.buffers.size() >= most_buffers) return unmap_one(g);
    std::vector<scatterlist> list(1 + below(6));
    for (scatterlist& piece : list) {
      piece.page = phys_addr(buffer_place(page_size));
      piece.offset = one_in(2) ? 0 : static_cast<uint32_t>(below(page_size));
      piece.length = static_cast<uint32_t>(1 + below(3 * page_size));
      if (one_in(2)) piece.length = static_cast<uint32_t>(2 * page_size) - piece.offset;
    }
    device& dev = member(g);
    shadow_.map_sg(g, dev, std::move(list), direction());
    shadow_.probe(g);
  }
  void alloc() {
    shadow_group& g = group();
    if (g.buffers.size() >= most_buffers) return unmap_one(g);
    const gfp_t gfp = one_in(2) ? gfp_atomic : gfp_kernel | gfp_direct_reclaim;
    const size_t size = 1 + below(6 * page_size);
    shadow_.alloc_coherent(g, member(g), size, gfp);
    shadow_.probe(g);
  }
  void unmap() { unmap_one(group()); }
  void unmap_one(shadow_group& g) {
    if (!g.buffers.empty()) shadow_.unmap(g, below(g.buffers.size()));
    shadow_.probe(g);
  }
  /// As many buffers one after the other as fill a flush queue.
  void fill_queue() {
    shadow_group& g = group();
    for (int i = 0; i < 260; ++i) {
      map_buffer(g, page_size, page_size);
      shadow_.probe(g);
      shadow_.unmap(g, g.buffers.size() - 1);
    }
    shadow_.probe(g);
  }
  void settle() {
    shadow_.settle();
    shadow_.probe(group());
  }

  // Domains.
  void make_domain() {
    if (shadow_.domains().size() < most_domains) {
      shadow_.make_domain(group());
    } else if (shadow_domain* d = domain(); !shadow_.in_use(*d)) {
      shadow_.free_domain(*d);
      for (shadow_group& g : shadow_.groups()) shadow_.probe(g);
    }
  }
  /// Somewhere near one of a few places, so that mappings share tables.
  uint64_t place_in(const shadow_domain& d) {
    const uint64_t spots[] = {0, pages_1g, 2 * pages_1g, shadow_.pages_of_space(d) - pages_1g};
    const uint64_t offset = below(one_in(4) ? pages_1g / 2 : 4 * pages_2m);
    return spots[below(4)] + (one_in(2) ? offset : pages_1g / 2 - 1 - offset);
  }
  void map_in_domain() {
    shadow_domain* d = domain();
    if (d == nullptr) return;
    page_run run;
    run.first = place_in(*d);
    uint64_t pages = one_in(4) ? pages_2m * (1 + below(3)) : 1 + below(20);
    if (pages >= pages_2m && one_in(2)) pages += below(100);
    if (pages >= pages_2m && one_in(2)) run.first &= ~(pages_2m - 1);
    if (one_in(40)) {
      run.first &= ~(pages_1g - 1);
      pages = pages_1g;
    }
    run.last = run.first + pages - 1;
    // Aligned alike, so that superpages fit where the addresses allow them, or not at all; never
    // where doorbells are.
    run.to = (4 + below(100)) * pages_1g | (run.first & (pages_1g - 1));
    run.to += below(2) * below(2);
    run.writable = !one_in(3);
    if (d->pages.overlaps(run.first, run.last)) return;
    if (shadow_.map(*d, run)) remember(*d, run);
    shadow_.probe(*d);
  }
  void remember(const shadow_domain& d, const page_run& run) {
    for (shadow_group& g : shadow_.groups()) {
      if (g.attached != &d && !one_in(4)) continue;
      g.remember(run.first);
      g.remember(run.last);
    }
  }
  /// A range near something that is mapped, holes and all; it cuts no superpage, but may begin with
  /// one and end within.
  void unmap_in_domain() {
    shadow_domain* d = domain();
    if (d == nullptr || d->pages.empty()) return;
    const auto at = d->pages.next(place_in(*d));
    page_run range = at ? *at : *d->pages.first();
    if (one_in(3)) range.first += below(range.pages());
    if (one_in(3)) range.last -= below(range.pages());
    if (one_in(4)) range.first -= std::min(range.first, below(2 * pages_2m));
    if (one_in(4)) range.last += below(2 * pages_2m);
    range.last = std::min(range.last, shadow_.pages_of_space(*d) - 1);
    const device_tables tables = shadow_.tables_of(0);
    const request_path path = shadow_.path_of(*d);
    const auto whole = [&](uint64_t page) {
      return d->pages.find(page) ? tables.entry_of(path, page) : page_run{page, page, 0, false};
    };
    range.first = whole(range.first).first;
    const page_run first = whole(range.first);
    if (first.pages() > 1 && one_in(4)) {
      range.last = first.first + below(first.pages());
    } else {
      range.last = whole(range.last).last;
    }
    if (range.last > first.last) range.last = whole(range.last).last;
    shadow_.unmap(*d, range.first, range.last);
    remember(*d, range);
    shadow_.probe(*d);
  }
  void attach() {
    shadow_group& g = group();
    if (g.attached != nullptr) {
      shadow_.detach(g);
    } else if (shadow_domain* d = domain(); d != nullptr) {
      shadow_.attach(g, *d);
    }
    shadow_.probe(g);
  }
  void attach_too_wide() {
    shadow_group& g = group();
    shadow_.attach_too_wide(g);
    shadow_.probe(g);
  }
  void claim() {
    shadow_group& g = group();
    if (g.claimed && g.attached == nullptr && g.pasids.empty()) {
      shadow_.release(g);
    } else {
      shadow_.claim(g);
    }
    shadow_.probe(g);
  }

  // PASIDs.
  shadow_group& group_with_pasids() { return shadow_.groups()[1 + below(2)]; }
  void attach_pasid() {
    shadow_group& g = group_with_pasids();
    if (g.pasid_limits.front() == 0) return;
    // In caching mode Linux 6.12 does not flush what is mapped in a domain that has PASIDs alone.
    if (shadow_.kind().cap.caching_mode()) return;
    if (g.pasids.size() >= most_pasids) return detach_pasid();
    shadow_domain* d = one_in(4) ? &shadow_.identity() : domain();
    if (d == nullptr) return;
    if (d == &shadow_.identity() && !shadow_.kind().ecap.pass_through()) return;
    // Few tables, one beyond the end among them.
    const uint32_t pasids[] = {0, 1, 2, 63, 64, 0x7fff, 0xffff, 0x10000, 0xfffff, 0x100000};
    shadow_.attach_pasid(g, *d, pasids[below(std::size(pasids))]);
    shadow_.probe(g);
  }
  void detach_pasid() {
    shadow_group& g = group_with_pasids();
    if (g.pasids.empty()) return;
    const uint32_t pasid =
        std::next(g.pasids.begin(), static_cast<int64_t>(below(g.pasids.size())))->first;
    shadow_.detach_pasid(g, pasid);
    shadow_.probe(g);
    for (const uint64_t page : g.addresses) shadow_.request_pasid(g, pasid, page);
  }

  // What a group does by default.
  void bind() {
    shadow_group& g = group();
    if (g.attached != nullptr || !g.pasids.empty()) return;
    if (g.users > 0) {
      shadow_.unuse_default(g);
    } else {
      shadow_.use_default(g);
    }
  }
  void write_type() {
    shadow_group& g = group();
    if (g.attached != nullptr) return;
    constexpr std::string_view words[] = {"DMA",   "DMA-FQ",   "identity\n", "auto",
                                          "DMA\n", "DMA-FQ\n", "identity",   "dma"};
    const std::string_view word = words[below(std::size(words))];
    const bool is_live = g.users > 0 || (word.starts_with("DMA-FQ") && g.type == "DMA");
    if (!is_live) shadow_.unmap_all(g);
    shadow_.set_type(g, word);
    shadow_.probe(g);
  }
  void replug() {
    constexpr size_t first = 1;  // not the host bridge, nor bridges
    shadow_group& g = shadow_.groups()[first + below(3)];
    if (g.attached != nullptr || g.claimed || g.users > 0 || !g.pasids.empty()) return;
    shadow_.unmap_all(g);
    shadow_.replug(g);
    shadow_.probe(g);
  }

  shadow_system& shadow_;
  std::mt19937_64 random_;
};

const std::array<random_operations::operation, 17> random_operations::all = {{
    {"map_page", 120, &random_operations::map_page},
    {"map_list", 80, &random_operations::map_list},
    {"alloc", 40, &random_operations::alloc},
    {"unmap", 200, &random_operations::unmap},
    {"fill_queue", 1, &random_operations::fill_queue},
    {"settle", 20, &random_operations::settle},
    {"make_domain", 20, &random_operations::make_domain},
    {"map_in_domain", 120, &random_operations::map_in_domain},
    {"unmap_in_domain", 100, &random_operations::unmap_in_domain},
    {"attach", 60, &random_operations::attach},
    {"attach_too_wide", 4, &random_operations::attach_too_wide},
    {"claim", 20, &random_operations::claim},
    {"attach_pasid", 40, &random_operations::attach_pasid},
    {"detach_pasid", 20, &random_operations::detach_pasid},
    {"bind", 20, &random_operations::bind},
    {"write_type", 30, &random_operations::write_type},
    {"replug", 4, &random_operations::replug},
}};

class random_operations_of : public testing::TestWithParam<std::tuple<translation_kind, policy>> {};

TEST_P(random_operations_of, are_what_the_shadow_says) {
  const auto& [kind, policy] = GetParam();
  const uint64_t cases = translation_kinds().size() * std::size(policies);
  const uint64_t operations = (is_long_run() ? operations_in_all : operations_in_short) / cases + 1;
  shadow_system shadow(kind, policy.words);
  ASSERT_EQ(shadow.boot(), 0) << shadow.sys().log_text();
  shadow.check_tables();
  random_operations random(shadow, seed);
  for (uint64_t done = 1; done <= operations; ++done) {
    const char* name = random.step();
    if (done % operations_between_walks == 0) shadow.check_tables();
    if (done % operations_between_accounts == 0) shadow.check_accounts();
    if (HasFailure()) {
      FAIL() << "seed " << seed << ", operation " << done << ": " << name << '\n'
             << shadow.sys().log_text();
    }
  }
  // Requests of all kinds were sent; only who flushes later sees what was unmapped.
  EXPECT_GT(shadow.requests(), operations);
  EXPECT_GT(shadow.faults(), 0u);
  if (is_long_run() && std::string_view(policy.name) == "lazy" && kind.ecap.pass_through() &&
      !kind.cap.caching_mode()) {
    EXPECT_GT(shadow.stale_hits(), 0u);
  }
  EXPECT_EQ(shadow.finish(), shadow_system::of_untouched(kind, policy.words));
}

INSTANTIATE_TEST_SUITE_P(kinds, random_operations_of,
                         testing::Combine(testing::ValuesIn(translation_kinds()),
                                          testing::ValuesIn(policies)),
                         [](const auto& run) {
                           return std::string(std::get<0>(run.param).name) + "_" +
                                  std::get<1>(run.param).name;
                         });

}  // namespace
}  // namespace iommulab::test::linux_6_12::shadow_test
