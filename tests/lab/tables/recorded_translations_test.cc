// SPDX-License-Identifier: GPL-2.0-only
//
// The walk over dumps of a real kernel's tables against what QEMU's VT-d did with these tables:
// its `vtd_dmar_translate` and `vtd_dmar_fault` events up to the moment of the dump.
//
// An address that was translated may have been unmapped before the dump, and then leads to no
// page; as there is no event of that, what of this is allowed is: never another page, and no
// missing page at all behind the last invalidation where unmapping invalidates at once.
#include <charconv>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "kernel/kernel.h"
#include "lab/tables/address_walk.h"
#include "platform/machine/capture_loader.h"
#include "support/golden.h"

namespace iommulab::recorded_translations_test {
namespace {

uint64_t number(std::string_view text, int base) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  EXPECT_TRUE(error == std::errc() && end == text.data() + text.size()) << text;
  return value;
}

struct recorded_event {
  uint16_t requester = 0;
  uint64_t address = 0;
  bool write = false;
  unsigned fault = 0;  ///< 0: it was translated
  uint64_t page = 0;
  uint64_t mask = 0;
};

/// "vtd_dmar_translate dev 00:1f.02 iova 0xfffe0000 -> gpa 0x3dc20000 mask 0xfff" or
/// "vtd_dmar_fault sid 0x20 fault 6 addr 0x12345000 write 0"
bool read_event(std::string_view line, recorded_event& event) {
  const std::vector<std::string> words =
      absl::StrSplit(absl::string_view(line.data(), line.size()), ' ');
  if (words[0] == "vtd_dmar_translate" && words.size() == 10) {
    const std::string& dev = words[2];
    event.requester =
        static_cast<uint16_t>(number(dev.substr(0, 2), 16) << 8 |
                              number(dev.substr(3, 2), 16) << 3 | number(dev.substr(6), 16));
    event.address = number(words[4], 16);
    event.page = number(words[7], 16);
    event.mask = number(words[9], 16);
    return true;
  }
  if (words[0] == "vtd_dmar_fault" && words.size() == 9) {
    event.requester = static_cast<uint16_t>(number(words[2], 16));
    event.fault = static_cast<unsigned>(number(words[4], 10));
    event.address = number(words[6], 16);
    event.write = words[8] == "1";
    return true;
  }
  return false;
}

struct tally {
  size_t dumps = 0;
  size_t equal = 0;
  size_t unmapped = 0;
  size_t faults = 0;
};

/// The events in `trace`, which ends where the tables were dumped.
void compare(const std::vector<std::string_view>& trace, const walked_unit& unit,
             const verify::dumped_tables& tables, bool unmaps_at_once, tally& seen) {
  size_t last_invalidation = 0;
  for (size_t i = 0; i < trace.size(); ++i) {
    if (trace[i].starts_with("vtd_inv_desc")) last_invalidation = i;
  }
  for (size_t i = 0; i < trace.size(); ++i) {
    recorded_event event;
    if (!read_event(trace[i], event)) continue;
    const address_walk walk = walk_address(unit, tables, event.requester, event.address,
                                           event.write ? dma_access::write : dma_access::read);
    SCOPED_TRACE(trace[i]);
    if (event.fault != 0) {
      // What did not translate then may translate since; behind the last invalidation it may not,
      // in what these runs do.
      if (i < last_invalidation) continue;
      EXPECT_EQ(static_cast<unsigned>(walk.reason), event.fault);
      ++seen.faults;
      continue;
    }
    if (walk.ok()) {
      EXPECT_EQ(walk.host_address, event.page | (event.address & event.mask));
      if (walk.outcome == dma_outcome::translated) {
        EXPECT_EQ((uint64_t{1} << walk.page_bits) - 1, event.mask);
      }
      ++seen.equal;
      continue;
    }
    EXPECT_FALSE(unmaps_at_once && i > last_invalidation) << "led nowhere";
    ++seen.unmapped;
  }
}

void compare_capture(const std::string& folder, tally& seen) {
  const auto trace = golden::read_text(folder + "/vtd-trace.txt");
  const auto marks = golden::read_text(folder + "/vtd-marks.txt");
  const auto options = golden::read_text(folder + "/cmdline");
  if (!trace.ok() || !marks.ok() || !options.ok()) return;
  const bool strict = options->find("strict") != std::string::npos;
  std::unique_ptr<kernel> system;
  const std::vector<std::string_view> lines = golden::lines(*trace);
  for (const std::string_view mark : golden::lines(*marks)) {
    // "boot: after line 114 of vtd-trace.txt"
    const std::vector<std::string> words =
        absl::StrSplit(absl::string_view(mark.data(), mark.size()), ' ');
    if (words.size() < 4 || words[1] != "after") continue;
    const std::string dump = folder + "/pt-" + words[0].substr(0, words[0].size() - 1) + ".txt";
    if (!golden::exists(dump)) continue;
    SCOPED_TRACE(dump);
    if (system == nullptr) {
      const auto machine = load_capture(folder);
      ASSERT_TRUE(machine.ok()) << machine.status();
      auto created = kernel::create(*machine, {});
      ASSERT_TRUE(created.ok()) << created.status();
      system = *std::move(created);
      ASSERT_EQ(system->units().size(), 1u);
    }
    const auto tables = verify::dumped_tables::read(dump);
    ASSERT_TRUE(tables.ok()) << tables.status();
    if (!tables->root()) continue;
    const size_t end = std::min<size_t>(number(words[3], 10), lines.size());
    compare({lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(end)},
            {system->units()[0]->config(), true, *tables->root()}, *tables, strict, seen);
    ++seen.dumps;
  }
}

TEST(recorded_translations, lead_where_the_real_hardware_model_led) {
  tally seen;
  const std::filesystem::path root = golden::root() / "kernel/v4_4";
  for (const char* group : {"boot", "dmalab", "hotplug", "workload-ir"}) {
    for (const std::string& name : golden::cases(root / group)) {
      // Enough with one of the two runs of a script.
      const bool twin = std::string_view(group) == "dmalab" && name.ends_with(".calls");
      if (twin) continue;
      compare_capture((root / group / name).string(), seen);
      if (HasFatalFailure()) return;
    }
  }
  if (seen.dumps == 0) IOMMULAB_MISSING("no captures with dumps");
  RecordProperty("dumps", static_cast<int>(seen.dumps));
  RecordProperty("equal", static_cast<int>(seen.equal));
  RecordProperty("unmapped", static_cast<int>(seen.unmapped));
  RecordProperty("faults", static_cast<int>(seen.faults));
  EXPECT_GT(seen.equal, 0u);
}

}  // namespace
}  // namespace iommulab::recorded_translations_test
