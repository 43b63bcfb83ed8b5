// SPDX-License-Identifier: GPL-2.0-only
//
// The walk of one address of one device of one machine, as plain data for whoever shows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "core/types.h"
#include "kernel/kernel.h"
#include "lab/runs/script_run.h"
#include "lab/tables/address_walk.h"
#include "platform/machine/machine.h"

namespace iommulab {

struct translate_request {
  const kernel_profile* kernel = nullptr;  ///< null: the default
  machine_config machine;
  std::string tables;  ///< a dump of tables to walk in place of the machine's own; empty for these
  source_id device;
  uint64_t address = 0;
  dma_access access = dma_access::read;
};

struct translate_report {
  const kernel_profile* kernel = nullptr;  ///< that ran
  std::string machine;
  std::string tables;  ///< whose tables: "as start-up leaves them", or the dump's file
  std::string panic;   ///< why the kernel stopped in its start-up, if it did
  source_id device;
  std::string device_words;  ///< "SATA controller [8086:2922]"
  source_id requester;       ///< what its requests bear: its own id or an alias
  bool has_unit = false;     ///< a remapping unit covers the device
  std::string unit;          ///< "dmar0"
  phys_addr unit_base;
  bool translating = false;
  uint64_t root_table = 0;
  address_walk walk;
  std::vector<std::string> assumed;  ///< machine_config::assumed
};

/// "00:1f.2" or "0000:00:1f.2". EINVAL with the sentence for anything else.
absl::StatusOr<source_id> parse_device(const std::string& text);
/// Hexadecimal, with 0x or as kernels up to 5.13 print it; below 2^64. EINVAL with the sentence for
/// anything else.
absl::StatusOr<uint64_t> parse_dma_address(const std::string& text);

/// Starts the machine and walks. ENODEV when it has no such function; the errors of the machine
/// and of the dump.
absl::StatusOr<translate_report> walk_of(translate_request request);
/// "h1", "h1+80": a buffer of a script, with a bare hexadecimal offset into it.
struct script_place {
  uint64_t handle = 0;
  uint64_t offset = 0;
};
/// Nothing for a text that is no such place.
std::optional<script_place> parse_script_place(std::string_view text);

/// The walk after a script, whose tables are as its last operation left them. `device` may be the
/// script's "d0", `address` a place in one of its buffers. EINVAL for a buffer that is not there.
absl::StatusOr<translate_report> walk_after_script(dmalab::script_request script,
                                                   const std::string& device,
                                                   const std::string& address, dma_access access);

/// The same on a system that runs already; the request's machine is not looked at.
absl::StatusOr<translate_report> walk_in(kernel& system, const translate_request& request);

std::string translate_text(const translate_report& report);
std::string translate_json(const translate_report& report);

}  // namespace iommulab
