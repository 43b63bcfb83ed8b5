// SPDX-License-Identifier: GPL-2.0-only
#include "cli/pagetable/pagetable_command.h"

#include "cli/pagetable/replay_command.h"

namespace iommulab {

void add_pagetable_command(CLI::App& app, int& exit_status) {
  CLI::App* const pagetable =
      app.add_subcommand("pagetable", "Replay recorded runs of second-level page tables");
  pagetable->require_subcommand(1);
  add_page_table_replay_command(*pagetable, exit_status);
  pagetable->footer("Exit status: 0 good; 1 a difference was found; 2 bad use or input.");
}

}  // namespace iommulab
