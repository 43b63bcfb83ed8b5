// SPDX-License-Identifier: GPL-2.0-only
//
// One MAP_DMA and its UNMAP, of iommufd, of iommufd as VFIO's container, and of VFIO's own.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/pci/pci.h"
#include "kernel/catalogue.h"
#include "lab/clients/client_process.h"
#include "lab/clients/client_system.h"
#include "lab/clients/group_lines.h"
#include "platform/machine/builtin.h"
#include "vfio/process/uaccess.h"
#include "vfio/uapi/iommufd.h"
#include "vfio/uapi/vfio.h"

namespace iommulab {
namespace {

constexpr const char* accelerator = "0000:41:00.0";  // alone in its group
constexpr phys_addr more_memory(uint64_t{1} << 40);
constexpr uint64_t more_bytes = uint64_t{1} << 37;
constexpr uint64_t address = uint64_t{1} << 40;  // of the process: aligned to 1 GiB
constexpr uint64_t iova = uint64_t{1} << 32;
constexpr uint64_t structure_address = 0x7f0000000000;  // what a call is given

void must(bool holds) {
  if (!holds) std::abort();
}

enum class way : uint8_t { ioas, compat, type1 };

/// A process that has the device, up to the moment when it maps.
class running {
 public:
  running(const char* kernel_name, way how) : how_(how) {
    client_system_request request;
    request.kernel = find_kernel_profile(kernel_name);
    request.machine = server_machine();
    request.machine.memory.push_back({more_memory, more_bytes, memory_range::kind::ram});
    request.command_line = "intel_iommu=on";
    request.modules.allow_unsafe_interrupts = true;
    auto system = boot_for_clients(request);
    must(system.ok());
    system_ = *std::move(system);
    const device* const dev = system_->pci().bus_find_device_by_name(accelerator);
    must(set_driver_override(system_->sysfs(), *dev, "vfio-pci").ok());
    constexpr int first_descriptor = 3;
    process_ = std::make_unique<client_process>(*system_, first_descriptor);
    must(process_->mm().map_bytes(structure_address, absl::MakeSpan(structure_)) == 0);
    if (how == way::type1) {
      open_container();
    } else {
      open_iommufd();
    }
  }
  ~running() { process_->finish(); }
  running(const running&) = delete;
  running& operator=(const running&) = delete;

  void take_memory(uint64_t pages, bool scattered) {
    std::vector<phys_addr> frames;
    frames.reserve(pages);
    for (uint64_t i = 0; i < pages; ++i) {
      // Neighbours change places.
      frames.push_back(more_memory + ((scattered ? i ^ 1 : i) << page_shift));
      system_->user_pages().adopt(frames.back());
    }
    must(process_->mm().map_pages(address, std::move(frames), true) == 0);
  }

  void map(uint64_t size) {
    if (how_ == way::ioas) {
      uapi::iommu_ioas_map request{};
      request.size = sizeof(request);
      request.flags = uapi::iommu_ioas_map_fixed_iova | uapi::iommu_ioas_map_readable |
                      uapi::iommu_ioas_map_writeable;
      request.ioas_id = ioas_;
      request.user_va = address;
      request.iova = iova;
      request.length = size;
      call(uapi::iommu_ioas_map_request, request);
      return;
    }
    uapi::vfio_iommu_type1_dma_map request{.argsz = sizeof(request), .vaddr = address};
    request.flags = uapi::vfio_dma_map_flag_read | uapi::vfio_dma_map_flag_write;
    request.iova = iova;
    request.size = size;
    call(uapi::vfio_iommu_map_dma, request);
  }

  void unmap(uint64_t size) {
    if (how_ == way::ioas) {
      uapi::iommu_ioas_unmap request{};
      request.size = sizeof(request);
      request.ioas_id = ioas_;
      request.iova = iova;
      request.length = size;
      call(uapi::iommu_ioas_unmap_request, request);
      return;
    }
    uapi::vfio_iommu_type1_dma_unmap request{.argsz = sizeof(request), .iova = iova, .size = size};
    call(uapi::vfio_iommu_unmap_dma, request);
  }

