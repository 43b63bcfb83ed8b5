// SPDX-License-Identifier: GPL-2.0-only
#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/translate/translate_report.h"
#include "core/text_source.h"
#include "platform/machine/parse.h"

namespace iommulab {
namespace {

/// A device by its address, or by its number in the script: "d0".
absl::StatusOr<source_id> device_in_script(const dmalab::script& from, const std::string& text) {
  std::string_view number = text;
  const auto index = take_prefix(number, "d") ? parse_number(number) : std::nullopt;
  if (!index) return parse_device(text);
  if (*index < from.devices.size()) return from.devices[*index].id;
  return errno_status(EINVAL, absl::StrFormat("BDF is %s: the script has %d devices",
                                              iommulab::quoted(text), from.devices.size()));
}

absl::StatusOr<uint64_t> address_in_script(const dmalab::script_run& run, const std::string& text) {
  const auto place = parse_script_place(text);
  if (!place) return parse_dma_address(text);
  const auto start = dmalab::address_of_handle(run, place->handle);
  if (start) return *start + place->offset;
  return errno_status(EINVAL,
                      absl::StrFormat("ADDRESS is %s: %s maps no buffer %d", iommulab::quoted(text),
                                      run.what.path, place->handle));
}

}  // namespace

std::optional<script_place> parse_script_place(std::string_view text) {
  if (!take_prefix(text, "h")) return std::nullopt;
  const size_t plus = text.find('+');
  const auto handle = parse_number(text.substr(0, plus));
  if (!handle) return std::nullopt;
  if (plus == std::string_view::npos) return script_place{*handle, 0};
  std::string_view digits = text.substr(plus + 1);
  take_prefix(digits, "0x");
  const auto offset = parse_hex(digits);
  if (!offset) return std::nullopt;
  return script_place{*handle, *offset};
}

absl::StatusOr<translate_report> walk_after_script(dmalab::script_request script,
                                                   const std::string& device,
                                                   const std::string& address, dma_access access) {
  const auto run = dmalab::run_script(std::move(script));
  if (!run.ok()) return run.status();
  translate_request request;
  const auto id = device_in_script((*run)->what, device);
  if (!id.ok()) return id.status();
  const auto value = address_in_script(**run, address);
  if (!value.ok()) return value.status();
  request.device = *id;
  request.address = *value;
  request.access = access;
  auto report = walk_in(*(*run)->system, request);
  if (!report.ok()) return report.status();
  report->tables = absl::StrFormat("as %s leaves them", (*run)->what.path);
  if ((*run)->ending == dmalab::script_run::how::died) {
    report->panic = (*run)->operations.back().result.bug;
  }
  return report;
}

}  // namespace iommulab
