// SPDX-License-Identifier: GPL-2.0-only
//
// A simulated process that uses VFIO: its memory, its open files, and the system calls that it
// makes. What it asks for is for those to say who have one: `client` follows a script, a replay
// what a recorded program did.
//
// A process belongs to one system and goes before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/types.h"
#include "kernel/kernel.h"
#include "vfio/process/task_struct.h"

namespace iommulab {

class client_process {
 public:
  /// `first_descriptor`: what the first file that it opens is called by. `system` outlives this.
  client_process(kernel& system, int first_descriptor);
  /// Who goes without finish() is finished here; a panic of the kernel then is nobody's.
  ~client_process();
  client_process(const client_process&) = delete;
  client_process& operator=(const client_process&) = delete;

  [[nodiscard]] task_struct& task() { return task_; }
  [[nodiscard]] const task_struct& task() const { return task_; }
  [[nodiscard]] mm_struct& mm() const { return *task_.mm; }

  // System calls: 0 or more, or a negative errno.

  /// A node of /dev.
  int open(const std::string& path);
  int close(int fd);
  int64_t ioctl(int fd, uint32_t request, uint64_t argument);
  /// The structure goes to the process's memory, and back from it when the call has returned. No
  /// longer than arguments().
  int64_t ioctl_on(int fd, uint32_t request, absl::Span<std::byte> structure);
  /// The memory where structures are handed over, as the last call left it.
  [[nodiscard]] absl::Span<const std::byte> arguments() const { return arguments_; }

  /// Where a region of a device lies in the device's file.
  struct region {
    int64_t result = 0;   ///< of the call
    uint64_t offset = 0;  ///< 0 when it failed
  };
  region get_region_info(int fd, uint32_t index);
  /// Switches `bits` of a function's command register on, through the config region at `config`.
  /// The register then; nothing when it could not be read or written.
  std::optional<uint16_t> set_pci_command(int fd, uint64_t config, uint16_t bits);

  /// The page that memory shows which was only read; nothing when none is to be had.
  std::optional<phys_addr> zero_page();

  /// The process ends: what it has open is closed. A panic of the kernel leaves it.
  void finish();

 private:
  kernel& system_;
  std::vector<std::byte> arguments_;
  task_struct task_;
  bool is_ending_ = false;
  bool has_ended_ = false;  ///< no panic came between
  bool owns_zero_page_ = false;
};

}  // namespace iommulab
