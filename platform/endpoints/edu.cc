// SPDX-License-Identifier: GPL-2.0-only
#include "platform/endpoints/edu.h"

#include "absl/strings/str_format.h"
#include "absl/types/span.h"

namespace iommulab {
namespace {

constexpr uint64_t identification = 0x00;
constexpr uint64_t liveness = 0x04;
constexpr uint64_t factorial = 0x08;
constexpr uint64_t edu_status = 0x20;
constexpr uint64_t interrupt_status = 0x24;
constexpr uint64_t interrupt_raise = 0x60;
constexpr uint64_t interrupt_acknowledge = 0x64;

constexpr uint32_t edu_version = 0x010000ed;
constexpr uint32_t status_interrupt = 0x80;
constexpr uint32_t factorial_interrupt = 0x1;
constexpr uint32_t transfer_interrupt = 0x100;

/// The device counts in whole milliseconds of its machine's time.
uint64_t transfer_end(const virtual_clock& clock) {
  return clock.now_ns() + edu::transfer_ns - clock.machine_ns() % ns_per_ms;
}

}  // namespace

edu::edu(dma_port& port, virtual_clock& clock, uint64_t dma_mask)
    : pci_endpoint(port),
      clock_(clock),
      timer_(clock, [this] { finish_transfer(); }),
      dma_mask_(dma_mask) {}

uint64_t* edu::transfer_register(uint64_t offset) {
  switch (offset) {
    case reg_source:
      return &source_;
    case reg_destination:
      return &destination_;
    case reg_count:
      return &count_;
    case reg_command:
      return &command_;
    default:
      return nullptr;
  }
}

uint64_t edu::read64(uint64_t offset) {
  const uint64_t* reg = transfer_register(offset);
  return reg == nullptr ? ~uint64_t{0} : *reg;
}

uint32_t edu::read32(uint64_t offset) {
  switch (offset) {
    case identification:
      return edu_version;
    case liveness:
      return liveness_;
    case factorial:
      return factorial_;
    case edu_status:
      return status_;
    case interrupt_status:
      return interrupts_;
    default:
      return static_cast<uint32_t>(read64(offset));
  }
}

void edu::write64(uint64_t offset, uint64_t value) {
  uint64_t* reg = transfer_register(offset);
  if (reg == nullptr || command_start.test(command_)) return;
  if (reg != &command_) {
    *reg = value;
  } else if (command_start.test(value)) {
    command_ = value;
    timer_.arm(transfer_end(clock_));
  }
}

void edu::start_transfer(const transfer_order& order) {
  write64(reg_source, order.source);
  write64(reg_destination, order.destination);
  write64(reg_count, order.count);
  write64(reg_command, order.command);
}

void edu::write32(uint64_t offset, uint32_t value) {
  switch (offset) {
    case liveness:
      liveness_ = ~value;
      return;
    case factorial:
      return compute(value);
    case edu_status:
      status_ = value & status_interrupt;
      return;
    case interrupt_raise:
      return raise(value);
    case interrupt_acknowledge:
      return acknowledge(value);
    default:
      // A register of eight bytes takes four: the upper half becomes zero.
      write64(offset, value);
  }
}

void edu::raise(uint32_t bits) {
  interrupts_ |= bits;
  if (interrupts_ != 0) raise_interrupt();
}

void edu::acknowledge(uint32_t bits) {
  interrupts_ &= ~bits;
  if (interrupts_ == 0) lower_interrupt();
}

void edu::compute(uint32_t n) {
  factorial_ = 1;
  // From 34! on the low 32 bits are all zero.
  for (; n > 0 && factorial_ != 0; --n) factorial_ *= n;
  if ((status_ & status_interrupt) != 0) raise(factorial_interrupt);
}

bool edu::in_buffer(uint64_t address, uint64_t count) {
  const uint64_t offset = address - buffer_address;  // huge below the buffer
  if (offset < buffer_size && count != 0 && count <= buffer_size - offset) return true;
  ++refused_;
  refusal_ = absl::StrFormat(
      "%s edu: a transfer of 0x%x bytes at 0x%x does not lie in the buffer, 0x%x to 0x%x",
      to_string(port().function().description().id), count, address, buffer_address,
      buffer_address + buffer_size - 1);
  return false;
}

void edu::run_transfer() {
  const bool to_memory = command_to_memory.test(command_);
  const uint64_t inside = to_memory ? source_ : destination_;
  const uint64_t address = (to_memory ? destination_ : source_) & dma_mask_;
  ++transfers_;
  latest_ = {to_memory, address, inside, count_, !in_buffer(inside, count_), {}};
  if (latest_.refused) return;
  const auto bytes = absl::MakeSpan(buffer_).subspan(inside - buffer_address, count_);
  last_ = to_memory ? port().write(address, bytes) : port().read(address, bytes);
  latest_.result = last_;
}

void edu::finish_transfer() {
  run_transfer();
  const bool interrupt = command_interrupt.test(command_);
  command_ = command_start.clear(command_);
  if (interrupt) raise(transfer_interrupt);
}

}  // namespace iommulab
