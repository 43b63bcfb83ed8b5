// SPDX-License-Identifier: GPL-2.0-only
#include "lab/runs/script_run.h"

#include <filesystem>
#include <map>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/text_source.h"
#include "lab/runs/script_boot.h"
#include "platform/machine/parse.h"

namespace iommulab::dmalab {
namespace {

constexpr uint64_t arena_bytes = uint64_t{4} << 20;
constexpr int arenas = 2;

/// Keeps writes to root entries.
class root_recorder final : public trace_sink {
 public:
  explicit root_recorder(std::vector<trace_event>& kept) : kept_(kept) {}
  void on_event(const trace_event& event) override {
    const auto* write = event.as<events::table_write>();
    if (write != nullptr && write->table.ends_with("root")) kept_.push_back(event);
  }

 private:
  std::vector<trace_event>& kept_;
};

/// One going through the script: what is kept from operation to operation.
class watched_session {
 public:
  watched_session(script_run& run, operation_judge judge) : r_(run), judge_(std::move(judge)) {
    for (const script_device& d : r_.what.devices) transfers_[d.id] = count_of(d.id);
  }

  void go_through() {
    recording_ =
        r_.system->env().trace.subscribe(recorder_, trace_class::faults | trace_class::answers);
    session_hooks hooks;
    hooks.begins = [this](const operation& op) { begin(op); };
    hooks.ends = [this](const outcome& o) { return end(o); };
    r_.status = run_session(*r_.system, r_.what, hooks).status();
  }

 private:
  void begin(const operation& op) {
    recorder_.clear();
    r_.current = &op;
    r_.current_event = r_.sink.events().size();
  }

  bool end(const outcome& o) {
    if (r_.abandoned) return false;
    done_operation done{o, {}, r_.current_event, r_.sink.events().size()};
    for (auto& [id, seen] : transfers_) {
      const edu* endpoint = r_.system->endpoints().find<edu>(id);
      if (endpoint == nullptr || endpoint->transfers() == seen) continue;
      seen = endpoint->transfers();
      done.transfers.push_back(transfer_of(id, *endpoint, recorder_.events()));
    }
    r_.operations.push_back(std::move(done));
    r_.current = nullptr;
    const bool died = !o.bug.empty();
    const bool goes_on =
        (!judge_ || judge_(*r_.system, r_.what, r_.operations.back(), recorder_.events())) && !died;
    if (died) r_.ending = script_run::how::died;
    if (!goes_on || o.op == &r_.what.operations.back()) r_.run->hold();
    return goes_on;
  }

  [[nodiscard]] uint64_t count_of(source_id id) const {
    const edu* endpoint = r_.system->endpoints().find<edu>(id);
    return endpoint == nullptr ? 0 : endpoint->transfers();
  }

  script_run& r_;
  operation_judge judge_;
  trace_recorder recorder_;  // of one operation at a time
  trace_subscription recording_;
  std::map<source_id, uint64_t> transfers_;
};

}  // namespace

std::string capture_of_script(const std::string& path) {
  if (is_descriptor(path)) return "";
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? std::string(".") : parent.string();
  return source_exists(folder + "/pci.txt") && source_exists(folder + "/cmdline") ? folder : "";
}

void complete_script(script& from, const machine_config& machine) {
  if (from.arenas.empty()) from.arenas.resize(arenas, {0, std::nullopt, arena_bytes});
  if (!from.devices.empty()) return;
  for (const pci_function_config& f : machine.pci_functions) {
    if (is_edu(f)) from.devices.push_back({0, f.id, std::nullopt, std::nullopt});
  }
}

absl::StatusOr<std::unique_ptr<kernel>> system_for_script(const script_request& request) {
  kernel_options options;
  options.profile = request.kernel;
  options.command_line = request.command_line;
  options.sanitize = request.sanitize;
  return kernel::create(request.machine, std::move(options));
}

absl::StatusOr<std::unique_ptr<script_run>> run_script(script_request request,
                                                       operation_judge judge) {
  auto system = system_for_script(request);
  if (!system.ok()) return system.status();

  auto made = std::make_unique<script_run>(run_sink(request.classes, std::move(request.until)));
  script_run& r = *made;
  r.what = std::move(request.what);
  complete_script(r.what, request.machine);
  r.command_line = std::move(request.command_line);
  r.system = std::move(*system);
  tracer& trace = r.system->env().trace;
  {
    root_recorder roots(r.root_entries);
    trace_subscription before;
    if (overlaps(request.classes, trace_class::tables)) {
      before = trace.subscribe(roots, trace_class::tables);
    }
    if (absl::Status status = boot_for_script(*r.system, request.capture); !status.ok())
      return status;
  }
  r.run = std::make_unique<held_run>(
      [&r, judge = std::move(judge)]() mutable {
        watched_session(r, std::move(judge)).go_through();
      },
      [&r] {
        r.system->mute();
        r.abandoned = true;
      });
  r.sink.set_run(*r.run);
  if (r.sink.classes() != trace_class::none) {
    r.subscription = trace.subscribe(r.sink, r.sink.classes());
  }
  r.run->go_on();
  if (!r.status.ok()) return r.status;
  if (r.sink.returned()) r.ending = script_run::how::stopped;
  return made;
}

absl::Status script_run::finish() {
  if (ending == how::stopped || run->ended()) return status;
  subscription = {};
  run->go_on();
  return status;
}

std::optional<uint64_t> address_of_handle(const script_run& run, uint64_t handle) {
  std::optional<uint64_t> address;
  for (const done_operation& done : run.operations) {
    const std::vector<std::string>& words = done.result.op->words;
    if (words.size() < 2 || parse_number(words[1]) != handle) continue;
    const std::string& name = words[0];
    if (name != "map" && name != "mapp" && name != "alloc" && name != "pget" && name != "sg") {
      continue;
    }
    address.reset();
    for (std::string_view word : split_at(done.result.result, ' ')) {
      if (take_prefix(word, "NULL")) break;
      const bool named = take_prefix(word, "dma=") || take_prefix(word, "out=[");
      if (named) address = parse_number(word.substr(0, word.find(':')));
      if (word == "err=1") address.reset();
    }
  }
  return address;
}

}  // namespace iommulab::dmalab
