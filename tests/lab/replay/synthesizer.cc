// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/synthesizer.h"

#include <cstdio>
#include <cstring>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lab/replay/captures.h"

namespace iommulab::verify {
namespace {

constexpr uint64_t gib = uint64_t{1} << 30;
constexpr uint64_t low_12_bits = 0xfff;

uint64_t hex(const std::string& text) {
  return std::stoull(text, nullptr, 16);
}

bool has(const std::string& line, const std::string& text) {
  return line.find(text) != std::string::npos;
}

}  // namespace

uint64_t same_page(uint64_t page) {
  return page;
}

uint64_t other_page(uint64_t page) {
  // A bijection on the pages below 1 GiB that reverses their order.
  return gib - page - (low_12_bits + 1);
}

synthesizer::synthesizer(std::string capture, page_map pages)
    : capture_(std::move(capture)), pages_(std::move(pages)) {
  const memory_range ram{phys_addr(0), gib, memory_range::kind::ram};
  memory_ = physical_memory::create({ram}).value();
  run_.memory = memory_.get();
  run_.sysfs = &sysfs_;
  run_.units.push_back({"dmar0", true, std::nullopt});
  run_.units.push_back({"dmar1", false, phys_addr(0)});
  add_trace();
  add_calls();
  add_log();
  add_tables();
  add_sysfs();
}

void synthesizer::add(trace_payload what) {
  trace_event event;
  event.what = std::move(what);
  run_.events.push_back(std::move(event));
}

std::string_view synthesizer::keep(std::string text) {
  names_.push_back(std::move(text));
  return names_.back();
}

uint64_t synthesizer::moved(uint64_t address) const {
  return pages_(address & ~low_12_bits) | (address & low_12_bits);
}

void synthesizer::add_trace_line(const std::string& line) {
  static const std::regex read("vtd_reg_read addr 0x([0-9a-f]+) size 0x([0-9a-f]+)");
  static const std::regex write(
      "vtd_reg_write addr 0x([0-9a-f]+) size 0x([0-9a-f]+) value 0x([0-9a-f]+)");
  static const std::regex descriptor(
      "vtd_inv_desc invalidate desc type (\\S+) high 0x([0-9a-f]+) low 0x([0-9a-f]+)");
  std::smatch match;
  const auto access = [&](uint64_t value) {
    return events::reg_access{"dmar0", hex(match[1]), static_cast<uint8_t>(hex(match[2])), value};
  };
  if (std::regex_match(line, match, read)) {
    const events::reg_read now{access(0x1234)};  // a capture does not know the value
    auto* last =
        run_.events.empty() ? nullptr : std::get_if<events::reg_read>(&run_.events.back().what);
    if (last != nullptr && last->size == 8 && last->offset == 0x18 && now.offset == 0x20) {
      last->offset = 0x1c;  // the second half of one access
      return;
    }
    add(now);
  } else if (std::regex_match(line, match, write)) {
    events::reg_write now{access(hex(match[3]))};
    if (now.offset == 0x90 || now.offset == 0x20) now.value = moved(now.value);
    add(now);
  } else if (std::regex_match(line, match, descriptor)) {
    const uint64_t high = hex(match[2]);
    add(events::descriptor{"dmar0", 0, hex(match[3]), match[1] == "wait" ? moved(high) : high});
  }
}

void synthesizer::add_trace() {
  const std::vector<std::string> lines = scan(capture_, "vtd-trace.txt");
  size_t boot = lines.size();
  for (const std::string& mark : scan(capture_, "vtd-marks.txt")) {
    if (mark.rfind("boot:", 0) == 0) boot = std::stoul(mark.substr(mark.find("line ") + 5));
  }
  int pmen = 0;
  for (size_t i = 0; i < boot && pmen < 3; ++i) {
    if (has(lines[i], "vtd_reg_") && has(lines[i], " addr 0x64 ")) ++pmen;
    add_trace_line(lines[i]);
  }
  // A unit that the capture's hardware did not have.
  add(events::reg_read{{"dmar1", 0x8, 8, 0}});
}

void synthesizer::enter(const std::string& name) {
  open_.push_back(keep(name));
  add(events::call_enter{open_.back()});
}

void synthesizer::leave() {
  add(events::call_exit{open_.back()});
  open_.pop_back();
}

void synthesizer::add_calls() {
  static const std::regex leaf("^ *(\\S+)\\(\\);$");
  static const std::regex open("^ *(\\S+)\\(\\) \\{$");
  static const std::regex note("^ */\\* (.*) \\*/$");
  static const std::regex page("^(alloc_pgtable_page node=-?\\d+ -> )0x([0-9a-f]+)$");
  enter("detect_intel_iommu");  // before the captures' tracer began
  enter("dmar_table_init");
  leave();
  leave();
  enter("pci_iommu_init");
  for (const std::string& line : scan(capture_, "fgraph-boot.txt")) {
    const size_t bar = line.find('|');
    if (bar == std::string::npos) continue;
    const std::string body = line.substr(bar + 1);
    std::smatch match;
    if (std::regex_match(body, match, leaf)) {
      enter(match[1]);
      enter("a_function_that_was_inlined");
      leave();
      leave();
    } else if (std::regex_match(body, match, open)) {
      enter(match[1]);
    } else if (std::regex_match(body, match, note)) {
      std::smatch parts;
      std::string text = match[1];
      if (std::regex_match(text, parts, page)) {
        text = absl::StrFormat("%s0x%x", parts[1].str(), moved(hex(parts[2])));
      }
      enter("alloc_pgtable_page");
      add(events::note{text});
      add(events::note{"explained in words that no kernel prints"});
      leave();
    } else if (has(body, "}") && open_.size() > 1) {
      leave();
    }
  }
  while (!open_.empty()) leave();
}

void synthesizer::add_log() {
  std::vector<std::string> lines = scan(capture_, "dmesg.txt");
  if (lines.empty()) lines = scan(capture_, "dmesg-key.txt");
  static const std::regex driver(
      R"(\[ *\d+\.\d{6}\] ((DMAR: |iommu: |ACPI: DMAR 0x\w+ \w{6} ).*)$)");
  static const std::regex bios(R"(^\[ *\d+\.\d{6}\] ((Your BIOS is broken|BIOS vendor).*)$)");
  bool is_registered = false;
  for (const std::string& line : lines) {
    std::smatch match;
    if (std::regex_match(line, match, bios)) {
      const bool first = has(line, "Your BIOS");
      if (first) run_.log.emplace_back("------------[ cut here ]------------");
      run_.log.push_back(match[1]);
      if (!first) run_.log.emplace_back("---[ end trace ]---");
      continue;
    }
    if (!std::regex_search(line, match, driver)) continue;
    // What follows the groups was caused by a driver.
    if (is_registered && !has(line, "iommu: Adding device")) break;
    is_registered = is_registered || has(line, "Intel(R) Virtualization Technology");
    run_.log.push_back(match[1]);
    run_.log.emplace_back("ACPI: some other part of the kernel");
  }
}

void synthesizer::poke(uint64_t address, uint64_t value) {
  std::memcpy(memory_->at(phys_addr(address), sizeof value), &value, sizeof value);
}

void synthesizer::add_tables() {
  struct dump_entry {
    char kind = 0;
    unsigned long table = 0;
    unsigned index = 0;
    unsigned long low = 0;
    unsigned long high = 0;
    unsigned long top = 0;  // of the domain that a second-level entry belongs to
    bool leaf = false;
  };
  std::vector<dump_entry> entries;
  std::set<uint64_t> drivers;  // top tables of domains whose leaves are not identities
  unsigned long top = 0;
  for (const std::string& line : scan(capture_, "pt-boot.txt")) {
    dump_entry entry;
    unsigned did = 0;
    unsigned long iova = 0;
    unsigned long root = 0;
    if (std::sscanf(line.c_str(), "# root table 0x%lx", &root) == 1) {
      run_.units[0].root_table = phys_addr(moved(root));
    }
    if (std::sscanf(line.c_str(), "# domain did=%u pgd=0x%lx", &did, &top) == 2) continue;
    entry.top = top;
    entry.leaf = has(line, " leaf");
    if (std::sscanf(line.c_str(), "%c 0x%lx %u lo=%lx hi=%lx", &entry.kind, &entry.table,
                    &entry.index, &entry.low, &entry.high) == 5) {
      entries.push_back(entry);
    } else if (std::sscanf(line.c_str(), "%c 0x%lx %u %lx  # iova=0x%lx", &entry.kind, &entry.table,
                           &entry.index, &entry.low, &iova) == 5) {
      entries.push_back(entry);
      const uint64_t page = entry.low & 0xfffffffff000;
      if (entry.leaf && page != iova) drivers.insert(top);
    }
  }
  std::set<uint64_t> used_context_tables;
  for (const dump_entry& entry : entries) {
    const uint64_t target = entry.low & ~low_12_bits;
    if (entry.kind == 'C' && drivers.count(target) == 0) {
      used_context_tables.insert(entry.table);
      const uint64_t at = moved(entry.table) + uint64_t{16} * entry.index;
      poke(at, target == 0 ? entry.low : moved(entry.low));
      poke(at + 8, entry.high);
    } else if (entry.kind != 'C' && entry.kind != 'R' && drivers.count(entry.top) == 0) {
      poke(moved(entry.table) + uint64_t{8} * entry.index,
           entry.leaf ? entry.low : moved(entry.low));
    }
  }
  for (const dump_entry& entry : entries) {
    if (entry.kind != 'R' || used_context_tables.count(entry.low & ~low_12_bits) == 0) continue;
    poke(moved(entry.table) + uint64_t{16} * entry.index, moved(entry.low));
  }
}

void synthesizer::add_sysfs() {
  const std::string unit = "devices/virtual/iommu/dmar0";
  const auto must = [](const absl::Status& status) {
    if (!status.ok()) throw std::logic_error(std::string(status.message()));
  };
  const auto file = [&](const std::string& path, const std::string& value) {
    must(sysfs_.create_file(path, [value] { return value + "\n"; }));
  };
  const std::vector<std::string> lines = scan(capture_, "sysfs-iommu.txt");
  std::map<std::string, std::string> paths;  // of devices, by name
  const std::string link = "/iommu";
  for (const std::string& line : lines) {
    if (line == "/sys/class/iommu") must(sysfs_.create_directory("class/iommu"));
    if (line.rfind("/sys/devices/pci", 0) != 0) continue;
    const std::string path = line.substr(5, line.size() - 5 - link.size());
    paths[path.substr(path.rfind('/') + 1)] = path;
    if (!sysfs_.exists(path)) must(sysfs_.create_directory(path));
    must(sysfs_.create_directory(path + "/power"));
  }
  if (!paths.empty()) {
    must(sysfs_.create_directory(unit + "/intel-iommu"));
    must(sysfs_.create_directory(unit + "/devices"));
    must(sysfs_.create_link("class/iommu/dmar0", unit));
    file(unit + "/uevent", "");
  }
  for (const auto& [name, path] : paths) {
    must(sysfs_.create_link(path + "/iommu", unit));
    must(sysfs_.create_link(absl::StrCat(unit, "/devices/", name), path));
  }
  for (const std::string& line : lines) {
    char name[64];
    char value[64];
    if (paths.empty()) break;
    if (std::sscanf(line.c_str(), "  %63s = %63s", name, value) == 2) {
      const bool counts_domains = std::string(name) == "domains_used";
      file(unit + "/intel-iommu/" + name, counts_domains ? "77" : value);
    }
    if (line.rfind("group ", 0) != 0) continue;
    std::istringstream words(line.substr(6));
    std::string group;
    std::getline(words, group, ':');
    const std::string directory = "kernel/iommu_groups/" + group;
    must(sysfs_.create_directory(directory + "/devices"));
    for (std::string device; words >> device;) {
      must(sysfs_.create_link(absl::StrCat(directory, "/devices/", device), paths.at(device)));
      must(sysfs_.create_link(paths.at(device) + "/iommu_group", directory));
    }
  }
}

}  // namespace iommulab::verify
