// SPDX-License-Identifier: GPL-2.0-only
//
// Descriptors, and what the client asks of VFIO: of a container or an iommufd in its place, of
// groups, of devices.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/pci/registers.h"
#include "lab/clients/client.h"
#include "lab/clients/client_places.h"
#include "lab/clients/group_lines.h"
#include "platform/endpoints/edu.h"
#include "platform/machine/parse.h"
#include "vfio/process/uaccess.h"
#include "vfio/uapi/vfio.h"

namespace iommulab {
namespace {

/// Two structures, one behind the other.
template <typename First, typename Second>
struct followed {
  First first;
  Second second;
};

template <typename T>
T read_at(absl::Span<const std::byte> bytes, size_t offset) {
  T value{};
  if (offset + sizeof(T) <= bytes.size()) std::memcpy(&value, &bytes[offset], sizeof(T));
  return value;
}

/// "cap{id=3 ver=1 next=40 avail=4294967295}"
std::string capability_text(absl::Span<const std::byte> answer, size_t offset) {
  const auto header = read_at<uapi::vfio_info_cap_header>(answer, offset);
  std::string text =
      absl::StrFormat("cap{id=%d ver=%d next=%d", header.id, header.version, header.next);
  if (header.id == uapi::vfio_iommu_type1_info_cap_iova_range) {
    const auto ranges = read_at<uapi::vfio_iommu_type1_info_cap_iova_range_data>(answer, offset);
    absl::StrAppendFormat(&text, " nr=%d", ranges.nr_iovas);
    for (size_t i = 0; i < ranges.nr_iovas; ++i) {
      const auto range = read_at<uapi::vfio_iova_range>(
          answer, offset + sizeof(ranges) + i * sizeof(uapi::vfio_iova_range));
      absl::StrAppendFormat(&text, " %#x-%#x", range.start, range.end);
    }
  } else if (header.id == uapi::vfio_iommu_type1_info_cap_migration) {
    const auto data = read_at<uapi::vfio_iommu_type1_info_cap_migration_data>(answer, offset);
    absl::StrAppendFormat(&text, " flags=%#x pgsize_bitmap=%#x max_dirty_bitmap_size=%#x",
                          data.flags, data.pgsize_bitmap, data.max_dirty_bitmap_size);
  } else if (header.id == uapi::vfio_iommu_type1_info_dma_avail) {
    const auto data = read_at<uapi::vfio_iommu_type1_info_dma_avail_data>(answer, offset);
    absl::StrAppendFormat(&text, " avail=%d", data.avail);
  }
  return text + "}";
}

}  // namespace

// ---- Descriptors

client_answer vfio_client::open_node(operation& o, const std::string& path) {
  if (!o.status().ok()) return {};
  const int fd = process_.open(path);
  name(o.word(1), static_cast<uint64_t>(static_cast<int64_t>(fd < 0 ? -1 : fd)));
  return done(fd);
}

client_answer vfio_client::copen(operation& o) {
  return open_node(o, "/dev/vfio/vfio");
}

client_answer vfio_client::iopen(operation& o) {
  return open_node(o, "/dev/iommu");
}

client_answer vfio_client::gopen(operation& o) {
  const std::string group = group_of(system_.sysfs(), device_of(o, 2));
  return open_node(o, absl::StrCat("/dev/vfio/", group.empty() ? "-1" : group));
}

client_answer vfio_client::cdev(operation& o) {
  const std::string device = device_of(o, 2);
  const iommulab::device* const found = system_.pci().bus_find_device_by_name(device);
  std::string node = "none";
  if (found != nullptr) {
    const std::vector<std::string> names =
        names_below(system_.sysfs(), found->sysfs_path + "/vfio-dev");
    if (!names.empty()) node = names.front();
  }
  const std::string path = "/dev/vfio/devices/" + node;
  client_answer answer = open_node(o, path);
  absl::StrAppend(&answer.result, " path=", path);
  if (answer.result.find(" ok ") != std::string::npos) {
    device_files_[static_cast<int>(names_.find(o.word(1))->second)] = device;
  }
  return answer;
}

client_answer vfio_client::gdev(operation& o) {
  const int group = descriptor(o, 2);
  const std::string device = device_of(o, 3);
  if (!o.status().ok()) return {};
  const std::string text = device + '\0';
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  const int64_t fd = ioctl_on(o, group, uapi::vfio_group_get_device_fd, absl::MakeSpan(bytes));
  name(o.word(1), static_cast<uint64_t>(fd < 0 ? -1 : fd));
  if (fd >= 0) device_files_[static_cast<int>(fd)] = device;
  return done(fd);
}

client_answer vfio_client::close_file(operation& o) {
  const int fd = descriptor(o, 1);
  if (!o.status().ok()) return {};
  device_files_.erase(fd);
  masters_.erase(fd);
  return done(process_.close(fd));
}

// ---- A container

client_answer vfio_client::ver(operation& o) {
  return done(ioctl(o, descriptor(o, 1), uapi::vfio_get_api_version, 0));
}

client_answer vfio_client::ext(operation& o) {
  const int fd = descriptor(o, 1);
  const uint64_t extension = o.value(2);
  return done(ioctl(o, fd, uapi::vfio_check_extension, extension));
}

client_answer vfio_client::setiommu(operation& o) {
  const int fd = descriptor(o, 1);
  const uint64_t type = o.value(2);
  return done(ioctl(o, fd, uapi::vfio_set_iommu, type));
}

client_answer vfio_client::info(operation& o) {
  constexpr uint32_t usual_size = 512;
  const int fd = descriptor(o, 1);
  uapi::vfio_iommu_type1_info head;
  head.argsz = o.value32_of("argsz", usual_size);
  std::vector<std::byte> bytes(std::max<size_t>(usual_size, sizeof(head)));
  std::memcpy(bytes.data(), &head, sizeof(head));
  const int64_t result = ioctl_on(o, fd, uapi::vfio_iommu_get_info, absl::MakeSpan(bytes));
  if (result < 0) return done(result);
  std::memcpy(&head, bytes.data(), sizeof(head));
  std::string text = absl::StrFormat("argsz=%d flags=%#x pgsizes=%#x cap_offset=%d", head.argsz,
                                     head.flags, head.iova_pgsizes, head.cap_offset);
  for (uint32_t at = head.cap_offset; at != 0 && at < bytes.size();
       at = read_at<uapi::vfio_info_cap_header>(bytes, at).next) {
    absl::StrAppend(&text, " ", capability_text(bytes, at));
  }
  return done(result, text);
}

client_answer vfio_client::map(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::vfio_iommu_type1_dma_map request;
  request.argsz = o.value32_of("argsz", sizeof(request));
  request.flags =
      o.value32_of("flags", uapi::vfio_dma_map_flag_read | uapi::vfio_dma_map_flag_write);
  request.vaddr = o.value_of("va", 0);
  request.iova = o.value_of("iova", 0);
  request.size = o.value_of("size", 0);
  return done(ioctl_on(o, fd, uapi::vfio_iommu_map_dma, bytes_of(request)));
}

client_answer vfio_client::unmap(operation& o) {
  const int fd = descriptor(o, 1);
  followed<uapi::vfio_iommu_type1_dma_unmap, uapi::vfio_bitmap> request;
  auto& [head, bitmap] = request;
  head.flags = o.value32_of("flags", 0);
  const bool has_bitmap = (head.flags & uapi::vfio_dma_unmap_flag_get_dirty_bitmap) != 0;
  head.argsz = o.value32_of("argsz", has_bitmap ? sizeof(request) : sizeof(head));
  head.iova = o.value_of("iova", 0);
  head.size = o.value_of("size", 0);
  bitmap.size = o.value_of("bmsize", 0);
  bitmap.pgsize = o.value_of("pgsize", page_size);
  bitmap.data = client_places::data;
  const int64_t result = ioctl_on(o, fd, uapi::vfio_iommu_unmap_dma, bytes_of(request));
  std::string text = absl::StrFormat("size=%#x", head.size);
  if (has_bitmap && bitmap.size != 0) {
    const size_t shown =
        std::min<size_t>(bitmap.size, client_places::argument_size - client_places::data_offset);
    absl::StrAppend(
        &text, " bitmap=", hex_of(process_.arguments().subspan(client_places::data_offset, shown)));
  }
  return done(result, text);
}

client_answer vfio_client::dirty(operation& o) {
  const int fd = descriptor(o, 1);
  followed<uapi::vfio_iommu_type1_dirty_bitmap, uapi::vfio_iommu_type1_dirty_bitmap_get> request;
  auto& [head, get] = request;
  head.flags = o.value32_of("flags", 0);
  head.argsz = o.value32_of("argsz", sizeof(request));
  get.iova = o.value_of("iova", 0);
  get.size = o.value_of("size", 0);
  get.bitmap.size = o.value_of("bmsize", 0);
  get.bitmap.pgsize = o.value_of("pgsize", page_size);
  get.bitmap.data = client_places::data;
  const int64_t result = ioctl_on(o, fd, uapi::vfio_iommu_dirty_pages, bytes_of(request));
  if (result < 0 || (head.flags & uapi::vfio_iommu_dirty_pages_flag_get_bitmap) == 0) {
    return done(result);
  }
  const size_t shown =
      std::min<size_t>(get.bitmap.size, client_places::argument_size - client_places::data_offset);
  return done(result, absl::StrCat("bitmap=", hex_of(process_.arguments().subspan(
                                                  client_places::data_offset, shown))));
}

// ---- Groups and devices

client_answer vfio_client::gstatus(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::vfio_group_status status;
  status.argsz = o.value32_of("argsz", sizeof(status));
  const int64_t result = ioctl_on(o, fd, uapi::vfio_group_get_status, bytes_of(status));
  return done_giving(result, absl::StrFormat("flags=%#x", status.flags));
}

client_answer vfio_client::gset(operation& o) {
  const int fd = descriptor(o, 1);
  auto container = static_cast<int32_t>(-1);
  if (names_.contains(o.word(2)) || o.word(2) != "nothing") {
    container = static_cast<int32_t>(o.value32(2));
  }
  return done(ioctl_on(o, fd, uapi::vfio_group_set_container, bytes_of(container)));
}

client_answer vfio_client::gunset(operation& o) {
  return done(ioctl(o, descriptor(o, 1), uapi::vfio_group_unset_container, 0));
}

client_answer vfio_client::vinfo(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::vfio_device_info info;
  info.argsz = o.value32_of("argsz", sizeof(info));
  const int64_t result = ioctl_on(o, fd, uapi::vfio_device_get_info, bytes_of(info));
  return done_giving(result, absl::StrFormat("flags=%#x regions=%d irqs=%d", info.flags,
                                             info.num_regions, info.num_irqs));
}

client_answer vfio_client::vbind(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::vfio_device_bind_iommufd request;
  request.argsz = o.value32_of("argsz", sizeof(request));
  request.flags = o.value32_of("flags", 0);
  request.iommufd = static_cast<int32_t>(o.value32(2));
  const int64_t result = ioctl_on(o, fd, uapi::vfio_device_bind_iommufd_request, bytes_of(request));
  name_if(result == 0, o.word(3), request.out_devid);
  return done_giving(result, absl::StrFormat("devid=%d", request.out_devid));
}

client_answer vfio_client::attach(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::vfio_device_attach_iommufd_pt request;
  request.argsz = o.value32_of("argsz", sizeof(request));
  request.flags = o.value32_of("flags", 0);
  request.pt_id = o.value32(2);
  const int64_t result =
      ioctl_on(o, fd, uapi::vfio_device_attach_iommufd_pt_request, bytes_of(request));
  name_if(result == 0, o.word(3), request.pt_id);
  return done_giving(result, absl::StrFormat("pt=%d", request.pt_id));
}

client_answer vfio_client::detach(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::vfio_device_detach_iommufd_pt request;
  request.argsz = o.value32_of("argsz", sizeof(request));
  request.flags = o.value32_of("flags", 0);
  return done(ioctl_on(o, fd, uapi::vfio_device_detach_iommufd_pt_request, bytes_of(request)));
}

/// What a driver in user space does before its device does DMA: it asks where the registers are,
/// and the first time lets the device be a bus master.
void vfio_client::allow_bus_master(int fd) {
  process_.get_region_info(fd, uapi::vfio_pci_bar0_region_index);
  if (masters_.contains(fd)) return;
  const auto config = process_.get_region_info(fd, uapi::vfio_pci_config_region_index);
  if (config.result < 0) return;
  const auto command =
      process_.set_pci_command(fd, config.offset, pci_reg::command_bus_master.mask());
  if (command) masters_.insert(fd);
}

client_answer vfio_client::edu(operation& o) {
  using device_type = iommulab::edu;
  const int fd = descriptor(o, 1);
  const uint64_t command = o.value(2);
  const uint64_t source = o.value_of("src", 0);
  const uint64_t destination = o.value_of("dst", 0);
  const uint64_t length = o.value_of("len", 0);
  const auto found = device_files_.find(fd);
  if (o.status().ok() && found == device_files_.end()) return done(-EBADF);
  const auto id = found == device_files_.end() ? std::nullopt : parse_pci_address(found->second);
  auto* const device = id ? system_.endpoints().find<device_type>(*id) : nullptr;
  if (o.status().ok() && device == nullptr) o.refuse(o.word(1), "the device is no edu");
  if (command == 0 || command > device_type::command_bits) {
    o.refuse(o.word(2), "no command of the device");
  }
  if (!o.status().ok()) return {};
  allow_bus_master(fd);
  device->start_transfer(
      {.source = source, .destination = destination, .count = length, .command = command});
  // The client looks at the device again and again, until it is idle.
  system_.env().clock.advance(device_type::transfer_ns);
  const bool is_done = !device_type::command_start.test(device->read64(device_type::reg_command));
  return {absl::StrFormat("ok done=%d", is_done ? 1 : 0),
          {},
          device_type::command_to_memory.test(command)};
}

}  // namespace iommulab
