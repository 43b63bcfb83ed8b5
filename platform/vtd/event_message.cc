// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/event_message.h"

#include <string>

#include "platform/vtd/spec/registers.h"

namespace iommulab {
namespace {

constexpr vtd_register after(vtd_register which, unsigned steps) {
  return static_cast<vtd_register>(static_cast<unsigned>(which) + steps);
}
static_assert(after(vtd_register::fectl, 3) == vtd_register::feuaddr);
static_assert(after(vtd_register::iectl, 3) == vtd_register::ieuaddr);

}  // namespace

void event_message::raise() {
  const uint32_t control = registers_.get32(control_);
  if (vtd::fectl::im.test(control)) {
    registers_.set(control_, vtd::fectl::ip.set(control, 1));
    return;
  }
  send();
}

void event_message::control_written() {
  const uint32_t control = registers_.get32(control_);
  if (vtd::fectl::im.test(control) || !vtd::fectl::ip.test(control)) return;
  registers_.set(control_, vtd::fectl::ip.set(control, 0));
  send();
}

void event_message::conditions_gone() {
  registers_.set(control_, vtd::fectl::ip.set(registers_.get32(control_), 0));
}

void event_message::send() {
  msi_message message;
  message.data = registers_.get32(after(control_, 1));
  message.address =
      (registers_.get(after(control_, 3)) << 32) | registers_.get32(after(control_, 2));
  trace_.tell([&] { return events::interrupt{std::string(unit_), message.address, message.data}; });
  sink_.deliver(message);  // last: the handler may write our registers
}

}  // namespace iommulab
