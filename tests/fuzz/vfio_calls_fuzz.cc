// SPDX-License-Identifier: GPL-2.0-only
//
// Any system calls of a process that has VFIO and iommufd: nodes are opened and closed, requests
// get structures of any content, memory comes and goes. Behind each run nothing is left: no page is
// pinned, no object of the kernel's is live that was not before, no BUG was met.
//
// Booting costs more than a run, so systems stay from run to run; a run's process does not.
#include <fuzzer/FuzzedDataProvider.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "core/panic.h"
#include "core/pci/pci.h"
#include "kernel/catalogue.h"
#include "kernel/kernel.h"
#include "lab/clients/client_process.h"
#include "lab/clients/client_system.h"
#include "platform/machine/builtin.h"
#include "vfio/process/device_nodes.h"
#include "vfio/uapi/iommufd.h"
#include "vfio/uapi/iommufd_test.h"
#include "vfio/uapi/vfio.h"

namespace iommulab {
namespace {

constexpr const char* edu_device = "0000:00:04.0";
constexpr uint64_t block = 0x7e0000000000;
constexpr uint64_t block_size = uint64_t{2} << 20;
constexpr size_t most_calls = 64;
constexpr size_t most_bytes = 128;  // of a structure

void must(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what.c_str());
  std::abort();
}

struct served {
  std::unique_ptr<kernel> system;
  std::vector<std::string> nodes;
};

served make(const char* kernel_name, bool container_is_iommufd, bool mock_devices) {
  client_system_request request;
  request.kernel = find_kernel_profile(kernel_name);
  request.machine = q35_machine();
  // Where the driver is on, 6.12's core takes mock devices for its own.
  request.command_line = mock_devices ? "intel_iommu=off" : "intel_iommu=on";
  request.modules.allow_unsafe_interrupts = true;
  request.modules.container_is_iommufd = container_is_iommufd;
  request.modules.iommufd_test = mock_devices;
  auto system = boot_for_clients(request);
  must(system.ok(), "the system cannot be made");
  served made{*std::move(system), {}};
  const device* const edu = made.system->pci().bus_find_device_by_name(edu_device);
  if (!mock_devices) {
    must(set_driver_override(made.system->sysfs(), *edu, "vfio-pci").ok(), "binding");
  }
  for (const auto& [path, open] : made.system->nodes().all()) made.nodes.push_back(path);
  return made;
}

served& choose_system(FuzzedDataProvider& input) {
  static std::array<served, 5> all = {make("v6_12", false, true), make("v6_12", true, false),
                                      make("v6_12", false, false), make("v4_4", false, false),
                                      make("v4_4_178", false, false)};
  return all[input.ConsumeIntegralInRange<size_t>(0, all.size() - 1)];
}

/// A number as programs give them, or any.
uint64_t any_value(FuzzedDataProvider& input) {
  constexpr uint64_t most_pages = 1024;
  constexpr uint64_t most_small = 12;
  switch (input.ConsumeIntegralInRange<unsigned>(0, 7)) {
    case 0:
      return input.ConsumeIntegral<uint64_t>();
    case 1:
      return block + input.ConsumeIntegralInRange<uint64_t>(0, 2 * block_size);
    case 2:
      return block + (input.ConsumeIntegralInRange<uint64_t>(0, most_pages) << page_shift);
    case 3:
      return input.ConsumeIntegralInRange<uint64_t>(0, most_pages) << page_shift;
    case 4:
      return uapi::mock_aperture_start +
             (input.ConsumeIntegralInRange<uint64_t>(0, most_pages) << page_shift);
    case 5:
      return UINT64_MAX - input.ConsumeIntegralInRange<uint64_t>(0, 2 * page_size);
    default:
      return input.ConsumeIntegralInRange<uint64_t>(0, most_small);
  }
}

std::vector<std::byte> any_structure(FuzzedDataProvider& input) {
  std::vector<std::byte> bytes(
      input.ConsumeIntegralInRange<size_t>(1, most_bytes / sizeof(uint32_t)) * sizeof(uint32_t));
  size_t at = 0;
  const auto put = [&](uint64_t value, size_t size) {
    if (at + size > bytes.size()) size = bytes.size() - at;
    std::memcpy(bytes.data() + at, &value, size);
    at += size;
  };
  // Most begin with their size.
  put(input.ConsumeIntegralInRange<unsigned>(0, 7) != 0 ? bytes.size() : any_value(input),
      sizeof(uint32_t));
  while (at < bytes.size()) {
    put(any_value(input),
        at % sizeof(uint64_t) == 0 && input.ConsumeBool() ? sizeof(uint64_t) : sizeof(uint32_t));
  }
  return bytes;
}

uint32_t any_request(FuzzedDataProvider& input) {
  constexpr uint32_t of_vfio = 22;
  constexpr uint32_t of_iommufd = 16;
  switch (input.ConsumeIntegralInRange<unsigned>(0, 3)) {
    case 0:
      return uapi::request(uapi::vfio_base + input.ConsumeIntegralInRange<uint32_t>(0, of_vfio));
    case 1:
      return uapi::request(uapi::iommufd_base +
                           input.ConsumeIntegralInRange<uint32_t>(0, of_iommufd));
    case 2:
      return uapi::iommu_test_request;
    default:
      return input.ConsumeIntegral<uint32_t>();
  }
}

/// Descriptors that are open, and one that is not.
int any_descriptor(FuzzedDataProvider& input, const client_process& process) {
  const auto& open = process.task().files.open();
  size_t n = input.ConsumeIntegralInRange<size_t>(0, open.size());
  for (const auto& [fd, f] : open) {
    if (n-- == 0) return fd;
  }
  return -1;
}

void call(FuzzedDataProvider& input, served& on, client_process& process) {
  constexpr uint64_t most_moved = 64;
  constexpr unsigned region_shift = 40;
  enum : unsigned { open_node, close_file, map, unmap, read, write, structure, value, last = 11 };
  switch (input.ConsumeIntegralInRange<unsigned>(0, last)) {
    case open_node:
      process.open(on.nodes[input.ConsumeIntegralInRange<size_t>(0, on.nodes.size() - 1)]);
      return;
    case close_file:
      process.close(any_descriptor(input, process));
      return;
    case map:
      process.mm().map_lazily(any_value(input) & page_mask, block_size, input.ConsumeBool());
      return;
    case unmap:
      process.mm().unmap(any_value(input) & page_mask, any_value(input) & page_mask);
      return;
    case read:
    case write: {
      file* const f = process.task().files.lookup(any_descriptor(input, process));
      if (f == nullptr) return;
      const uint64_t position = (input.ConsumeIntegralInRange<uint64_t>(0, 9) << region_shift) |
                                (any_value(input) & 0xfff);
      const uint64_t count = input.ConsumeIntegralInRange<uint64_t>(0, most_moved);
      const uint64_t buffer = any_value(input);
      if (input.ConsumeBool()) {
        f->read(process.task(), buffer, count, position);
      } else {
        f->write(process.task(), buffer, count, position);
      }
      process.task().files.task_work_run();
      return;
    }
    case value:
      process.ioctl(any_descriptor(input, process), any_request(input), any_value(input));
      return;
    default: {
      std::vector<std::byte> bytes = any_structure(input);
      process.ioctl_on(any_descriptor(input, process), any_request(input), absl::MakeSpan(bytes));
    }
  }
}

/// The limit that the tests' request can set counts for all runs.
void restore_limit(client_process& process) {
  constexpr uint32_t usual_limit = 65536;
  const int fd = process.open("/dev/iommu");
  if (fd < 0) return;
  uapi::iommu_test_cmd request{};
  request.size = sizeof(request);
  request.op = uapi::iommu_test_op::set_temp_memory_limit;
  request.memory_limit.limit = usual_limit;
  process.ioctl_on(fd, uapi::iommu_test_request,
                   {reinterpret_cast<std::byte*>(&request), sizeof(request)});
  process.close(fd);
}

}  // namespace
}  // namespace iommulab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace iommulab;
  FuzzedDataProvider input(data, size);
  served& on = choose_system(input);
  const int64_t live_before = on.system->slab().live();
  const uint64_t pages_before = on.system->pages().live_pages();
  const auto outcome = run_guarded([&] {
    client_process process(*on.system, 3);
    process.mm().map_lazily(block, block_size, true);
    for (size_t n = 0; n < most_calls && input.remaining_bytes() != 0; ++n) {
      call(input, on, process);
    }
    restore_limit(process);
    process.finish();
  });
  must(outcome.complete(), outcome.line());
  must(on.system->user_pages().pins() == 0, "pages are pinned still");
  must(on.system->slab().live() == live_before, "objects of the kernel's are left");
  must(on.system->pages().live_pages() == pages_before, "pages are left");
  return 0;
}
