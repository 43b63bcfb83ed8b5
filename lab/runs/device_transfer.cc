// SPDX-License-Identifier: GPL-2.0-only
#include "lab/runs/device_transfer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "intel/dmar/fault.h"

namespace iommulab {
namespace {

constexpr size_t shown_bytes = 8;

/// "from memory at 0x10000000 (IOTLB), 0x10003000 (tables)"
std::string places(const device_transfer& t, std::string_view preposition) {
  std::string text;
  for (const events::answer& a : t.answers) {
    if (a.target == 0) continue;
    absl::StrAppendFormat(&text, "%s0x%x (%s)", text.empty() ? "" : ", ", a.target, a.from);
  }
  if (text.empty()) absl::StrAppendFormat(&text, "0x%x", t.what.result.reached.value());
  return absl::StrFormat("%s memory at %s", preposition, text);
}

std::string blocked_words(const dma_result& result) {
  const auto number = static_cast<uint8_t>(result.reason);
  if (result.reason == vtd::fault_reason::none) {
    return absl::StrFormat("blocked at 0x%x, without a fault", result.failed_at);
  }
  return absl::StrFormat("blocked at 0x%x, fault reason %02x: %s", result.failed_at, number,
                         fault_reason_words(number));
}

std::string end_words(const dma_result& result) {
  switch (result.end) {
    case dma_end::done:
      return {};
    case dma_end::interrupt:
      return "it was an interrupt message";
    case dma_end::no_master:
      return "the function may not master the bus";
    case dma_end::blocked:
      return blocked_words(result);
    case dma_end::no_memory:
      return absl::StrFormat("no memory behind 0x%x", result.failed_at);
  }
  return {};
}

}  // namespace

device_transfer transfer_of(source_id device, const edu& endpoint,
                            absl::Span<const trace_event> events) {
  device_transfer t;
  t.device = device;
  t.what = endpoint.latest();
  for (const trace_event& event : events) {
    const auto* answer = event.as<events::answer>();
    if (answer == nullptr || answer->address - t.what.address >= t.what.count) continue;
    t.answers.push_back(*answer);
  }
  if (t.what.refused) return t;
  const auto buffer = absl::MakeConstSpan(endpoint.buffer());
  const auto used = buffer.subspan(t.what.inside - edu::buffer_address, t.what.count);
  t.data.assign(used.begin(), used.begin() + static_cast<std::ptrdiff_t>(
                                                 std::min<uint64_t>(shown_bytes, used.size())));
  return t;
}

std::string data_words(absl::Span<const std::byte> data) {
  std::string text;
  for (const std::byte b : data) {
    absl::StrAppendFormat(&text, "%s%02x", text.empty() ? "" : " ", static_cast<unsigned>(b));
  }
  return text;
}

std::string transfer_words(const device_transfer& t) {
  return absl::StrFormat("%s %s 0x%x bytes at 0x%x", to_string(t.device),
                         t.what.to_memory ? "writes" : "reads", t.what.count, t.what.address);
}

std::string transfer_outcome(const device_transfer& t) {
  if (t.what.refused) return "no transfer: it does not lie in the device's buffer";
  const dma_result& result = t.what.result;
  const std::string_view more = t.what.count > t.data.size() ? " …" : "";
  const std::string seen = data_words(t.data) + std::string(more);
  if (result.moved == 0) {
    const std::string why = end_words(result);
    return t.what.to_memory ? why + "; memory is as it was"
                            : absl::StrFormat("%s; the device finds %s", why, seen);
  }
  std::string text = absl::StrFormat("0x%x bytes arrived, %s: %s", result.moved,
                                     places(t, t.what.to_memory ? "in" : "from"), seen);
  if (result.end != dma_end::done) absl::StrAppend(&text, "; then ", end_words(result));
  return text;
}

}  // namespace iommulab
