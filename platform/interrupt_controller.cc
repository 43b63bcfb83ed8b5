// SPDX-License-Identifier: GPL-2.0-only
#include "platform/interrupt_controller.h"

#include <utility>

namespace iommulab {
namespace {

constexpr uint32_t vector_mask = 0xff;  // Intel SDM volume 3, 11.11.2

}  // namespace

void interrupt_controller::deliver(msi_message message) {
  if (irqs_disabled()) {
    pending_.push_back(message);
    set_waiting(true);
    return;
  }
  delivered_.push_back(message);
  const auto vector = static_cast<uint8_t>(message.data & vector_mask);
  if (!processor_ || !processor_(vector)) ++spurious_;
}

void interrupt_controller::take_pending() {
  set_waiting(false);
  const std::vector<msi_message> messages = std::exchange(pending_, {});
  for (const msi_message& message : messages) deliver(message);
}

}  // namespace iommulab
