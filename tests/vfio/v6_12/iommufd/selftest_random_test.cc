// SPDX-License-Identifier: GPL-2.0-only
//
// Random operations on two IOASes and four mock devices against a shadow: what is mapped where in
// which domain, which pages are pinned and how often, and who is charged, each by arithmetic of the
// test's own. After every operation pins and charges are counted anew, now and then the domains are
// compared page by page.
#include <map>
#include <random>
#include <set>

#include "selftest_system.h"
#include "support/long_run.h"
#include "vfio/v6_12/iommufd/hw_pagetable.h"
#include "vfio/v6_12/iommufd/selftest/mock_domain.h"

namespace iommulab::v6_12::iommufd_selftest_cases {
namespace {

constexpr uint64_t operations_in_all = 1'000'000;
constexpr uint64_t operations_in_short = 4'000;
constexpr uint64_t operations_between_walks = 40;

constexpr size_t ioas_count = 2;
constexpr size_t device_count = 4;
constexpr uint64_t memory_pages = 96;   ///< of the process
constexpr uint64_t window = 0x1000000;  ///< addresses of an IOAS that are used, bytes
constexpr size_t most_areas = 64;       ///< of an IOAS

/// What was mapped by one request of the user's: its pages are pinned once for all areas that show
/// them. A page that was mapped again after the process lost it is another one.
struct pages_of_map {
  uint64_t va = 0;                         ///< first byte
  uint64_t length = 0;                     ///< bytes
  bool by_user = false;                    ///< charged to the user; else to nobody
  std::map<uint64_t, phys_addr> pinned{};  ///< frames by index, of those that are pinned now
};
using pages_ref = std::shared_ptr<pages_of_map>;

struct shadow_area {
  uint64_t length = 0;  ///< bytes
  pages_ref pages{};
  uint64_t offset = 0;  ///< bytes into the pages, from the start of their first page
};

struct shadow_ioas {
  uint32_t id = 0;
  std::map<uint64_t, shadow_area> areas;  ///< by first address
  std::map<uint32_t, unsigned> hwpts;     ///< devices in each page table
};

struct shadow_device {
  mock_ids ids;
  size_t ioas = 0;
  bool is_there = false;
};

struct shadow_pin {
  int64_t item = 0;
  uint64_t iova = 0;
  uint64_t length = 0;
  pages_ref pages{};
  uint64_t first = 0;  ///< index
  uint64_t last = 0;
};

class random_selftest {
 public:
  explicit random_selftest(selftest_system& system) : s(system) {
    s.open();
    for (shadow_ioas& ioas : ioases) {
      ioas.id = s.ioas_alloc();
      // Where no domain is yet, free maps go where a domain can have them.
      EXPECT_EQ(s.allow_iovas(ioas.id, {{aperture, aperture + window - 1}}), 0);
    }
    access = s.create_access(ioases[0].id, true);
    s.give_pages(memory, memory_pages * page_size);
  }

  void step() {
    switch (pick(16)) {
      case 0:
      case 1:
      case 2:
        return map();
      case 3:
      case 4:
        return copy();
      case 5:
      case 6:
        return unmap();
      case 7:
        return unmap_range();
      case 8:
        return attach();
      case 9:
        return detach();
      case 10:
      case 11:
        return replace();
      case 12:
        return lose_memory();
      case 13:
        return pin();
      case 14:
        return unpin();
      default:
        return change_limits();
    }
  }

  /// Pins and charges, from nothing but the areas, domains and pins.
  void recount() {
    std::map<pages_of_map*, std::set<uint64_t>> wanted;
    std::set<pages_ref> all;
    for (const shadow_ioas& ioas : ioases) {
      for (const auto& [iova, area] : ioas.areas) {
        all.insert(area.pages);
        if (!ioas.hwpts.empty()) need(wanted, area, 0, area.length);
      }
    }
    for (const shadow_pin& p : pins) {
      all.insert(p.pages);
      for (uint64_t i = p.first; i <= p.last; ++i) wanted[p.pages.get()].insert(i);
    }
    uint64_t pinned = 0;
    uint64_t charged = 0;
    for (const pages_ref& pages : all) {
      const std::set<uint64_t>& now = wanted[pages.get()];
      std::erase_if(pages->pinned, [&](const auto& each) { return !now.contains(each.first); });
      for (const uint64_t index : now) {
        if (pages->pinned.contains(index)) continue;
        pages->pinned[index] =
            *s.current.mm->translate((pages->va & page_mask) + index * page_size);
      }
      pinned += now.size();
      if (pages->by_user) charged += now.size();
    }
    ASSERT_EQ(s.users.pins(), pinned);
    ASSERT_EQ(s.current.mm->pinned_vm, pinned);
    ASSERT_EQ(s.current.user->locked_vm, charged);
  }

