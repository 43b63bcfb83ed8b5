// SPDX-License-Identifier: GPL-2.0-only
//
// What subcommands that do not report a boot say of --cmdline.
#pragma once

#include <ostream>
#include <string>

#include "kernel/profile/kernel_profile.h"

namespace iommulab {

/// One line for each word that looks as if it did something to remapping and does not: "iommulab:
/// --cmdline: intel_iommu=ON: …".
inline void note_words(std::ostream& err, const kernel_profile& kernel,
                       const std::string& command_line) {
  for (const command_line_note& note : kernel.notes_on(command_line)) {
    err << "iommulab: --cmdline: " << note.sentence << '\n';
  }
}

}  // namespace iommulab
