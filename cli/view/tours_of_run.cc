// SPDX-License-Identifier: GPL-2.0-only
#include "cli/view/tours_of_run.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "cli/kernels/kernel_choice.h"
#include "cli/machines/machine_choice.h"
#include "cli/tours/catalogue.h"
#include "cli/tours/kernel_words.h"
#include "cli/tours/program_stage.h"
#include "cli/tours/transcript.h"
#include "kernel/catalogue.h"

namespace iommulab::view {
namespace {

std::string first_or(const std::vector<std::string>& values, std::string_view otherwise) {
  return values.empty() ? std::string(otherwise) : values.front();
}

/// The kernel's profile of a run; the default one's where nothing else is said.
std::string kernel_of(const run_choice& run) {
  const auto found = choose_kernel(first_or(run.kernels, ""));
  return std::string(found.ok() ? (*found)->name() : default_kernel_profile().name());
}

/// Whether both are the same run, event by event.
bool is_same_run(const run_choice& a, const run_choice& b) {
  return a.kind == b.kind && a.path == b.path && kernel_of(a) == kernel_of(b) &&
         first_or(a.machines, default_machine) == first_or(b.machines, default_machine) &&
         a.dmar_files == b.dmar_files && a.command_lines == b.command_lines &&
         a.sanitize == b.sanitize;
}

bool is_run(const std::string& line, const run_choice& run) {
  const auto choice = tours::choice_of(line);
  return choice.ok() && is_same_run(*choice, run);
}

bool goes_through(const tours::tour& what, const std::string& kernel, const std::string& words,
                  const run_choice& run) {
  for (const tours::stop& stop : what.stops) {
    for (const tours::item& item : stop.items) {
      if (item.kind == tours::item_kind::run && item.is_for(kernel) &&
          is_run(tours::with_kernel(item.text, words), run)) {
        return true;
      }
    }
  }
  return false;
}

/// `here`: the item is in the page's run.
json item_json(const tours::told_item& told, const std::string& kernel, bool here) {
  const tours::item_kind kind = told.what->kind;
  json item = {{"kind", tours::name(kind)},
               {"text", told.command.empty() ? told.what->text : told.command}};
  const bool is_step = kind == tours::item_kind::step;
  if (!is_step && kind != tours::item_kind::program) return item;
  item["output"] = told.output;
  json expected = json::array();
  for (const tours::expectation& each : told.what->expected) {
    if (each.kernel.empty() || each.kernel == kernel) expected.push_back(each.text);
  }
  item["expected"] = std::move(expected);
  if (is_step) item["event"] = here ? json(told.position) : json(nullptr);
  return item;
}

}  // namespace

json tour_for_page(const tours::tour& what, size_t number, const run_choice& run,
                   const std::string& kernel, const std::string& words,
                   const program_runner& program) {
  const std::unique_ptr<tours::stage> stage = tours::make_program_stage(program);
  std::map<std::string, bool> here;  // by run
  json stops = json::array();
  for (const tours::told_stop& stop : tours::transcript_of(what, kernel, words, *stage)) {
    json items = json::array();
    for (const tours::told_item& told : stop.items) {
      const auto [known, is_new] = here.try_emplace(told.run, false);
      if (is_new) known->second = is_run(told.run, run);
      items.push_back(item_json(told, kernel, known->second));
    }
    stops.push_back({{"heading", stop.what->heading}, {"items", std::move(items)}});
  }
  return {{"number", number},
          {"title", what.title},
          {"summary", what.summary},
          {"stops", std::move(stops)}};
}

json tours_of_run(const run_choice& run, const program_runner& program) {
  json list = json::array();
  const std::string kernel = kernel_of(run);
  const std::string words = tours::kernel_words(kernel);
  for (size_t number = 1; number <= tours::tour_texts().size(); ++number) {
    const auto what = tours::tour_of_number(number);
    if (!what.ok() || !what->files.empty()) continue;
    if (std::find(what->kernels.begin(), what->kernels.end(), kernel) == what->kernels.end()) {
      continue;
    }
    if (!goes_through(*what, kernel, words, run)) continue;
    list.push_back(tour_for_page(*what, number, run, kernel, words, program));
  }
  return list;
}

}  // namespace iommulab::view