  /// Each page table has exactly what its IOAS has.
  void walk() {
    for (const shadow_ioas& ioas : ioases) {
      std::map<uint64_t, uint64_t> expected;
      for (const auto& [iova, area] : ioas.areas) {
        if (ioas.hwpts.empty()) break;
        for (uint64_t at = 0; at < area.length; at += half_page) {
          const uint64_t byte = area.offset + at;
          const phys_addr page = area.pages->pinned.at(byte / page_size);
          expected[(iova + at) / half_page] = (page + byte % page_size).value() / half_page;
        }
      }
      for (const auto& [hwpt, users] : ioas.hwpts) {
        const auto& pfns = domain_of(hwpt).pfns;
        ASSERT_EQ(pfns.size(), expected.size()) << hwpt;
        for (const auto& [index, page] : pfns) {
          const auto at = expected.find(index);
          ASSERT_TRUE(at != expected.end() && at->second == page.pfn) << hwpt << " " << index;
        }
      }
    }
  }

  void finish() {
    while (!pins.empty()) unpin();
    EXPECT_EQ(s.destroy_access(access), 0);
  }

  std::map<std::string, uint64_t> done;

 private:
  static constexpr uint64_t memory = buffer + (uint64_t{1} << 30);

  uint64_t pick(uint64_t n) { return rng() % n; }
  void note(const char* what, int64_t ret) { ++done[std::string(what) + (ret == 0 ? "" : " !")]; }

  const mock_iommu_domain& domain_of(uint32_t hwpt) {
    int error = 0;
    iommufd_ctx* const ictx = iommufd_ctx_from_fd(s.env.trace, s.current, s.fd, error);
    auto* const obj = ictx->objects.load(hwpt);
    iommufd_ctx_put(ictx);
    return static_cast<const mock_iommu_domain&>(*static_cast<iommufd_hwpt_paging*>(obj)->domain);
  }

  static void need(std::map<pages_of_map*, std::set<uint64_t>>& wanted, const shadow_area& area,
                   uint64_t from, uint64_t length) {
    const uint64_t last = (area.offset + from + length - 1) / page_size;
    for (uint64_t i = (area.offset + from) / page_size; i <= last; ++i) {
      wanted[area.pages.get()].insert(i);
    }
  }

  /// Whether the process has all pages of the area that would have to be pinned.
  bool is_pinnable(const shadow_area& area) const {
    std::map<pages_of_map*, std::set<uint64_t>> wanted;
    need(wanted, area, 0, area.length);
    for (const uint64_t i : wanted[area.pages.get()]) {
      if (!is_pinnable(*area.pages, i)) return false;
    }
    return true;
  }
  [[nodiscard]] bool is_pinnable(const pages_of_map& pages, uint64_t index) const {
    return pages.pinned.contains(index) ||
           s.current.mm->translate((pages.va & page_mask) + index * page_size).has_value();
  }
  /// Pages that pinning the area would add.
  static uint64_t additional(const shadow_area& area) {
    std::map<pages_of_map*, std::set<uint64_t>> wanted;
    need(wanted, area, 0, area.length);
    uint64_t count = 0;
    for (const uint64_t i : wanted[area.pages.get()]) {
      if (!area.pages->pinned.contains(i)) ++count;
    }
    return count;
  }

