// SPDX-License-Identifier: GPL-2.0-only
#include "cli/machines/device_states.h"

#include "absl/strings/str_format.h"

namespace iommulab {

device_state device_state_of(kernel& system, const device& dev) {
  device_state state{dev.name, std::nullopt, system.generation().domain_of(dev)};
  if (dev.group != nullptr) state.group = dev.group->id;
  return state;
}

std::vector<device_state> device_states(kernel& system) {
  std::vector<device_state> states;
  system.pci().for_each_pci_dev(
      [&](pci_dev& pdev) { states.push_back(device_state_of(system, pdev.dev)); });
  return states;
}

std::string domain_words(const device_domain& domain) {
  const std::string_view type = type_word(domain);
  return domain.name.empty() ? std::string(type) : absl::StrFormat("%s %s", type, domain.name);
}

}  // namespace iommulab
