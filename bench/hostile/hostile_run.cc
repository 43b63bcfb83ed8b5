// SPDX-License-Identifier: GPL-2.0-only
//
// A hostile device against every generation's driver, while that maps and unmaps: each access that
// the unit lets through is held against a shadow of what may be reached. Status 1 with an escape.
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <optional>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "bench/hostile/attack.h"
#include "bench/support/program.h"
#include "core/ensure.h"
#include "core/pci/registers.h"
#include "kernel/catalogue.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab::hostile {
namespace {

constexpr uint32_t pasid = 5;

struct scenario {
  const kernel_profile* profile;
  setting where;
  bool lazy;

  [[nodiscard]] std::string name() const {
    return absl::StrFormat("%s/%s/%s", profile->name(), where.name, lazy ? "lazy" : "strict");
  }
};

std::vector<scenario> scenarios() {
  std::vector<scenario> all;
  for (const kernel_profile* profile : kernel_profiles()) {
    for (const setting& where : settings()) {
      for (const bool lazy : {true, false}) all.push_back({profile, where, lazy});
    }
  }
  return all;
}

/// Until 5.13 the driver freed the small tables that make room for a large page without telling the
/// unit, whose paging-structure caches lead to them from then on ("iommu/vt-d: Force to flush iotlb
/// before creating superpage"). The device reaches what lies there by and by: the kernel's escape,
/// and not the port's.
bool has_kernels_escape(const scenario& s) {
  int major = 0;
  int minor = 0;
  const std::string release(s.profile->release());
  ensure(std::sscanf(release.c_str(), "%d.%d", &major, &minor) == 2, "a release has two numbers");
  return s.where.large && std::pair(major, minor) < std::pair(5, 13);
}

device& device_in(kernel& system, source_id slot) {
  device* found = nullptr;
  system.pci().for_each_pci_dev([&](pci_dev& pdev) {
    if (pci_source_id(pdev) == slot) found = &pdev.dev;
  });
  ensure(found != nullptr, "the machine has the function");
  return *found;
}

/// Null where the kernel does not use what the setting is about.
absl::StatusOr<std::unique_ptr<kernel>> start(const scenario& s) {
  kernel_options options;
  options.profile = s.profile;
  options.command_line =
      absl::StrFormat("intel_iommu=on%s%s", s.where.words.empty() ? "" : ",", s.where.words);
  if (!s.lazy) options.command_line += ",strict";
  auto made = kernel::create(machine_of(s.where), std::move(options));
  if (!made.ok()) return made.status();
  kernel& system = **made;
  const boot_outcome outcome = system.start_up();
  // A kernel that knows nothing of scalable mode may not find anything to do with such a unit.
  if (outcome.intel_iommu_init == -ENODEV && s.where.scalable && outcome.panic.empty() &&
      s.profile != kernel_profiles().back()) {
    return std::unique_ptr<kernel>();
  }
  if (outcome.intel_iommu_init != 0 || !outcome.panic.empty()) {
    return absl::InternalError(absl::StrFormat("%s does not start: %d %s", s.name(),
                                               outcome.intel_iommu_init, outcome.panic));
  }
  system.finish_boot();
  if ((system.units()[0]->table_mode() == vtd::table_mode::scalable) != s.where.scalable) {
    return std::unique_ptr<kernel>();
  }
  pci_config_space* config = system.pci_hardware().config(attacker_slot);
  constexpr uint16_t bus_master = 0x4;
  config->write16(pci_reg::command,
                  static_cast<uint16_t>(config->read16(pci_reg::command) | bus_master));
  // Millions of faults would fill the log: the event is masked.
  system.units()[0]->write32(vtd::fectl_reg, vtd::fectl::im.mask());
  return made;
}

void add(tally& sum, const tally& one) {
  sum.accesses += one.accesses;
  sum.with_pasid += one.with_pasid;
  sum.ats += one.ats;
  sum.blocked += one.blocked;
  sum.interrupts += one.interrupts;
  sum.reached_with_pasid += one.reached_with_pasid;
  for (size_t i = 0; i < sum.by_standing.size(); ++i) sum.by_standing[i] += one.by_standing[i];
}

void print_heads() {
  std::cout << absl::StrFormat("%-26s %10s %10s %10s %10s %9s %10s %10s %10s %10s %8s\n", "",
                               "accesses", "PASID", "ATS", "blocked", "interrupt", "mapped",
                               "write-only", "waiting", "by PASID", "escapes");
}

void print(const std::string& name, const tally& t) {
  std::cout << absl::StrFormat("%-26s %10d %10d %10d %10d %9d %10d %10d %10d %10d %8d\n", name,
                               t.accesses, t.with_pasid, t.ats, t.blocked, t.interrupts,
                               t.of(standing::mapped), t.of(standing::write_only),
                               t.of(standing::waiting), t.reached_with_pasid, t.escapes())
            << std::flush;
}

/// What `accesses` came to; printed.
tally run_scenario(const scenario& s, kernel& system, uint64_t accesses, uint64_t seed) {
  device& dev = device_in(system, attacker_slot);
  const auto own = make_dma_traffic(system, dev, seed, s.where.large);
  const auto neighbour =
      make_dma_traffic(system, device_in(system, neighbour_slot), seed + 1, s.where.large);
  std::unique_ptr<traffic> of_pasid;
  if (s.where.scalable) of_pasid = make_pasid_traffic(system, dev, pasid, seed + 2, s.where.large);
  attack device_of_attack(system, s.where, {own.get(), neighbour.get(), of_pasid.get(), pasid},
                          seed + 3);

  constexpr uint64_t burst = 1000;
  constexpr uint64_t rounds_to_timer = 50;
  constexpr uint64_t past_timers = 30'000'000;  // ns
  for (uint64_t done = 0, round = 1; done < accesses; done += burst, ++round) {
    for (unsigned i = 0; i < 4; ++i) {
      own->step();
      neighbour->step();
      if (of_pasid != nullptr) of_pasid->step();
    }
    if (round % rounds_to_timer == 0) {
      system.env().clock.advance(past_timers);
      if (system.generation().waiting().count == 0) {
        own->allowed().flushed();
        neighbour->allowed().flushed();
      }
    }
    device_of_attack.run(std::min(burst, accesses - done));
  }
  print(s.name(), device_of_attack.counted());
  tally counted = device_of_attack.counted();
  if (counted.escapes() != 0 && has_kernels_escape(s)) {
    std::cout << "  the escapes are this kernel's own: see README.md\n";
    counted.by_standing[static_cast<size_t>(standing::none)] = 0;
    return counted;
  }
  for (const std::string& text : device_of_attack.findings()) std::cout << "  " << text << '\n';
  return counted;
}

int run(int argc, char** argv) {
  CLI::App app{
      "A hostile device tries addresses while drivers map and unmap, in every generation, mode "
      "and\n"
      "kind of table; what is let through is held against what may be reached. Status 1 with an\n"
      "escape.",
      "bench_hostile"};
  uint64_t accesses = 2'000'000;
  uint64_t seed = 1;
  std::string filter;
  app.add_option("--accesses", accesses, "in all, shared out among the scenarios")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40));
  app.add_option("--seed", seed, "of everything that is random");
  app.add_option("--filter", filter, "only scenarios that this regular expression matches");
  if (const std::optional<int> status = parse(app, argc, argv); status.has_value()) return *status;
  const std::optional<std::regex> wanted = filter_of(app, "--filter", filter);
  if (!wanted) return bad_use;
  std::vector<std::pair<scenario, std::unique_ptr<kernel>>> systems;
  for (const scenario& s : scenarios()) {
    if (!std::regex_search(s.name(), *wanted)) continue;
    auto started = start(s);
    if (!started.ok()) {
      std::cerr << "bench_hostile: " << started.status().message() << '\n';
      return bad_use;
    }
    if (*started != nullptr) systems.emplace_back(s, *std::move(started));
  }
  if (systems.empty()) {
    std::cerr << "bench_hostile: no scenario matches \"" << filter << "\"\n";
    return bad_use;
  }
  print_heads();
  tally sum;
  const uint64_t share = (accesses + systems.size() - 1) / systems.size();
  for (const auto& [s, system] : systems) add(sum, run_scenario(s, *system, share, seed));
  print("all", sum);
  return sum.escapes() == 0 ? 0 : finding;
}

}  // namespace
}  // namespace iommulab::hostile

int main(int argc, char** argv) {
  return iommulab::run_program("bench_hostile", [&] { return iommulab::hostile::run(argc, argv); });
}