  static bool is_free(const shadow_ioas& ioas, uint64_t iova, uint64_t length) {
    const auto after = ioas.areas.lower_bound(iova + length);
    if (after == ioas.areas.begin()) return true;
    const auto& [start, area] = *std::prev(after);
    return start + area.length <= iova;
  }
  uint64_t any_area(const shadow_ioas& ioas) {
    auto at = ioas.areas.begin();
    std::advance(at, static_cast<int64_t>(pick(ioas.areas.size())));
    return at->first;
  }
  [[nodiscard]] uint64_t room() const {
    const uint64_t limit = s.current.rlimit_memlock >> page_shift;
    const uint64_t used = s.current.user->locked_vm;
    return limit < used ? 0 : limit - used;
  }
  /// What mapping the area into the IOAS has to answer, where the addresses do not matter.
  int64_t expected_of(const shadow_ioas& ioas, const shadow_area& area) {
    if (ioas.hwpts.empty()) return 0;
    if (!is_pinnable(area)) return -EFAULT;
    return area.pages->by_user && additional(area) > room() ? -ENOMEM : 0;
  }
  /// Alignment that the IOAS asks for: its access's, or its domains'.
  [[nodiscard]] uint64_t alignment(const shadow_ioas& ioas) const {
    if (&ioas == &ioases[0]) return page_size;
    return half_page;  // of all that is mapped here
  }

  /// Somewhere, or close to an area.
  uint64_t any_iova(const shadow_ioas& ioas) {
    const uint64_t unit = alignment(ioas);
    if (ioas.areas.empty() || pick(2) == 0) return aperture + pick(window / unit) * unit;
    const uint64_t iova = any_area(ioas) + pick(32) * unit;
    return iova - std::min(iova - aperture, 16 * unit);
  }

  /// Where an area shall go: the answer to a request for that address, and the address.
  template <typename Request>
  void add_area(const char* what, shadow_ioas& ioas, const shadow_area& area, Request request) {
    if (ioas.areas.size() >= most_areas) return;
    const bool is_fixed = pick(2) == 0;
    uint64_t iova = is_fixed ? any_iova(ioas) : 0;
    int64_t expected = expected_of(ioas, area);
    // Addresses are looked at before pages.
    if (is_fixed && !is_free(ioas, iova, area.length)) expected = -EEXIST;
    if (area.offset % alignment(ioas) != 0 || area.length % alignment(ioas) != 0) {
      expected = -EINVAL;
      if (is_fixed && iova % alignment(ioas) == 0 && area.length % alignment(ioas) == 0 &&
          !is_free(ioas, iova, area.length)) {
        expected = -EEXIST;
      }
    }
    const int64_t ret = request(iova, is_fixed);
    ASSERT_EQ(ret, expected) << what << " " << iova << " " << area.length;
    note(what, ret);
    if (ret != 0) return;
    ASSERT_TRUE(is_free(ioas, iova, area.length)) << iova;
    ioas.areas[iova] = area;
  }

  void map() {
    shadow_ioas& ioas = ioases[pick(ioas_count)];
    const uint64_t unit = pick(3) == 0 ? half_page : page_size;
    const uint64_t first = pick(memory_pages * page_size / unit);
    const uint64_t most = std::min<uint64_t>(24, memory_pages * page_size / unit - first);
    const uint64_t length = (1 + pick(most)) * unit;
    const uint64_t va = memory + first * unit;
    const auto pages = std::make_shared<pages_of_map>(
        pages_of_map{.va = va, .length = length, .by_user = is_charged});
    add_area("map", ioas, {length, pages, va % page_size}, [&](uint64_t& iova, bool is_fixed) {
      return is_fixed ? s.map_fixed(ioas.id, va, length, iova) : s.map(ioas.id, va, length, iova);
    });
  }

  /// A part of an area, into the same IOAS or the other.
  void copy() {
    const shadow_ioas& src = ioases[pick(ioas_count)];
    shadow_ioas& dst = ioases[pick(ioas_count)];
    if (src.areas.empty()) return;
    const uint64_t from = any_area(src);
    const shadow_area& area = src.areas.at(from);
    const uint64_t units = area.length / half_page;
    const uint64_t skip = pick(units) * half_page;
    const uint64_t length = (1 + pick(units - skip / half_page)) * half_page;
    const shadow_area part = {length, area.pages, area.offset + skip};
    add_area("copy", dst, part, [&](uint64_t& iova, bool is_fixed) {
      const uint32_t flags = is_fixed ? map_rw | uapi::iommu_ioas_map_fixed_iova : map_rw;
      return s.copy(dst.id, iova, src.id, from + skip, length, flags);
    });
  }

