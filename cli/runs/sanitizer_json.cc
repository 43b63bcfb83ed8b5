// SPDX-License-Identifier: GPL-2.0-only
#include "cli/runs/sanitizer_json.h"

#include "core/types.h"

namespace iommulab {
namespace {

json moment_json(const moment& at) {
  return {{"time_ns", at.time_ns}, {"stack", at.stack}};
}

json finding_json(const finding& f) {
  json object = {{"rule", iommulab::name(f.id)},
                 {"error", f.severity == diagnosis_severity::error},
                 {"unit", f.unit},
                 {"address", hex(f.where)},
                 {"sentence", f.sentence},
                 {"count", f.count}};
  if (f.source) object["source"] = to_short_string(*f.source);
  if (f.domain) object["domain"] = f.domain->value();
  if (f.value != 0) object["entry"] = hex(f.value);
  object["seen"] = moment_json(f.now);
  if (!f.made_by.empty()) {
    object["made_by"] = f.made_by;
    object["made"] = moment_json(f.made);
  }
  return object;
}

}  // namespace

json sanitizer_json(const vtd_sanitizer& sanitizer) {
  json findings = json::array();
  for (const finding& f : sanitizer.log().findings()) findings.push_back(finding_json(f));
  const window_figures w = sanitizer.deferred_figures();
  return {{"errors", sanitizer.log().errors()},
          {"findings", std::move(findings)},
          {"findings_beyond_capacity", sanitizer.log().beyond_capacity()},
          {"deferred_unmaps",
           {{"invalidated", w.windows},
            {"pending", w.open},
            {"longest_ns", w.longest_ns},
            {"total_ns", w.total_ns},
            {"accesses", w.accesses},
            {"with_accesses", w.entered},
            {"most_accesses", w.most_accesses}}}};
}

}  // namespace iommulab
