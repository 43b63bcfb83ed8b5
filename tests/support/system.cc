// SPDX-License-Identifier: GPL-2.0-only
#include "support/system.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_format.h"

namespace iommulab::test {
namespace {

constexpr uint64_t frame_mask = 0x000ffffffffff000;
constexpr uint64_t nowhere = ~uint64_t{0};

std::string access(char direction, unsigned bytes, uint64_t offset) {
  return absl::StrFormat("%c%u %x", direction, bytes, offset);
}

std::string to_access(const trace_event& e) {
  const events::reg_access& a = *e.access();
  if (e.kind() == trace_kind::reg_read) return access('R', a.size, a.offset);
  return absl::StrFormat("%s %x", access('W', a.size, a.offset), a.value);
}

/// Calls `fn` with each event that happened while the function `within` was open (all when empty).
template <typename F>
void for_each_within(const std::vector<trace_event>& events, std::string_view within, F&& fn) {
  int open = 0;
  for (const trace_event& e : events) {
    if (e.kind() == trace_kind::call_enter && e.function() == within) ++open;
    if (e.kind() == trace_kind::call_exit && e.function() == within) --open;
    if (within.empty() || open > 0) fn(e);
  }
}

bool is_access_of(const trace_event& e, std::string_view unit) {
  return e.access() != nullptr && e.access()->unit == unit;
}

}  // namespace

std::string write4(uint64_t offset, uint64_t value) {
  return absl::StrFormat("%s %x", access('W', 4, offset), value);
}
std::string write8(uint64_t offset, uint64_t value) {
  return absl::StrFormat("%s %x", access('W', 8, offset), value);
}
std::string read4(uint64_t offset) {
  return access('R', 4, offset);
}
std::string read8(uint64_t offset) {
  return access('R', 8, offset);
}

std::vector<std::string> chain(std::initializer_list<std::vector<std::string>> parts) {
  std::vector<std::string> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

system::system(const machine_config& machine, std::string command_line, trace_class classes)
    : system(machine, kernel_options{.command_line = std::move(command_line)}, classes) {}

system::system(const machine_config& machine, kernel_options options, trace_class classes) {
  auto made = kernel::create(machine, std::move(options));
  if (!made.ok()) throw std::runtime_error(std::string(made.status().message()));
  kernel_ = std::move(*made);
  subscription_ = kernel_->env().trace.subscribe(events_, classes);
}

system::~system() = default;

boot_outcome& system::boot() {
  outcome = kernel_->start_up();
  if (outcome.panic.starts_with("BUG: ")) throw std::runtime_error(outcome.panic);
  return outcome;
}

pci_dev& system::function(source_id id) {
  pci_dev* found = kernel_->pci().find(id);
  if (found == nullptr) throw std::runtime_error("no function " + to_short_string(id));
  return *found;
}

std::vector<std::string> system::log() const {
  std::vector<std::string> texts;
  for (const log_line& line : kernel_->env().log.lines()) texts.push_back(line.text);
  return texts;
}

int system::logged(std::string_view line) const {
  const auto& lines = kernel_->env().log.lines();
  return static_cast<int>(
      std::count_if(lines.begin(), lines.end(), [&](const log_line& l) { return l.text == line; }));
}

bool system::log_contains(std::string_view part) const {
  return log_text().find(part) != std::string::npos;
}

std::string system::log_text() const {
  std::string all;
  for (const std::string& line : log()) all += line + "\n";
  return all;
}

std::vector<std::string> system::accesses(std::string_view unit, std::string_view within) const {
  std::vector<std::string> list;
  for_each_within(events_.events(), within, [&](const trace_event& e) {
    if (is_access_of(e, unit)) list.push_back(to_access(e));
  });
  return list;
}

std::vector<uint64_t> system::written(uint64_t offset, std::string_view unit,
                                      std::string_view within) const {
  std::vector<uint64_t> values;
  for_each_within(events_.events(), within, [&](const trace_event& e) {
    const auto* write = e.as<events::reg_write>();
    if (write == nullptr || write->unit != unit || write->offset != offset) return;
    values.push_back(write->value);
  });
  return values;
}

std::vector<std::pair<uint64_t, uint64_t>> system::descriptors(std::string_view unit) const {
  constexpr uint64_t type_mask = 0xf;
  constexpr uint64_t wait = 5;
  std::vector<std::pair<uint64_t, uint64_t>> list;
  for (const trace_event& e : events_.events()) {
    const auto* d = e.as<events::descriptor>();
    if (d == nullptr || d->unit != unit) continue;
    if ((d->low & type_mask) != wait) list.emplace_back(d->low, d->high);
  }
  return list;
}

std::vector<std::string> system::calls_of(std::initializer_list<std::string_view> names) const {
  std::vector<std::string> entered;
  for (const trace_event& e : events_.events()) {
    if (e.kind() != trace_kind::call_enter) continue;
    if (std::find(names.begin(), names.end(), e.function()) == names.end()) continue;
    entered.emplace_back(e.function());
  }
  return entered;
}

uint64_t& system::word(uint64_t address) {
  auto* p = kernel_->memory().object_at<uint64_t>(phys_addr(address));
  if (p != nullptr) return *p;
  ADD_FAILURE() << "no memory at " << std::hex << address;
  return no_word_;
}

uint64_t system::root_table(size_t unit_index) {
  return unit(unit_index).peek(vtd_register::rtaddr) & frame_mask;
}

system::context system::context_of(source_id id, size_t unit_index) {
  const uint64_t root = root_table(unit_index);
  if (root == 0) return {};
  const uint64_t entry = word(root + id.bus * uint64_t{16});
  if ((entry & 1) == 0) return {};
  const uint64_t at = (entry & frame_mask) + id.devfn * uint64_t{16};
  return {word(at), word(at + 8)};
}

uint64_t system::walk(uint64_t table, unsigned levels, uint64_t address) {
  for (unsigned level = levels;; --level) {
    const unsigned shift = 12 + 9 * (level - 1);
    const uint64_t entry = word(table + (address >> shift & 0x1ff) * 8);
    if ((entry & 3) == 0) return nowhere;
    const uint64_t offset_mask = (uint64_t{1} << shift) - 1;
    constexpr uint64_t large = 0x80;
    if (level == 1 || (entry & large) != 0) {
      return (entry & frame_mask & ~offset_mask) | (address & offset_mask);
    }
    table = entry & frame_mask;
  }
}

dma_translation system::dma(source_id source, uint64_t address, dma_access access,
                            size_t unit_index) {
  dma_request request;
  request.source = source;
  request.address = address;
  request.length = 8;
  request.access = access;
  return unit(unit_index).translate(request);
}

void system::add_tables(uint64_t table, unsigned levels, std::set<uint64_t>& pages) {
  EXPECT_TRUE(pages.insert(table).second) << "table reached twice: " << std::hex << table;
  if (levels == 1) return;
  for (unsigned i = 0; i < 512; ++i) {
    const uint64_t entry = word(table + i * uint64_t{8});
    constexpr uint64_t large = 0x80;
    if ((entry & 3) == 0 || (entry & large) != 0) continue;
    add_tables(entry & frame_mask, levels - 1, pages);
  }
}

void system::add_context_tables(uint64_t root, std::set<uint64_t>& pages) {
  EXPECT_TRUE(pages.insert(root).second);
  for (uint64_t bus = 0; bus < 256; ++bus) {
    const uint64_t entry = word(root + bus * 16);
    if ((entry & 1) == 0) continue;
    EXPECT_TRUE(pages.insert(entry & frame_mask).second);
  }
}

}  // namespace iommulab::test
