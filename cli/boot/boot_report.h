// SPDX-License-Identifier: GPL-2.0-only
//
// The state in which a run left its system, as plain data for whoever shows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/machines/device_states.h"
#include "core/diagnosis.h"
#include "core/structure.h"
#include "core/types.h"
#include "lab/events/boot_run.h"

namespace iommulab {

struct register_state {
  std::string name;     ///< "GSTS"
  uint32_t offset = 0;  ///< bytes from the unit's base
  uint64_t value = 0;
  unsigned size = 4;   ///< bytes
  std::string fields;  ///< in words, may be empty
};

struct unit_state {
  std::string name;  ///< "dmar0"
  phys_addr base;
  bool translation = false;
  bool queue = false;
  bool interrupt_remapping = false;
  std::optional<phys_addr> root_table;  ///< nothing before one was set
  std::vector<register_state> registers;
};

struct group_state {
  int id = 0;
  std::vector<std::string> devices;  ///< in order of joining
};

/// Source of what is said of the command line.
inline constexpr char command_line_source[] = "command line";

struct reported_diagnosis {
  std::string source;  ///< "dmar0", "DMAR table", or command_line_source
  std::string name;    ///< stable
  std::string sentence;
  diagnosis_severity severity = diagnosis_severity::error;
  /// A broken rule of register access that hardware puts up with.
  bool harmless = false;

  /// Whether it counts as a finding.
  [[nodiscard]] bool error() const { return severity == diagnosis_severity::error; }
};

struct boot_report {
  const kernel_profile* kernel = nullptr;  ///< that ran
  std::string machine;
  std::string command_line;
  std::string ending;  ///< "complete", "stopped" or "panic"
  std::string panic;   ///< its message
  std::string stopped_behind;
  bool table_detected = false;
  int intel_iommu_init = 0;  ///< of a complete run
  bool translation_asked_for = false;
  /// The line names intel_iommu= in words that this kernel does not know, and remapping stays off.
  bool asked_for_in_vain = false;
  bool translation_on = false;
  std::vector<unit_state> units;
  std::vector<group_state> groups;    ///< by number
  std::vector<device_state> devices;  ///< in the kernel's order
  /// Those of --dump; nothing without it.
  std::optional<std::vector<structure_section>> structures;
  std::vector<reported_diagnosis> diagnoses;  ///< the command line's first, then the table's
  uint64_t diagnoses_beyond_capacity = 0;     ///< counted but not kept
  std::vector<std::string> assumed;           ///< machine_config::assumed
  uint64_t sanitizer_errors = 0;              ///< 0 as well when nobody looked

  /// What an exit status of 1 says: the kernel stopped, translation is missing, a diagnosis is an
  /// error, or the sanitizer found one.
  [[nodiscard]] bool finding() const;
};

/// `dump` is what --dump says, empty without it.
boot_report report_of(boot_run& run, const std::string& dump = {});

}  // namespace iommulab