 private:
  /// From memory of its own: client_process clears all that it hands over, each time.
  template <typename Request>
  void call(uint32_t number, Request& request) {
    std::memcpy(structure_.data(), &request, sizeof(request));
    must(process_->ioctl(fd_, number, structure_address) >= 0);
    std::memcpy(&request, structure_.data(), sizeof(request));
  }

  void open_container() {
    const std::string group = group_of(system_->sysfs(), accelerator);
    const int group_fd = process_->open("/dev/vfio/" + group);
    fd_ = process_->open("/dev/vfio/vfio");
    must(group_fd >= 0 && fd_ >= 0);
    int32_t container = fd_;
    must(process_->ioctl_on(group_fd, uapi::vfio_group_set_container, bytes_of(container)) == 0);
    must(process_->ioctl(fd_, uapi::vfio_set_iommu, uapi::vfio_type1v2_iommu) == 0);
  }

  void open_iommufd() {
    fd_ = process_->open("/dev/iommu");
    const int device_fd = process_->open("/dev/vfio/devices/vfio0");
    must(fd_ >= 0 && device_fd >= 0);
    uapi::iommu_ioas_alloc space{};
    space.size = sizeof(space);
    call(uapi::iommu_ioas_alloc_request, space);
    ioas_ = space.out_ioas_id;
    uapi::vfio_device_bind_iommufd bind{.argsz = sizeof(bind)};
    bind.iommufd = fd_;
    must(process_->ioctl_on(device_fd, uapi::vfio_device_bind_iommufd_request, bytes_of(bind)) ==
         0);
    uapi::vfio_device_attach_iommufd_pt attach{.argsz = sizeof(attach)};
    attach.pt_id = ioas_;
    must(process_->ioctl_on(device_fd, uapi::vfio_device_attach_iommufd_pt_request,
                            bytes_of(attach)) == 0);
    if (how_ != way::compat) return;
    uapi::iommu_vfio_ioas as_container{};
    as_container.size = sizeof(as_container);
    as_container.ioas_id = ioas_;
    as_container.op = uapi::iommu_vfio_ioas_set;
    call(uapi::iommu_vfio_ioas_request, as_container);
  }

  way how_;
  std::unique_ptr<kernel> system_;
  std::unique_ptr<client_process> process_;
  int fd_ = -1;
  uint32_t ioas_ = 0;
  std::array<std::byte, 64> structure_{};
};

void map_unmap(benchmark::State& state, const char* kernel_name, way how, bool scattered) {
  running r(kernel_name, how);
  const auto pages = static_cast<uint64_t>(state.range(0));
  r.take_memory(pages, scattered);
  for ([[maybe_unused]] auto _ : state) {
    r.map(pages << page_shift);
    r.unmap(pages << page_shift);
  }
  state.counters["per page"] =
      benchmark::Counter(static_cast<double>(pages), benchmark::Counter::kIsIterationInvariantRate |
                                                         benchmark::Counter::kInvert);
}

void register_all() {
  constexpr const char* newest = "v6_12";
  struct subject {
    const char* name;
    const char* kernel;
    way how;
  };
  for (const subject& s :
       {subject{"ioas", newest, way::ioas}, subject{"compat", newest, way::compat},
        subject{"type1", newest, way::type1}, subject{"type1_v4_4", "v4_4", way::type1}}) {
    for (const bool scattered : {true, false}) {
      const std::string name = std::string(s.name) + (scattered ? "/scattered" : "/huge");
      auto* const made =
          benchmark::RegisterBenchmark(name.c_str(), [s, scattered](benchmark::State& state) {
            map_unmap(state, s.kernel, s.how, scattered);
          });
      for (const int64_t pages : {1, 16, 512, 1 << 18}) made->Arg(pages);
      made->Arg(scattered ? 1 << 22 : 1 << 24);  // 16 GiB, 64 GiB
      made->Unit(benchmark::kMicrosecond);
    }
  }
}

}  // namespace
}  // namespace iommulab

int main(int argc, char** argv) {
  iommulab::register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
