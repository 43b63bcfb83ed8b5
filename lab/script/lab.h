// SPDX-License-Identifier: GPL-2.0-only
//
// A running system as the operations of a script see it: arenas, devices, and the buffers, pools
// and domains that operations made under their numbers.
//
// As in the driver that the recordings were made with, bottom halves are off while an operation
// runs, except inside those that wait.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/dma/dma_mapping.h"
#include "dma/dma_pool.h"
#include "kernel/kernel.h"
#include "lab/script/arguments.h"
#include "lab/script/script.h"

namespace iommulab::dmalab {

class lab {
 public:
  /// Takes the script's arenas out of the system's memory and finds its devices. EINVAL, naming
  /// the thing, when the system has no such memory or device. Both outlive the lab.
  static absl::StatusOr<std::unique_ptr<lab>> create(kernel& system, const script& from);
  ~lab();
  lab(const lab&) = delete;
  lab& operator=(const lab&) = delete;

  /// Whether there is an operation of that name.
  static bool is_operation(std::string_view name) { return find_entry(name) != nullptr; }

  /// Does the operation; what it gave, in the words of the recordings. EINVAL for one that is none.
  /// A recorded operation takes the time that it took.
  absl::StatusOr<std::string> run(const operation& op);

  /// The driver of the script's devices leaves them.
  void leave_devices();

  /// Bytes of the pages that the operation's coherent buffer, if any, will ask for; 0 for none.
  [[nodiscard]] uint64_t coherent_bytes(const operation& op) const;

  /// What an operation gives that works on something which an operation before it failed to make.
  static constexpr const char* nothing_there = "nothing there";

 private:
  enum class buffer_kind : uint8_t { single, page, list, coherent, block };
  struct buffer {
    buffer_kind kind = buffer_kind::single;
    size_t dev = 0;
    phys_addr phys;
    dma_addr dma;
    uint64_t size = 0;
    dma_data_direction dir = dma_data_direction::bidirectional;
    std::vector<scatterlist> list;
    uint64_t pool = 0;
    size_t line = 0;  ///< where it was made
  };
  /// Whether the operation asks if a mapping failed.
  enum class error_check : uint8_t { asked, skipped };
  struct entry;  ///< of the table of operations
  static const entry* find_entry(std::string_view name);

  lab(kernel& system, const script& from);
  absl::Status set_up();
  void set_clocks();
  absl::Status place_arena(const arena& wanted);
  absl::Status find_devices();

  // lab.cc: reading arguments
  size_t device_index(arguments& args);
  device& dev(size_t index) { return *devices_[index]; }
  dma_data_direction direction(arguments& args);
  /// aARENA+OFFSET, hHANDLE+OFFSET: the number behind the letter and the hexadecimal one.
  static std::optional<std::pair<uint64_t, uint64_t>> number_and_offset(std::string_view text);
  phys_addr arena_address(arguments& args, uint64_t index, uint64_t offset, uint64_t size);
  buffer* handle(arguments& args, std::initializer_list<buffer_kind> kinds);
  dma_pool* pool_of(arguments& args, uint64_t number);
  /// Time passes: what the recording says, else `ns`.
  void pass(uint64_t ns);
  /// The same with bottom halves on.
  void sleep(uint64_t ns);
  /// Sleeps up to the tick that ends `ms` milliseconds, but not longer than the recording.
  void msleep(uint64_t ms);

  // lab_buffers.cc
  void keep(uint64_t number, std::optional<buffer> made);
  std::string map(arguments& args);
  std::string mapp(arguments& args);
  std::string mapu(arguments& args);
  std::string map_buffer(arguments& args, buffer_kind kind, error_check check);
  /// An active mapping is about to lose its only name.
  void check_handle(uint64_t number);
  std::string unmap(arguments& args);
  std::string unmapw(arguments& args);
  std::string unmapoff(arguments& args);
  std::string unmapdir(arguments& args);
  std::string unmap_buffer(const buffer& b, dma_addr address, uint64_t size,
                           dma_data_direction dir);
  std::string unmapa(arguments& args);
  std::string unmapas(arguments& args);
  std::string sg(arguments& args);
  std::optional<scatterlist> piece(arguments& args);
  std::string unsg(arguments& args);
  std::string forcpu(arguments& args);
  std::string fordev(arguments& args);
  std::string sgforcpu(arguments& args);
  std::string sgfordev(arguments& args);
  std::string alloc(arguments& args);
  std::string free(arguments& args);
  std::string pool(arguments& args);
  std::string pget(arguments& args);
  std::string pput(arguments& args);
  std::string pdel(arguments& args);

  // lab_domains.cc
  std::string group(arguments& args);
  std::string curdom(arguments& args);
  std::string domalloc(arguments& args);
  std::string domfree(arguments& args);
  std::string attach(arguments& args);
  std::string detach(arguments& args);
  std::string attachg(arguments& args);
  std::string detachg(arguments& args);
  std::string imap(arguments& args);
  phys_addr imap_target(arguments& args, std::string_view target);
  std::string iunmap(arguments& args);
  std::string i2p(arguments& args);
  std::string cap(arguments& args);
  iommu_domain* domain(arguments& args);
  iommu_api& api() { return system_.generation().iommu_api(); }

  // lab_devices.cc
  std::string mask(arguments& args);
  std::string cmask(arguments& args);
  std::string reqmask(arguments& args);
  std::string edu(arguments& args);
  std::string edus(arguments& args);
  std::string eduw(arguments& args);
  mmio_window* start_edu(arguments& args);
  static std::string edu_addresses(mmio_window& window);
  std::string finish_edu(mmio_window& window);
  uint64_t bus_address(arguments& args, std::string_view field);
  mmio_window* edu_window(arguments& args, size_t index);
  phys_addr inside_arena(arguments& args, uint64_t index, uint64_t offset, uint64_t size);
  std::string poke(arguments& args);
  std::string peek(arguments& args);
  std::string delay(arguments& args);
  std::string wait(arguments& args);
  std::string bh(arguments& args);
  std::string jalign(arguments& args);
  std::string note(arguments& args);
  std::string sync(arguments& args);

  kernel& system_;
  const script& script_;
  const operation* current_ = nullptr;
  std::vector<phys_addr> arenas_;
  std::vector<device*> devices_;
  std::vector<std::unique_ptr<mmio_window>> edu_windows_;
  absl::flat_hash_map<uint64_t, buffer> buffers_;
  std::map<uint64_t, dma_pool*> pools_;
  std::map<uint64_t, iommu_domain*> domains_;
  // Numbers of what an operation failed to make.
  std::set<uint64_t> failed_buffers_;
  std::set<uint64_t> failed_pools_;
  std::set<uint64_t> failed_domains_;
  bool nothing_there_ = false;  ///< the current operation came upon one
  bool bottom_halves_ = false;
};

}  // namespace iommulab::dmalab
