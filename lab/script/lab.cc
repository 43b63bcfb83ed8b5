// SPDX-License-Identifier: GPL-2.0-only
#include "lab/script/lab.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/pci/registers.h"
#include "core/status.h"
#include "core/text_source.h"
#include "dma/debug/dma_debug.h"
#include "dma/memory/pages.h"
#include "platform/machine/parse.h"

namespace iommulab::dmalab {

struct lab::entry {
  std::string_view name;
  std::string (lab::*run)(arguments&);
};

const lab::entry* lab::find_entry(std::string_view name) {
  static constexpr std::array entries = {
      entry{"alloc", &lab::alloc},       entry{"attach", &lab::attach},
      entry{"attachg", &lab::attachg},   entry{"bh", &lab::bh},
      entry{"cap", &lab::cap},           entry{"cmask", &lab::cmask},
      entry{"curdom", &lab::curdom},     entry{"delay", &lab::delay},
      entry{"detach", &lab::detach},     entry{"detachg", &lab::detachg},
      entry{"domalloc", &lab::domalloc}, entry{"domfree", &lab::domfree},
      entry{"edu", &lab::edu},           entry{"edus", &lab::edus},
      entry{"eduw", &lab::eduw},         entry{"forcpu", &lab::forcpu},
      entry{"fordev", &lab::fordev},     entry{"free", &lab::free},
      entry{"group", &lab::group},       entry{"i2p", &lab::i2p},
      entry{"imap", &lab::imap},         entry{"iunmap", &lab::iunmap},
      entry{"jalign", &lab::jalign},     entry{"map", &lab::map},
      entry{"mapp", &lab::mapp},         entry{"mapu", &lab::mapu},
      entry{"mask", &lab::mask},         entry{"note", &lab::note},
      entry{"pdel", &lab::pdel},         entry{"peek", &lab::peek},
      entry{"pget", &lab::pget},         entry{"poke", &lab::poke},
      entry{"pool", &lab::pool},         entry{"pput", &lab::pput},
      entry{"reqmask", &lab::reqmask},   entry{"sg", &lab::sg},
      entry{"sgforcpu", &lab::sgforcpu}, entry{"sgfordev", &lab::sgfordev},
      entry{"sync", &lab::sync},         entry{"unmap", &lab::unmap},
      entry{"unmapa", &lab::unmapa},     entry{"unmapas", &lab::unmapas},
      entry{"unmapdir", &lab::unmapdir}, entry{"unmapoff", &lab::unmapoff},
      entry{"unmapw", &lab::unmapw},     entry{"unsg", &lab::unsg},
      entry{"wait", &lab::wait},
  };
  const auto* found =
      std::find_if(entries.begin(), entries.end(), [&](const entry& e) { return e.name == name; });
  return found == entries.end() ? nullptr : found;
}

lab::lab(kernel& system, const script& from) : system_(system), script_(from) {
  system_.env().clock.bh_disable();
}

lab::~lab() {
  if (!bottom_halves_) system_.env().clock.bh_enable();
}

absl::StatusOr<std::unique_ptr<lab>> lab::create(kernel& system, const script& from) {
  std::unique_ptr<lab> made(new lab(system, from));
  if (absl::Status status = made->set_up(); !status.ok()) return status;
  return made;
}

// A device whose transfer fails raises the fault at a whole millisecond of its machine's time, and
// the kernel logs it some microseconds later: so a recording tells how the two clocks stand.
void lab::set_clocks() {
  const std::optional<uint64_t> fault = first_fault_ns(script_);
  if (fault) system_.env().clock.set_head_start(ns_per_ms - *fault % ns_per_ms);
}

absl::Status lab::set_up() {
  set_clocks();
  for (const arena& wanted : script_.arenas) {
    if (absl::Status status = place_arena(wanted); !status.ok()) return status;
  }
  return find_devices();
}

absl::Status lab::place_arena(const arena& wanted) {
  if (!wanted.start) {
    const auto start = system_.pages().alloc_pages(get_order(wanted.size));
    if (!start)
      return errno_status(ENOMEM, absl::StrFormat("%s: no memory for an arena", script_.path));
    arenas_.push_back(*start);
    return absl::OkStatus();
  }
  const auto error = [&](std::string_view why) {
    return line_error(script_.path, wanted.line, "arena",
                      absl::StrFormat("0x%x", wanted.start->value()), why);
  };
  if (system_.memory().at(*wanted.start, wanted.size) == nullptr) {
    return error("the machine has no such memory");
  }
  for (size_t i = 0; i < arenas_.size(); ++i) {
    if (*wanted.start < arenas_[i] + script_.arenas[i].size &&
        arenas_[i] < *wanted.start + wanted.size) {
      return error(absl::StrFormat("it overlaps arena %d", i));
    }
  }
  if (const absl::Status s = system_.pages().reserve(*wanted.start, wanted.size); !s.ok()) {
    return errno_status(EBUSY, std::string(error(std::string(s.message())).message()));
  }
  arenas_.push_back(*wanted.start);
  return absl::OkStatus();
}

absl::Status lab::find_devices() {
  for (const script_device& wanted : script_.devices) {
    pci_dev* found = system_.pci().find(wanted.id);
    if (found == nullptr) {
      const bool known = system_.pci_hardware().config(wanted.id) != nullptr;
      const absl::Status error =
          line_error(script_.path, wanted.line, "dev", to_string(wanted.id),
                     known ? "the function is not on the bus" : "the machine has no such function");
      return known ? errno_status(ENODEV, std::string(error.message())) : error;
    }
    // As the probe of a driver does: pci_set_master().
    pci_config_space* config = system_.pci_hardware().config(wanted.id);
    config->write16(pci_reg::command,
                    pci_reg::command_bus_master.set(config->read16(pci_reg::command), 1));
    if (wanted.mask) found->dev.dma_mask = *wanted.mask;
    if (wanted.coherent_mask) found->dev.coherent_dma_mask = *wanted.coherent_mask;
    devices_.push_back(&found->dev);
  }
  edu_windows_.resize(devices_.size());
  return absl::OkStatus();
}

absl::StatusOr<std::string> lab::run(const operation& op) {
  const entry* found = find_entry(op.words[0]);
  if (found == nullptr) {
    return line_error(script_.path, op.line, "operation", op.words[0],
                      "there is none of that name");
  }
  current_ = &op;
  virtual_clock& clock = system_.env().clock;
  if (op.state && op.state->time_ns > clock.now_ns()) {
    clock.advance(op.state->time_ns - clock.now_ns());
  }
  arguments args(op, script_.path);
  nothing_there_ = false;
  if (system_.dma_debug() != nullptr) system_.dma_debug()->at_line(op.line);
  std::string result = (this->*found->run)(args);
  if (nothing_there_) return std::string(nothing_there);
  if (absl::Status status = args.status(); !status.ok()) return status;
  pass(0);
  return result;
}

void lab::leave_devices() {
  dma_debug* checks = system_.dma_debug();
  if (checks == nullptr) return;
  checks->at_line(0);
  for (device* d : devices_) checks->device_released(*d);
}

void lab::pass(uint64_t ns) {
  virtual_clock& clock = system_.env().clock;
  if (!current_->state) {
    clock.advance(ns);
    return;
  }
  const uint64_t end = current_->state->time_ns + current_->state->spent_ns;
  if (end > clock.now_ns()) clock.advance(end - clock.now_ns());
}

void lab::sleep(uint64_t ns) {
  if (!bottom_halves_) system_.env().clock.bh_enable();
  pass(ns);
  if (!bottom_halves_) system_.env().clock.bh_disable();
}

// Linux v4.4 kernel/time/timer.c: msleep(), which counts ticks and not the part of one that is
// over.
void lab::msleep(uint64_t ms) {
  virtual_clock& clock = system_.env().clock;
  uint64_t end = (clock.jiffies() + msecs_to_jiffies(ms) + 1) * ns_per_jiffy;
  if (current_->state) {
    end = std::min(end, current_->state->time_ns + current_->state->spent_ns);
  }
  if (end <= clock.now_ns()) return;
  if (!bottom_halves_) clock.bh_enable();
  clock.advance(end - clock.now_ns());
  if (!bottom_halves_) clock.bh_disable();
}

size_t lab::device_index(arguments& args) {
  if (devices_.empty()) {
    args.fail("device", "", "the script names no devices (# dev 0 ADDRESS)");
    return 0;
  }
  return args.index("device", devices_.size(), "device");
}

dma_data_direction lab::direction(arguments& args) {
  constexpr uint64_t last = static_cast<uint64_t>(dma_data_direction::from_device);
  return static_cast<dma_data_direction>(
      args.number("direction", last, "0 is both ways, 1 to the device, 2 from it"));
}

phys_addr lab::arena_address(arguments& args, uint64_t index, uint64_t offset, uint64_t size) {
  if (!args.ok()) return {};
  // A buffer may leave its arena, but not memory.
  constexpr uint64_t largest = uint64_t{1} << 40;
  const phys_addr start = arenas_[index] + offset;
  if (offset > largest || system_.memory().at(start, 0) == nullptr) {
    args.fail(
        "offset", absl::StrFormat("0x%x", offset),
        absl::StrFormat("the buffer leaves memory: the arena begins at 0x%x and has 0x%x bytes",
                        arenas_[index].value(), script_.arenas[index].size));
    return {};
  }
  if (size > largest || system_.memory().at(start, size) == nullptr) {
    args.fail("size", absl::StrFormat("0x%x", size),
              absl::StrFormat("the buffer begins at 0x%x and leaves memory", start.value()));
    return {};
  }
  return start;
}

lab::buffer* lab::handle(arguments& args, std::initializer_list<buffer_kind> kinds) {
  const uint64_t number = args.number("handle");
  if (!args.ok()) return nullptr;
  const auto found = buffers_.find(number);
  nothing_there_ = found == buffers_.end() && failed_buffers_.contains(number);
  if (found == buffers_.end()) {
    args.fail("handle", absl::StrFormat("%d", number), "no operation made such a buffer");
    return nullptr;
  }
  if (std::find(kinds.begin(), kinds.end(), found->second.kind) == kinds.end()) {
    args.fail("handle", absl::StrFormat("%d", number),
              absl::StrFormat("line %d made it, and as something else", found->second.line));
    return nullptr;
  }
  return &found->second;
}

std::optional<std::pair<uint64_t, uint64_t>> lab::number_and_offset(std::string_view text) {
  const std::vector<std::string_view> parts = split_at(text, '+');
  if (parts.size() != 2) return std::nullopt;
  const std::optional<uint64_t> number = parse_number(parts[0]);
  const number_reading offset = read_hex(parts[1]);
  if (!number || offset.fault != number_fault::none) return std::nullopt;
  return std::pair(*number, offset.value);
}

dma_pool* lab::pool_of(arguments& args, uint64_t number) {
  if (!args.ok()) return nullptr;
  const auto found = pools_.find(number);
  if (found != pools_.end()) return found->second;
  nothing_there_ = failed_pools_.contains(number);
  args.fail("pool", absl::StrFormat("%d", number), "there is none of that number");
  return nullptr;
}

uint64_t lab::coherent_bytes(const operation& op) const {
  const auto whole_pages = [](uint64_t size) { return (size + page_size - 1) & page_mask; };
  arguments args(op, script_.path);
  args.number("handle");
  if (op.words[0] == "alloc") {
    args.number("device");
    return whole_pages(args.number("size"));
  }
  if (op.words[0] != "pget") return 0;
  const auto found = pools_.find(args.number("pool"));
  return found == pools_.end() || found->second == nullptr ? 0
                                                           : whole_pages(found->second->allocation);
}

}  // namespace iommulab::dmalab
