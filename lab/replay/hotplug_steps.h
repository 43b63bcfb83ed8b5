// SPDX-License-Identifier: GPL-2.0-only
//
// hot.txt: what a script that took devices away and brought them back did, step by step, and what
// sysfs and the log said after each step. After the steps the file holds a copy of the log, in
// which "k44: STEP title" lines, in the same order, show what was printed during which step.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/replay/capture_folder.h"

namespace iommulab::verify {

struct hotplug_step {
  /// What the script did: the first word of the title, with "again" and the like left to it.
  enum class action : uint8_t {
    before,  ///< nothing yet: the state after boot
    up,      ///< the network interface was brought up: its driver allocates DMA memory
    remove,  ///< 1 written to `device`/remove
    rescan,  ///< 1 written to /sys/bus/pci/rescan
    unbind,  ///< the network device's driver was unbound
    bind,    ///< … and bound again
    end,     ///< the script's end; nothing was listed
    other,
  };

  size_t line = 0;  ///< of hot.txt
  std::string title;
  action what = action::other;
  /// The PCI function acted on, "0000:00:04.0": named in the title, or the network interface's
  /// for up, unbind and bind.
  std::string device;
  std::vector<std::string> output;  ///< what the script's tools printed
  numbered_lines groups;            ///< "group 3: 0000:00:1f.0 …", as listed after the step
  std::optional<unsigned> domains_used;
  std::vector<std::string> linked;  ///< devices linked to the unit
  numbered_lines log;               ///< driver lines printed during the step
};

struct hotplug_script {
  std::string network_device;  ///< "0000:00:05.0", the one whose interface goes up and down
  std::vector<hotplug_step> steps;
};

absl::StatusOr<hotplug_script> read_hotplug_script(const capture_folder& folder);

}  // namespace iommulab::verify
