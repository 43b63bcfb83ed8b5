// SPDX-License-Identifier: GPL-2.0-only
//
// Operations on devices, memory and time.
#include <cstring>
#include <optional>
#include <string_view>

#include "absl/strings/str_format.h"
#include "lab/script/lab.h"
#include "platform/endpoints/edu.h"
#include "platform/machine/parse.h"

namespace iommulab::dmalab {
namespace {

using edu_device = iommulab::edu;  // lab::edu() is the operation

constexpr uint64_t an_hour_ms = 3'600'000;
constexpr uint64_t most_bits = 64;
constexpr std::string_view mask_bits = "a mask has 0 to 64 bits";

}  // namespace

std::string lab::mask(arguments& args) {
  const size_t d = device_index(args);
  const auto bits = static_cast<unsigned>(args.number("bits", most_bits, mask_bits));
  if (!args.ok()) return {};
  const int ret = dma_set_mask(dev(d), dma_bit_mask(bits));
  return absl::StrFormat("ret=%d mask=0x%x", ret, dev(d).dma_mask);
}

std::string lab::cmask(arguments& args) {
  const size_t d = device_index(args);
  const auto bits = static_cast<unsigned>(args.number("bits", most_bits, mask_bits));
  if (!args.ok()) return {};
  const int ret = dma_set_coherent_mask(dev(d), dma_bit_mask(bits));
  return absl::StrFormat("ret=%d cmask=0x%x", ret, dev(d).coherent_dma_mask);
}

std::string lab::reqmask(arguments& args) {
  const size_t d = device_index(args);
  if (!args.ok()) return {};
  return absl::StrFormat("required=0x%x", dma_get_required_mask(dev(d)));
}

mmio_window* lab::edu_window(arguments& args, size_t index) {
  auto& window = edu_windows_[index];
  if (window == nullptr) {
    const pci_resource& bar = dev(index).pci->resource[0];
    window = system_.mmio().map(phys_addr(bar.start), edu_device::window);
  }
  if (window->device_name().empty()) {
    args.fail("device", absl::StrFormat("%d", index), "it has no edu registers");
    return nullptr;
  }
  return window.get();
}

/// "h2+f80" is an offset into what a handle names, hexadecimal with 0x or without; anything else a
/// number.
uint64_t lab::bus_address(arguments& args, std::string_view field) {
  const std::string_view word = args.word(field);
  std::string_view text = word;
  if (!take_prefix(text, "h")) {
    const auto value = parse_number(text);
    if (args.ok() && !value) args.fail(field, word, "not a number");
    return value.value_or(0);
  }
  const auto place = number_and_offset(text);
  if (!place) {
    args.fail(field, word, "a number, or hHANDLE+OFFSET with a hexadecimal offset");
    return 0;
  }
  const auto found = buffers_.find(place->first);
  if (found == buffers_.end()) {
    nothing_there_ = failed_buffers_.contains(place->first);
    args.fail(field, word, "no operation made a buffer of that handle");
    return 0;
  }
  return found->second.dma.value() + place->second;
}

/// Null when the arguments are wrong.
mmio_window* lab::start_edu(arguments& args) {
  const size_t index = device_index(args);
  const uint64_t command =
      args.number("command", edu_device::command_bits, "an edu device's commands are 0 to 7");
  const uint64_t source = bus_address(args, "source");
  const uint64_t destination = bus_address(args, "destination");
  const uint64_t length =
      args.number("length", edu_device::buffer_size,
                  absl::StrFormat("an edu device moves at most 0x%x bytes, all that its buffer has",
                                  edu_device::buffer_size));
  if (!args.ok()) return nullptr;
  mmio_window* window = edu_window(args, index);
  if (window == nullptr) return nullptr;
  window->write64(edu_device::reg_source, source);
  window->write64(edu_device::reg_destination, destination);
  window->write64(edu_device::reg_count, length);
  window->write64(edu_device::reg_command, command);
  return window;
}

std::string lab::edu_addresses(mmio_window& window) {
  return absl::StrFormat("src=0x%x dst=0x%x", window.read64(edu_device::reg_source),
                         window.read64(edu_device::reg_destination));
}

// As the driver of the recordings does: it sleeps for 60 ms at a time and looks whether the device
// is through. A recorded operation takes the time that it took, so its last sleep ends with it.
std::string lab::finish_edu(mmio_window& window) {
  constexpr uint64_t between_polls_ms = 60;
  constexpr int most_polls = 16;
  int polls = 0;
  msleep(between_polls_ms);
  while (edu_device::command_start.test(window.read64(edu_device::reg_command)) &&
         polls < most_polls) {
    ++polls;
    msleep(between_polls_ms);
  }
  sleep(0);
  return absl::StrFormat("cmd=0x%x polls=%d", window.read64(edu_device::reg_command), polls);
}

std::string lab::edu(arguments& args) {
  mmio_window* window = start_edu(args);
  if (window == nullptr) return {};
  const std::string addresses = edu_addresses(*window);
  return absl::StrFormat("%s %s", addresses, finish_edu(*window));
}

std::string lab::edus(arguments& args) {
  mmio_window* window = start_edu(args);
  return window == nullptr ? std::string() : edu_addresses(*window);
}

std::string lab::eduw(arguments& args) {
  const size_t index = device_index(args);
  mmio_window* window = args.ok() ? edu_window(args, index) : nullptr;
  return window == nullptr ? std::string() : finish_edu(*window);
}

/// The CPU's own accesses stay in the arena: a mapped buffer may leave it.
phys_addr lab::inside_arena(arguments& args, uint64_t index, uint64_t offset, uint64_t size) {
  const phys_addr start = arena_address(args, index, offset, size);
  if (args.ok() && offset + size > script_.arenas[index].size) {
    args.fail("offset", absl::StrFormat("0x%x", offset),
              absl::StrFormat("0x%x bytes from there leave the arena, which has 0x%x", size,
                              script_.arenas[index].size));
  }
  return start;
}

std::string lab::poke(arguments& args) {
  const uint64_t arena = args.index("arena", arenas_.size(), "arena");
  const uint64_t offset = args.number("offset");
  const auto byte = static_cast<int>(args.number("byte", UINT8_MAX, "a byte is 0 to 0xff"));
  const uint64_t length = args.number("length");
  const phys_addr start = inside_arena(args, arena, offset, length);
  if (!args.ok()) return {};
  std::memset(system_.memory().at(start, length), byte, length);
  return "ok";
}

std::string lab::peek(arguments& args) {
  constexpr uint64_t shown = 8;
  const uint64_t arena = args.index("arena", arenas_.size(), "arena");
  const uint64_t offset = args.number("offset");
  const phys_addr start = inside_arena(args, arena, offset, shown);
  if (!args.ok()) return {};
  const std::byte* bytes = system_.memory().at(start, shown);
  std::string text;
  for (uint64_t i = 0; i < shown; ++i)
    absl::StrAppendFormat(&text, "%02x", static_cast<unsigned>(bytes[i]));
  return text;
}

std::string lab::delay(arguments& args) {
  const uint64_t us = args.number("microseconds", an_hour_ms * 1000,
                                  "an operation takes at most an hour: 3600000000");
  if (args.ok()) pass(us * ns_per_us);
  return "ok";
}

std::string lab::wait(arguments& args) {
  const uint64_t ms =
      args.number("milliseconds", an_hour_ms, "an operation takes at most an hour: 3600000");
  if (args.ok()) sleep(ms * ns_per_ms);
  return "ok";
}

std::string lab::bh(arguments& args) {
  const bool on = args.number("bottom halves", 1, "0 is off, 1 is on") == 1;
  if (!args.ok()) return {};
  virtual_clock& clock = system_.env().clock;
  if (on && !bottom_halves_) clock.bh_enable();
  if (!on && bottom_halves_) clock.bh_disable();
  bottom_halves_ = on;
  return absl::StrFormat("bh=%d", on ? 1 : 0);
}

std::string lab::jalign(arguments& args) {
  args.number("unused");
  if (args.ok()) pass(ns_per_jiffy - system_.env().clock.now_ns() % ns_per_jiffy);
  return "ok";
}

std::string lab::note(arguments& args) {
  while (args.more()) args.word("note");
  return "ok";
}

std::string lab::sync(arguments& args) {
  args.word("name");
  return "ok";
}

}  // namespace iommulab::dmalab
