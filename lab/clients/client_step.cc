// SPDX-License-Identifier: GPL-2.0-only
#include "lab/clients/client_step.h"

#include <utility>

#include "lab/clients/effects.h"

namespace iommulab {

std::vector<std::string> log_since(kernel& system, size_t count) {
  std::vector<std::string> texts;
  const auto& lines = system.env().log.lines();
  for (size_t i = count; i < lines.size(); ++i) {
    if (lines[i].level != log_level::debug) texts.push_back(lines[i].text);
  }
  return texts;
}

absl::Span<const trace_event> events_of(const trace_recorder& recorder, const client_step& step) {
  return absl::MakeConstSpan(recorder.events())
      .subspan(step.first_event, step.last_event - step.first_event);
}

absl::StatusOr<client_step> perform_step(kernel& system, const trace_recorder& recorder,
                                         vfio_client& client, absl::Span<const std::string> words) {
  client_step step;
  step.first_event = recorder.events().size();
  const size_t logged = system.env().log.lines().size();
  auto answer = client.perform(words);
  if (!answer.ok()) return answer.status();
  step.answer = *std::move(answer);
  step.last_event = recorder.events().size();
  step.log = log_since(system, logged);
  step.effects = effects_of_events(events_of(recorder, step), step.answer.device_writes);
  return step;
}

}  // namespace iommulab
