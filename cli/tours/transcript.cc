// SPDX-License-Identifier: GPL-2.0-only
#include "cli/tours/transcript.h"

#include <map>
#include <utility>

#include "cli/tours/kernel_words.h"

namespace iommulab::tours {

std::vector<told_stop> transcript_of(const tour& what, const std::string& kernel,
                                     const std::string& words, stage& on) {
  std::vector<told_stop> stops;
  std::string run;
  for (const stop& each : what.stops) {
    told_stop told{&each, {}};
    for (const item& of : each.items) {
      if (!of.is_for(kernel)) continue;
      told_item done{&of, {}, {}, {}, 0};
      if (of.kind == item_kind::run) {
        run = with_kernel(of.text, words);
        done.command = run;
        if (const absl::Status status = on.begin(run); !status.ok()) {
          done.output = std::string(status.message());
        }
      } else if (of.kind == item_kind::step) {
        done.command = of.text;
        done.output = on.step(of.text).text;
      } else if (of.kind == item_kind::program) {
        done.command = with_kernel(of.text, words);
        done.output = on.program(done.command).text;
      }
      done.run = run;
      done.position = on.position();
      told.items.push_back(std::move(done));
    }
    stops.push_back(std::move(told));
  }
  return stops;
}

std::string main_run_of(const tour& what, const std::string& kernel, const std::string& words) {
  std::map<std::string, size_t> steps;
  std::string run;
  for (const stop& each : what.stops) {
    for (const item& of : each.items) {
      if (!of.is_for(kernel)) continue;
      if (of.kind == item_kind::run) run = with_kernel(of.text, words);
      if (of.kind == item_kind::step) ++steps[run];
    }
  }
  std::string most;
  for (const auto& [name, count] : steps) {
    if (most.empty() || count > steps[most]) most = name;
  }
  return most;
}

}  // namespace iommulab::tours
