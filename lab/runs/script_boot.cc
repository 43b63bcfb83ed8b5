// SPDX-License-Identifier: GPL-2.0-only
#include "lab/runs/script_boot.h"

#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/status.h"
#include "lab/replay/api_player.h"
#include "lab/replay/boot_mark.h"
#include "lab/replay/capture_folder.h"

namespace iommulab::dmalab {

absl::Status boot_for_script(kernel& system, const std::string& capture) {
  const boot_outcome outcome = system.start_up();
  if (!outcome.panic.empty()) {
    return errno_status(EIO,
                        absl::StrFormat("the kernel stops in its start-up: %s", outcome.panic));
  }
  if (capture.empty()) {
    system.load_drivers();
    system.finish_boot();
    system.load_late_drivers();
    return absl::OkStatus();
  }
  const auto folder = verify::capture_folder::open(capture);
  if (!folder.ok()) return folder.status();
  verify::replay_differences differences;
  verify::api_player player(system, differences);
  if (absl::Status status = verify::play_to_boot_mark(system, *folder, player); !status.ok()) {
    return status;
  }
  return differences.empty() ? absl::OkStatus() : differences.status();
}

}  // namespace iommulab::dmalab
