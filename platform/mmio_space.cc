// SPDX-License-Identifier: GPL-2.0-only
#include "platform/mmio_space.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

constexpr uint64_t repeat(uint8_t byte) {
  return uint64_t{byte} * 0x0101010101010101ull;
}

}  // namespace

bool mmio_window::reaches(uint64_t offset, uint64_t width) const {
  return device_ != nullptr && offset + width <= size_ &&
         device_offset_ + offset + width <= device_->size();
}

uint32_t mmio_window::read32(uint64_t offset) {
  if (!reaches(offset, sizeof(uint32_t))) return static_cast<uint32_t>(repeat(idle_byte_));
  return device_->read32(device_offset_ + offset);
}

uint64_t mmio_window::read64(uint64_t offset) {
  if (!reaches(offset, sizeof(uint64_t))) return repeat(idle_byte_);
  return device_->read64(device_offset_ + offset);
}

void mmio_window::write32(uint64_t offset, uint32_t value) {
  if (reaches(offset, sizeof(uint32_t))) device_->write32(device_offset_ + offset, value);
}

void mmio_window::write64(uint64_t offset, uint64_t value) {
  if (reaches(offset, sizeof(uint64_t))) device_->write64(device_offset_ + offset, value);
}

absl::Status mmio_space::attach(phys_addr base, std::string name, mmio_region& device) {
  for (const attachment& a : devices_) {
    const bool apart =
        base.value() + device.size() <= a.base || a.base + a.device->size() <= base.value();
    if (apart) continue;
    return errno_status(
        EBUSY, absl::StrFormat("%s: base address is 0x%x: the registers of %s lie at 0x%x", name,
                               base.value(), *a.name, a.base));
  }
  devices_.push_back({base.value(), std::make_unique<const std::string>(std::move(name)), &device});
  return absl::OkStatus();
}

void mmio_space::set_idle(phys_addr base, uint64_t length, uint8_t byte) {
  idle_.push_back({base.value(), length, byte});
}

std::unique_ptr<mmio_window> mmio_space::map(phys_addr base, uint64_t size) const {
  const uint64_t start = base.value();
  uint8_t idle_byte = idle_byte_;
  for (const idle_range& r : idle_) {
    if (start >= r.base && start - r.base < r.length) idle_byte = r.byte;
  }
  for (const attachment& a : devices_) {
    if (start >= a.base && start - a.base < a.device->size()) {
      return std::make_unique<mmio_window>(a.device, *a.name, start - a.base, size, idle_byte);
    }
  }
  return std::make_unique<mmio_window>(nullptr, std::string_view(), 0, size, idle_byte);
}

}  // namespace iommulab
