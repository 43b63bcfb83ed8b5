// SPDX-License-Identifier: GPL-2.0-only
//
// What can be run again: boots, scripts of DMA operations and of clients, captures, recorded
// allocators.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "iova/trace/trace.h"
#include "iova/trace/versions.h"
#include "lab/clients/client_session.h"
#include "lab/events/boot_run.h"
#include "lab/runs/script_run.h"
#include "lab/stepping/repeatable_run.h"

namespace iommulab {

/// A boot to the late initcalls. `classes` and `until` of the request mean nothing here.
std::unique_ptr<repeatable_run> boot_to_repeat(boot_request request);

/// A boot and then the script's operations, up to the last one: its buffers stay. Each begins with
/// the note "OP 3 map 1 0 …", as the recorded kernels print it.
std::unique_ptr<repeatable_run> script_to_repeat(dmalab::script_request request);

/// A boot and then the client's operations, up to the last one: what is open stays. Each begins
/// with the note "OP 3 imap i A …", as the recorded kernels print it.
std::unique_ptr<repeatable_run> client_to_repeat(client_request request);

/// What a capture's folder holds: its boot, and what was done after it as far as the capture says.
/// `kernel` null: the one that the folder is of. The error of a folder that is no capture.
absl::StatusOr<std::unique_ptr<repeatable_run>> capture_to_repeat(
    const std::string& folder, const kernel_profile* kernel = nullptr);

/// A recorded run of a kernel's allocator: each operation a call by the kernel's name, and an event
/// for the range that it takes or gives back. Its structures are the address spaces.
std::unique_ptr<repeatable_run> iova_replay_to_repeat(iova_trace trace,
                                                      const iova_trace_version& version);

}  // namespace iommulab