  /// Pins of areas that go are taken back by the access itself.
  void forget(shadow_ioas& ioas, uint64_t iova, uint64_t length) {
    if (&ioas != &ioases[0]) return;
    std::erase_if(pins, [&](const shadow_pin& p) {
      return p.iova < iova + length && iova < p.iova + p.length;
    });
  }

  void unmap() {
    shadow_ioas& ioas = ioases[pick(ioas_count)];
    if (ioas.areas.empty()) return;
    const uint64_t iova = any_area(ioas);
    const uint64_t length = ioas.areas.at(iova).length;
    uint64_t unmapped = 0;
    ASSERT_EQ(s.unmap(ioas.id, iova, length, &unmapped), 0);
    ASSERT_EQ(unmapped, length);
    forget(ioas, iova, length);
    ioas.areas.erase(iova);
    note("unmap", 0);
  }

  /// Some addresses: areas that they cut stay, and those behind.
  void unmap_range() {
    shadow_ioas& ioas = ioases[pick(ioas_count)];
    const uint64_t iova = aperture + pick(window / page_size) * page_size;
    const uint64_t length = (1 + pick(64)) * page_size;
    int64_t expected = -ENOENT;
    uint64_t bytes = 0;
    auto at = ioas.areas.upper_bound(iova);
    if (at != ioas.areas.begin() && std::prev(at)->first + std::prev(at)->second.length > iova) {
      --at;
    }
    std::vector<std::pair<uint64_t, uint64_t>> gone;
    for (; at != ioas.areas.end() && at->first < iova + length; ++at) {
      const bool is_cut = at->first < iova || at->first + at->second.length > iova + length;
      expected = is_cut ? -ENOENT : 0;
      if (is_cut) break;
      gone.emplace_back(at->first, at->second.length);
      bytes += at->second.length;
    }
    uint64_t unmapped = 0;
    ASSERT_EQ(s.unmap(ioas.id, iova, length, &unmapped), expected);
    if (expected == 0) {
      ASSERT_EQ(unmapped, bytes);
    }
    for (const auto& [start, size] : gone) {
      forget(ioas, start, size);
      ioas.areas.erase(start);
    }
    note("unmap range", expected);
  }

  /// Whether all of the IOAS could be pinned for its first domain; the errno that it ends with.
  int64_t fill_result(const shadow_ioas& ioas) {
    if (!ioas.hwpts.empty()) return 0;
    std::map<pages_of_map*, std::set<uint64_t>> added;
    uint64_t charge = 0;
    for (const auto& [iova, area] : ioas.areas) {
      if (!is_pinnable(area)) return -EFAULT;
      std::map<pages_of_map*, std::set<uint64_t>> wanted;
      need(wanted, area, 0, area.length);
      for (const uint64_t i : wanted[area.pages.get()]) {
        if (area.pages->pinned.contains(i) || !added[area.pages.get()].insert(i).second) continue;
        if (area.pages->by_user) ++charge;
      }
      if (charge > room()) return -ENOMEM;
    }
    return 0;
  }

  void attach() {
    shadow_device& dev = devices[pick(device_count)];
    if (dev.is_there) return;
    dev.ioas = pick(ioas_count);
    shadow_ioas& ioas = ioases[dev.ioas];
    const int64_t expected = fill_result(ioas);
    ASSERT_EQ(s.mock_domain(ioas.id, &dev.ids), expected);
    note("attach", expected);
    if (expected != 0) return;
    dev.is_there = true;
    ++ioas.hwpts[dev.ids.hwpt];
  }

  void leave(shadow_device& dev) {
    auto& hwpts = ioases[dev.ioas].hwpts;
    if (--hwpts.at(dev.ids.hwpt) == 0) hwpts.erase(dev.ids.hwpt);
  }

  void detach() {
    shadow_device& dev = devices[pick(device_count)];
    if (!dev.is_there) return;
    ASSERT_EQ(s.destroy(dev.ids.stdev), 0);
    leave(dev);
    dev.is_there = false;
    note("detach", 0);
  }

