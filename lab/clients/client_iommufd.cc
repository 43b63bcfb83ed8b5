// SPDX-License-Identifier: GPL-2.0-only
//
// What the client asks of iommufd itself.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lab/clients/client.h"
#include "lab/clients/client_places.h"
#include "platform/machine/parse.h"
#include "vfio/process/uaccess.h"
#include "vfio/uapi/iommufd.h"

namespace iommulab {
namespace {

constexpr size_t known_slots = 64;

uint32_t size_of(operation& o, size_t usual) {
  return o.value32_of("sz", usual);
}

}  // namespace

client_answer vfio_client::ioas(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::iommu_ioas_alloc request;
  request.size = size_of(o, sizeof(request));
  request.flags = o.value32_of("flags", 0);
  const int64_t result = ioctl_on(o, fd, uapi::iommu_ioas_alloc_request, bytes_of(request));
  name_if(result == 0, o.word(2), request.out_ioas_id);
  return done_giving(result, absl::StrFormat("id=%d", request.out_ioas_id));
}

client_answer vfio_client::ranges(operation& o) {
  constexpr uint32_t usual_slots = 16;
  const int fd = descriptor(o, 1);
  uapi::iommu_ioas_iova_ranges request;
  request.size = size_of(o, sizeof(request));
  request.ioas_id = o.value32(2);
  request.num_iovas = o.value32_of("n", usual_slots);
  request.reserved = o.value32_of("rsv", 0);
  request.allowed_iovas = client_places::data;
  const uint32_t slots = std::min<uint32_t>(request.num_iovas, known_slots);
  const int64_t result = ioctl_on(o, fd, uapi::iommu_ioas_iova_ranges_request, bytes_of(request));
  std::string text =
      absl::StrFormat("n=%d align=%#x", request.num_iovas, request.out_iova_alignment);
  if (result >= 0 || result == -EMSGSIZE) {
    std::array<uapi::iommu_iova_range, known_slots> found{};
    std::memcpy(found.data(), &process_.arguments()[client_places::data_offset], sizeof(found));
    for (uint32_t i = 0; i < std::min(slots, request.num_iovas); ++i) {
      absl::StrAppendFormat(&text, " %#x-%#x", found[i].start, found[i].last);
    }
  }
  return done(result, text);
}

client_answer vfio_client::allow(operation& o) {
  const int fd = descriptor(o, 1);
  std::array<uapi::iommu_iova_range, known_slots> wanted{};
  uapi::iommu_ioas_allow_iovas request;
  request.size = size_of(o, sizeof(request));
  request.ioas_id = o.value32(2);
  request.reserved = o.value32_of("rsv", 0);
  request.allowed_iovas = client_places::data;
  for (size_t place = 3; place <= o.places(); ++place) {
    const std::vector<std::string_view> ends = split_at(o.word(place), '-');
    if (ends.size() != 2 || request.num_iovas == known_slots) {
      o.refuse(o.word(place), "not a range first-last, or more than 64 of them");
      break;
    }
    wanted[request.num_iovas++] = {.start = o.evaluate(ends[0]), .last = o.evaluate(ends[1])};
  }
  if (!o.status().ok()) return {};
  std::vector<std::byte> bytes(client_places::data_offset + sizeof(wanted));
  std::memcpy(bytes.data(), &request, sizeof(request));
  std::memcpy(&bytes[client_places::data_offset], wanted.data(), sizeof(wanted));
  return done(ioctl_on(o, fd, uapi::iommu_ioas_allow_iovas_request, absl::MakeSpan(bytes)));
}

client_answer vfio_client::imap(operation& o) {
  constexpr uint32_t everything = uapi::iommu_ioas_map_fixed_iova | uapi::iommu_ioas_map_writeable |
                                  uapi::iommu_ioas_map_readable;
  const int fd = descriptor(o, 1);
  uapi::iommu_ioas_map request;
  const uint32_t size = size_of(o, sizeof(request));
  request.size = size;
  request.flags = o.value32_of("flags", everything);
  request.ioas_id = o.value32(2);
  request.reserved = o.value32_of("rsv", 0);
  request.user_va = o.value_of("va", 0);
  request.length = o.value_of("len", 0);
  request.iova = o.value_of("iova", 0);
  const int64_t result = ioctl_on(o, fd, uapi::iommu_ioas_map_request, bytes_of(request));
  name_if(result == 0, o.text("as"), request.iova);
  return done_giving(result, absl::StrFormat("iova=%#x", request.iova));
}

client_answer vfio_client::icopy(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::iommu_ioas_copy request;
  request.size = size_of(o, sizeof(request));
  request.flags = o.value32_of("flags", 0);
  request.dst_ioas_id = o.value32_of("dst", 0);
  request.src_ioas_id = o.value32_of("src", 0);
  request.length = o.value_of("len", 0);
  request.dst_iova = o.value_of("diova", 0);
  request.src_iova = o.value_of("siova", 0);
  const int64_t result = ioctl_on(o, fd, uapi::iommu_ioas_copy_request, bytes_of(request));
  name_if(result == 0, o.text("as"), request.dst_iova);
  return done_giving(result, absl::StrFormat("dst_iova=%#x", request.dst_iova));
}

client_answer vfio_client::iunmap(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::iommu_ioas_unmap request;
  request.size = size_of(o, sizeof(request));
  request.ioas_id = o.value32(2);
  request.iova = o.value_of("iova", 0);
  request.length = o.value_of("len", 0);
  const int64_t result = ioctl_on(o, fd, uapi::iommu_ioas_unmap_request, bytes_of(request));
  return done(result, absl::StrFormat("len=%#x", request.length));
}

client_answer vfio_client::iopt(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::iommu_option request;
  request.size = size_of(o, sizeof(request));
  request.option_id = o.value32(2);
  request.op = static_cast<uint16_t>(o.value_of("op", uapi::iommu_option_op_set));
  request.reserved = static_cast<uint16_t>(o.value_of("rsv", 0));
  request.object_id = o.value32_of("obj", 0);
  request.val64 = o.value_of("val", 0);
  const int64_t result = ioctl_on(o, fd, uapi::iommu_option_request, bytes_of(request));
  return done_giving(result, absl::StrFormat("val=%d", request.val64));
}

client_answer vfio_client::vioas(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::iommu_vfio_ioas request;
  request.size = size_of(o, sizeof(request));
  request.ioas_id = o.value32_of("id", 0);
  request.reserved = static_cast<uint16_t>(o.value_of("rsv", 0));
  const std::string_view op = o.word(2);
  if (op == "get") {
    request.op = uapi::iommu_vfio_ioas_get;
  } else if (op == "set") {
    request.op = uapi::iommu_vfio_ioas_set;
  } else if (op == "clear") {
    request.op = uapi::iommu_vfio_ioas_clear;
  } else {
    request.op = static_cast<uint16_t>(o.value(2));
  }
  const int64_t result = ioctl_on(o, fd, uapi::iommu_vfio_ioas_request, bytes_of(request));
  name_if(result == 0, o.text("as"), request.ioas_id);
  return done_giving(result, absl::StrFormat("id=%d", request.ioas_id));
}

client_answer vfio_client::hwpt(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::iommu_hwpt_alloc request;
  request.size = size_of(o, sizeof(request));
  request.flags = o.value32_of("flags", 0);
  request.dev_id = o.value32_of("dev", 0);
  request.pt_id = o.value32_of("pt", 0);
  request.reserved = o.value32_of("rsv", 0);
  request.data_type = o.value32_of("type", uapi::iommu_hwpt_data_none);
  const bool has_data = request.data_type != uapi::iommu_hwpt_data_none;
  request.data_len = o.value32_of("dlen", has_data ? sizeof(uapi::iommu_hwpt_vtd_s1) : 0);
  request.data_uptr = client_places::data;
  request.fault_id = o.value32_of("fault", 0);
  const int64_t result = ioctl_on(o, fd, uapi::iommu_hwpt_alloc_request, bytes_of(request));
  name_if(result == 0, o.word(2), request.out_hwpt_id);
  return done_giving(result, absl::StrFormat("id=%d", request.out_hwpt_id));
}

client_answer vfio_client::hwinfo(operation& o) {
  constexpr auto untouched = std::byte{0xee};
  constexpr size_t usual_length = sizeof(uapi::iommu_hw_info_vtd);
  constexpr size_t longest = 4096;
  const int fd = descriptor(o, 1);
  uapi::iommu_hw_info request;
  request.size = size_of(o, sizeof(request));
  request.flags = o.value32_of("flags", 0);
  request.dev_id = o.value32(2);
  request.data_len = o.value32_of("dlen", usual_length);
  request.data_uptr = request.data_len == 0 ? 0 : client_places::data;
  if (request.data_len > longest) o.refuse(o.text("dlen"), "more than 4096 bytes");
  std::vector<std::byte> bytes(client_places::data_offset + longest, untouched);
  std::memcpy(bytes.data(), &request, sizeof(request));
  const int64_t result = ioctl_on(o, fd, uapi::iommu_get_hw_info_request, absl::MakeSpan(bytes));
  if (result < 0) return done(result);
  uapi::iommu_hw_info_vtd unit;
  std::memcpy(&request, bytes.data(), sizeof(request));
  std::memcpy(&unit, &bytes[client_places::data_offset], sizeof(unit));
  return done(result,
              absl::StrFormat("type=%d data_len=%d caps=%d pasid_log2=%d vtd{flags=%#x "
                              "cap=%#x ecap=%#x}",
                              request.out_data_type, request.data_len, request.out_capabilities,
                              request.out_max_pasid_log2, unit.flags, unit.cap_reg, unit.ecap_reg));
}

client_answer vfio_client::destroy(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::iommu_destroy request;
  request.size = size_of(o, sizeof(request));
  request.id = o.value32(2);
  return done(ioctl_on(o, fd, uapi::iommu_destroy_request, bytes_of(request)));
}

client_answer vfio_client::dtrack(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::iommu_hwpt_set_dirty_tracking request;
  request.size = size_of(o, sizeof(request));
  request.flags = o.value32_of("flags", 0);
  request.hwpt_id = o.value32(2);
  request.reserved = o.value32_of("rsv", 0);
  return done(ioctl_on(o, fd, uapi::iommu_hwpt_set_dirty_tracking_request, bytes_of(request)));
}

client_answer vfio_client::dbitmap(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::iommu_hwpt_get_dirty_bitmap request;
  request.size = size_of(o, sizeof(request));
  request.hwpt_id = o.value32(2);
  request.flags = o.value32_of("flags", 0);
  request.reserved = o.value32_of("rsv", 0);
  request.iova = o.value_of("iova", 0);
  request.length = o.value_of("len", 0);
  request.page_size = o.value_of("pgsize", page_size);
  request.data = client_places::data;
  return done(ioctl_on(o, fd, uapi::iommu_hwpt_get_dirty_bitmap_request, bytes_of(request)));
}

client_answer vfio_client::invalidate(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::iommu_hwpt_invalidate request;
  request.size = size_of(o, sizeof(request));
  request.hwpt_id = o.value32(2);
  request.data_uptr = client_places::data;
  request.data_type = o.value32_of("type", uapi::iommu_hwpt_invalidate_data_vtd_s1);
  request.entry_len = o.value32_of("len", sizeof(uapi::iommu_hwpt_vtd_s1_invalidate));
  request.entry_num = o.value32_of("n", 1);
  request.reserved = o.value32_of("rsv", 0);
  const int64_t result = ioctl_on(o, fd, uapi::iommu_hwpt_invalidate_request, bytes_of(request));
  return done(result, absl::StrFormat("n=%d", request.entry_num));
}

client_answer vfio_client::faultq(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::iommu_fault_alloc request;
  request.size = size_of(o, sizeof(request));
  request.flags = o.value32_of("flags", 0);
  const int64_t result = ioctl_on(o, fd, uapi::iommu_fault_queue_alloc_request, bytes_of(request));
  name_if(result == 0, o.word(2), request.out_fault_id);
  name_if(result == 0, std::string(o.word(2)) + ".fd", request.out_fault_fd);
  return done_giving(result,
                     absl::StrFormat("id=%d fd=%d", request.out_fault_id, request.out_fault_fd));
}

client_answer vfio_client::raw(operation& o) {
  const int fd = descriptor(o, 1);
  const uint32_t request = o.value32(2);
  const std::string_view hex = o.word(3);
  std::vector<std::byte> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    const auto byte = parse_hex_byte(hex.substr(i, 2));
    if (!byte) break;
    bytes.push_back(static_cast<std::byte>(*byte));
  }
  if (hex.size() % 2 != 0 || bytes.size() * 2 != hex.size() ||
      bytes.size() > client_places::data_offset) {
    o.refuse(hex, "not pairs of hexadecimal digits, up to 8192 of them");
  }
  if (!o.status().ok()) return {};
  const int64_t result = ioctl_on(o, fd, request, absl::MakeSpan(bytes));
  return done(result, absl::StrCat("after=", hex_of(bytes)));
}

}  // namespace iommulab
