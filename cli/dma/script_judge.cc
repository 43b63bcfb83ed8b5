// SPDX-License-Identifier: GPL-2.0-only
#include "cli/dma/script_judge.h"

#include "cli/dma/dma_text.h"

namespace iommulab::dmalab {

bool script_judge::take(kernel& system, const script& from, const done_operation& done,
                        absl::Span<const trace_event> events) {
  const outcome& o = done.result;
  judgement& j = judgements_.emplace_back();
  const auto difference = difference_text(system, o);
  const auto* known = difference ? known_difference_of(system, o, events) : nullptr;
  if (known != nullptr) {
    j.known = known->reason;
    add_overwritten(system, o, spoiled_);
  }
  divergences_.take(*o.op, events, known != nullptr || from.is_recording);
  const auto peeked = spoiled_.peeked(from, *o.op, o.result);
  if (difference && known == nullptr && peeked && peeked == o.op->result) {
    j.known = "4.4 wrote into this memory";
  }
  if (!j.known.empty()) ++passed_over_;
  if (o.op->result && j.known.empty()) ++compared_;
  if (!difference || !j.known.empty()) return true;
  j.difference = *difference + state_text(system, from, o);
  differs_ = true;
  return false;
}

}  // namespace iommulab::dmalab