  void replace() {
    shadow_device& dev = devices[pick(device_count)];
    if (!dev.is_there) return;
    const size_t to = pick(ioas_count);
    shadow_ioas& ioas = ioases[to];
    const int64_t expected = fill_result(ioas);
    iommu_test_cmd cmd =
        selftest_system::command(iommu_test_op::mock_domain_replace, dev.ids.stdev);
    cmd.mock_domain_replace.pt_id = ioas.id;
    ASSERT_EQ(s.test(cmd), expected);
    note("replace", expected);
    if (expected != 0) return;
    ++ioas.hwpts[cmd.mock_domain_replace.pt_id];
    leave(dev);
    dev.ioas = to;
    dev.ids.hwpt = cmd.mock_domain_replace.pt_id;
  }

  /// Memory goes, and comes again as other pages, or is there no more for a while.
  void lose_memory() {
    const uint64_t first = pick(memory_pages);
    const uint64_t count = 1 + pick(std::min<uint64_t>(8, memory_pages - first));
    const uint64_t va = memory + first * page_size;
    s.current.mm->unmap(va, count * page_size);
    if (pick(4) != 0) s.give_pages(va, count * page_size);
    note("munmap", 0);
  }

  void pin() {
    const shadow_ioas& ioas = ioases[0];
    if (ioas.areas.empty() || pins.size() > 6) return;
    const uint64_t from = any_area(ioas);
    const shadow_area& area = ioas.areas.at(from);
    const uint64_t total = area.length / page_size;
    const uint64_t skip = pick(total);
    const uint64_t count = 1 + pick(total - skip);
    shadow_area part = {count * page_size, area.pages, area.offset + skip * page_size};
    int64_t expected = 0;
    if (!is_pinnable(part)) {
      expected = -EFAULT;
    } else if (part.pages->by_user && additional(part) > room()) {
      expected = -ENOMEM;
    }
    const uint64_t iova = from + skip * page_size;
    const int64_t item = s.access_pages(access, iova, part.length, 0);
    ASSERT_EQ(item < 0 ? item : 0, expected);
    note("pin", expected);
    if (expected != 0) return;
    const uint64_t index = part.offset / page_size;
    pins.push_back({item, iova, part.length, part.pages, index, index + count - 1});
  }

  void unpin() {
    if (pins.empty()) return;
    const size_t which = pick(pins.size());
    ASSERT_EQ(s.destroy_access_pages(access, pins[which].item), 0);
    pins.erase(pins.begin() + static_cast<int64_t>(which));
    note("unpin", 0);
  }

  /// Who is charged from now on, up to which limit, and how small batches are.
  void change_limits() {
    is_charged = pick(2) == 0;
    s.current.effective.set(static_cast<size_t>(capability::ipc_lock), !is_charged);
    s.current.rlimit_memlock = (20 + pick(120)) * page_size;
    constexpr std::array<uint32_t, 4> limits = {16, 32, 100, 65536};
    ASSERT_EQ(s.set_memory_limit(limits[pick(limits.size())]), 0);
    note("limits", 0);
  }

  selftest_system& s;
  std::mt19937_64 rng{612};
  std::array<shadow_ioas, ioas_count> ioases;
  std::array<shadow_device, device_count> devices;
  std::vector<shadow_pin> pins;
  int64_t access = -1;
  bool is_charged = false;
};

TEST(iommufd_selftest_random, operations_leave_what_a_shadow_has) {
  selftest_system s;
  random_selftest run(s);
  const uint64_t count = is_long_run() ? operations_in_all : operations_in_short;
  for (uint64_t i = 0; i < count; ++i) {
    run.step();
    if (HasFatalFailure()) FAIL() << "operation " << i;
    run.recount();
    if (HasFatalFailure()) FAIL() << "accounts after operation " << i;
    if (i % operations_between_walks == 0) run.walk();
    if (HasFatalFailure()) FAIL() << "tables after operation " << i;
  }
  run.finish();
  // All kinds of operations, and all kinds of refusals.
  for (const char* what :
       {"map", "map !", "copy", "copy !", "unmap", "unmap range", "unmap range !", "attach",
        "attach !", "detach", "replace", "replace !", "munmap", "pin", "pin !", "unpin"}) {
    EXPECT_GT(run.done[what], 0u) << what;
  }
}

}  // namespace
}  // namespace iommulab::v6_12::iommufd_selftest_cases
