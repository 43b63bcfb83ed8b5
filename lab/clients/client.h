// SPDX-License-Identifier: GPL-2.0-only
//
// A process that uses VFIO and iommufd, told what to do operation by operation, in the language of
// recorded clients (README.md has it). It does what such a program does: opens nodes of /dev,
// writes structures into its own memory, makes system calls, and says what came out.
//
// A client belongs to one system and goes before it; what it has open then is closed as when a
// process ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernel/kernel.h"
#include "lab/clients/client_process.h"
#include "lab/clients/operation.h"

namespace iommulab {

/// What an operation came to, as recordings have it behind the arrow and below.
struct client_answer {
  std::string result;              ///< "r=0 ok size=0x1000"
  std::vector<std::string> lines;  ///< "s: group 1 type=DMA-FQ …", of `sysfs`
  bool device_writes = false;      ///< it was a transfer from a device to memory
};

struct client_options {
  /// Pages of a memory block, in order and for its whole life, where a recording says where they
  /// lay; null where it does not. Empty: the system's choice for all.
  std::function<std::vector<phys_addr>(std::string_view block)> recorded_pages;
  /// The first descriptor that the process gets.
  int first_descriptor = 8;
};

class vfio_client {
 public:
  vfio_client(kernel& system, client_options options);
  vfio_client(const vfio_client&) = delete;
  vfio_client& operator=(const vfio_client&) = delete;

  /// Whether the language has an operation of this name.
  static bool knows(std::string_view name);
  /// EINVAL, naming the word, for an operation that the language does not have or that does not
  /// read; nothing is done then.
  absl::StatusOr<client_answer> perform(absl::Span<const std::string> words);

  /// The program ends (client_process.h). A panic of the kernel leaves it, as it leaves perform().
  void finish() { process_.finish(); }

  [[nodiscard]] const task_struct& task() const { return process_.task(); }

 private:
  struct kind {
    size_t least = 0;  ///< operands by place
    size_t most = 0;
    std::string_view keys;  ///< operands by name, " iova va size "
    client_answer (vfio_client::*perform)(operation&);
  };
  static const std::map<std::string_view, kind>& kinds();
  struct memory_block {
    uint64_t address = 0;
    uint64_t size = 0;
    std::vector<phys_addr> recorded;
  };

  [[nodiscard]] mm_struct& mm() const { return process_.mm(); }
  // Calls of an operation whose words have read; -EINVAL for another.
  int64_t ioctl(operation& o, int fd, uint32_t request, uint64_t argument);
  int64_t ioctl_on(operation& o, int fd, uint32_t request, absl::Span<std::byte> structure);
  client_answer open_node(operation& o, const std::string& path);
  client_answer done(int64_t result, const std::string& more = {}) const;
  /// The same, with `values` where the call gave some: when it succeeded.
  client_answer done_giving(int64_t result, const std::string& values) const;
  int descriptor(operation& o, size_t place) { return static_cast<int>(o.value32(place)); }
  void name(std::string_view name, uint64_t value);
  /// A name that a failed operation would have made stands for what it stood for, or 0.
  void name_if(bool made, std::string_view name, uint64_t value);
  [[nodiscard]] std::string device_of(operation& o, size_t place) const;

  // The environment: client_environment.cc
  client_answer dev(operation& o);
  client_answer bind(operation& o);
  client_answer unbind(operation& o);
  client_answer gtype(operation& o);
  client_answer sysfs(operation& o);
  client_answer nothing(operation& o);
  client_answer rlimit(operation& o);
  client_answer cap(operation& o);
  client_answer locked(operation& o);
  client_answer cat(operation& o);
  client_answer write_file(operation& o);

  // Memory: client_memory.cc
  client_answer mem(operation& o);
  client_answer memfree(operation& o);
  client_answer phys(operation& o);
  client_answer poke(operation& o);
  client_answer peek(operation& o);
  std::optional<phys_addr> choose_page(uint64_t address) const;
  std::vector<phys_addr> pages_for(const memory_block& block, bool huge, bool read_only);
  [[nodiscard]] std::string runs_of(const memory_block& block) const;

  // Descriptors and VFIO: client_vfio.cc
  client_answer copen(operation& o);
  client_answer iopen(operation& o);
  client_answer gopen(operation& o);
  client_answer cdev(operation& o);
  client_answer gdev(operation& o);
  client_answer close_file(operation& o);
  client_answer ver(operation& o);
  client_answer ext(operation& o);
  client_answer setiommu(operation& o);
  client_answer info(operation& o);
  client_answer map(operation& o);
  client_answer unmap(operation& o);
  client_answer qmap(operation& o);  // qemu_map.cc
  client_answer dirty(operation& o);
  client_answer gstatus(operation& o);
  client_answer gset(operation& o);
  client_answer gunset(operation& o);
  client_answer vinfo(operation& o);
  client_answer vbind(operation& o);
  client_answer attach(operation& o);
  client_answer detach(operation& o);
  client_answer edu(operation& o);
  void allow_bus_master(int fd);

  // iommufd: client_iommufd.cc
  client_answer ioas(operation& o);
  client_answer ranges(operation& o);
  client_answer allow(operation& o);
  client_answer imap(operation& o);
  client_answer icopy(operation& o);
  client_answer iunmap(operation& o);
  client_answer iopt(operation& o);
  client_answer vioas(operation& o);
  client_answer hwpt(operation& o);
  client_answer hwinfo(operation& o);
  client_answer destroy(operation& o);
  client_answer dtrack(operation& o);
  client_answer dbitmap(operation& o);
  client_answer invalidate(operation& o);
  client_answer faultq(operation& o);
  client_answer raw(operation& o);

  kernel& system_;
  client_options options_;
  client_names names_;
  std::map<std::string, std::string, std::less<>> devices_;  ///< functions, by the client's name
  std::map<std::string, memory_block, std::less<>> blocks_;  ///< by name
  std::set<int> masters_;                    ///< descriptors of devices that may do DMA
  std::map<int, std::string> device_files_;  ///< functions, by the descriptor that reaches them
  uint64_t next_block_;
  client_process process_;  ///< the last: when it ends, what chooses its pages is still there
};

/// "ENOENT"
std::string errno_name(int64_t error);
/// "0f00", two digits a byte
std::string hex_of(absl::Span<const std::byte> bytes);

}  // namespace iommulab
