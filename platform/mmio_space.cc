// SPDX-License-Identifier: GPL-2.0-only
#include "platform/mmio_space.h"

#include <cerrno>
#include <iterator>
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

bool mmio_space::covers(const attachments::value_type& a, uint64_t address) {
  return address >= a.first && address - a.first < a.second.device->size();
}

absl::Status mmio_space::attach(phys_addr base, std::string name, mmio_region& device) {
  const uint64_t start = base.value();
  // Those that are there are apart: what overlaps begins within the new range, or is the last one
  // before it. The one that came first is named.
  auto at = devices_.lower_bound(start);
  const attachments::value_type* overlapping = nullptr;
  if (at != devices_.begin() && covers(*std::prev(at), start)) overlapping = &*std::prev(at);
  for (; at != devices_.end() && at->first - start < device.size(); ++at) {
    if (overlapping == nullptr || at->second.order < overlapping->second.order) overlapping = &*at;
  }
  if (overlapping != nullptr) {
    return errno_status(
        EBUSY, absl::StrFormat("%s: base address is 0x%x: the registers of %s lie at 0x%x", name,
                               start, *overlapping->second.name, overlapping->first));
  }
  devices_.emplace(
      start,
      attachment{devices_.size(), std::make_unique<const std::string>(std::move(name)), &device});
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
  const auto above = devices_.upper_bound(start);
  if (above != devices_.begin() && covers(*std::prev(above), start)) {
    const auto& [first, a] = *std::prev(above);
    return std::make_unique<mmio_window>(a.device, *a.name, start - first, size, idle_byte);
  }
  return std::make_unique<mmio_window>(nullptr, std::string_view(), 0, size, idle_byte);
}

}  // namespace iommulab
