// SPDX-License-Identifier: GPL-2.0-only
//
// Context and second-level entries of booted captures against those that a real Linux 4.4 had in
// memory (pt-boot.txt). Start-up alone is run here: what drivers mapped afterwards is in the dump
// and not in the run, so mappings to themselves are compared, which start-up makes.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "lab/replay/capture_run.h"
#include "lab/structures/asked.h"
#include "lab/structures/value_access.h"
#include "support/golden.h"

namespace iommulab::structures_test {
namespace {

struct dumped_context {
  std::string device;
  uint64_t low = 0;
  uint64_t high = 0;
  uint64_t domain = 0;
};
struct dumped_leaf {
  uint64_t domain = 0;
  uint64_t level = 0;
  uint64_t value = 0;
  uint64_t iova = 0;
};
struct dump {
  std::vector<dumped_context> contexts;
  std::vector<dumped_leaf> leaves;
};

/// By the dump's own remarks: whose context entry it is, which address a leaf is for.
dump read_dump(const std::string& folder) {
  dump found;
  const auto text = golden::read_text(folder + "/pt-boot.txt");
  if (!text.ok()) return found;
  unsigned long long did = 0;
  for (const std::string_view line_view : golden::lines(*text)) {
    const std::string line(line_view);
    unsigned long long low = 0;
    unsigned long long high = 0;
    unsigned level = 0;
    std::array<char, 16> device{};
    if (std::sscanf(line.c_str(), "C %*s %*u lo=%llx hi=%llx  # %15s present=1", &low, &high,
                    device.data()) == 3) {
      const size_t at = line.find("did=");
      found.contexts.push_back({device.data(), low, high, std::stoull(line.substr(at + 4))});
    } else if (std::sscanf(line.c_str(), "# domain did=%llu", &low) == 1) {
      did = low;
    } else if (line.ends_with(" leaf") && std::sscanf(line.c_str(), "%u %*s %*u %llx  # iova=%llx",
                                                      &level, &low, &high) == 3) {
      found.leaves.push_back({did, level, low, high});
    }
  }
  return found;
}

/// Fields of one evaluation.
class asked_structure {
 public:
  asked_structure(kernel& k, const std::string& text) : value_(evaluated(k, text)) {
    EXPECT_TRUE(value_.ok()) << text << ": " << value_.status();
  }
  [[nodiscard]] uint64_t operator[](std::string_view field) const {
    return value_.ok() ? number_in(std::get<structure>(*value_), field) : ~uint64_t{0};
  }

 private:
  absl::StatusOr<structure_value> value_;
};

std::string hex_text(uint64_t value) {
  std::ostringstream text;
  text << std::hex << value;
  return text.str();
}

constexpr uint64_t page_bits_of_entry = 0xffffffffff000;

TEST(recorded_tables, hold_what_a_real_kernel_wrote) {
  size_t contexts = 0;
  size_t leaves = 0;
  for (const std::string& name : golden::cases(golden::root() / "kernel/v4_4/boot")) {
    SCOPED_TRACE(name);
    const std::string path = (golden::root() / "kernel/v4_4/boot" / name).string();
    const dump recorded = read_dump(path);
    if (recorded.contexts.empty()) continue;
    const auto folder = verify::capture_folder::open(path);
    ASSERT_TRUE(folder.ok()) << folder.status();
    const auto run = verify::run_capture(*folder);
    ASSERT_TRUE(run.ok()) << run.status();
    kernel& k = *(*run)->system;
    for (const dumped_context& c : recorded.contexts) {
      const asked_structure context(k, "context " + c.device);
      if (context["P"] == 0) continue;  // a driver's
      ++contexts;
      // 9.3: T in 3:2, AW in 66:64, DID in 87:72.
      EXPECT_EQ(context["T"], c.low >> 2 & 3) << c.device;
      EXPECT_EQ(context["AW"], c.high & 7) << c.device;
      EXPECT_EQ(context["DID"], c.high >> 8 & 0xffff) << c.device;
      EXPECT_EQ(context["FPD"], c.low >> 1 & 1) << c.device;
      for (const dumped_leaf& l : recorded.leaves) {
        if (l.domain != c.domain || (l.value & page_bits_of_entry) != l.iova) continue;
        // Some of thousands where there are no superpages.
        if (l.level == 1 && (l.iova >> 12) % 997 != 0) continue;
        ++leaves;
        const std::string place = c.device + " " + hex_text(l.iova);
        const asked_structure entry(k, "pte " + place);
        EXPECT_EQ(entry["value"], l.value) << place;
        EXPECT_EQ(entry["level"], l.level) << place;
        EXPECT_EQ(entry["R"], l.value & 1) << place;
        EXPECT_EQ(entry["W"], l.value >> 1 & 1) << place;
        EXPECT_EQ(entry["ADDR"], l.value & page_bits_of_entry) << place;
        const asked_structure walk(k, "walk " + place);
        EXPECT_EQ(walk["host_address"], l.iova) << place;
      }
    }
  }
  EXPECT_GT(contexts, 10u);
  EXPECT_GT(leaves, 100u);
}

}  // namespace
}  // namespace iommulab::structures_test
