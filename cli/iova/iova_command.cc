// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/iova_command.h"

#include "cli/iova/bench_command.h"
#include "cli/iova/device_command.h"
#include "cli/iova/list_command.h"
#include "cli/iova/lockup_command.h"
#include "cli/iova/plot_command.h"
#include "cli/iova/record_command.h"
#include "cli/iova/replay_command.h"
#include "cli/iova/tree_command.h"

namespace iommulab {

void add_iova_command(CLI::App& app, int& exit_status) {
  CLI::App* const iova = app.add_subcommand(
      "iova", "Replay, measure, record and draw allocators of I/O virtual addresses");
  iova->require_subcommand(1);
  add_iova_list_command(*iova, exit_status);
  add_iova_replay_command(*iova, exit_status);
  add_iova_bench_command(*iova, exit_status);
  add_iova_device_command(*iova, exit_status);
  add_iova_plot_command(*iova, exit_status);
  add_iova_tree_command(*iova, exit_status);
  add_iova_lockup_command(*iova, exit_status);
  add_iova_record_command(*iova, exit_status);
  iova->footer("Exit status: 0 good; 1 a difference was found; 2 bad use or input.");
}

}  // namespace iommulab
