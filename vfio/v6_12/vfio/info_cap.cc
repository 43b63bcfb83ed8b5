// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/v6_12/vfio/info_cap.h"

#include <cstring>

namespace iommulab::v6_12 {
namespace {

using cap_header = uapi::vfio_info_cap_header;

cap_header header_at(const vfio_info_cap& caps, size_t at) {
  cap_header header;
  std::memcpy(&header, caps.buf.data() + at, sizeof(header));
  return header;
}
void set_header(vfio_info_cap& caps, size_t at, const cap_header& header) {
  std::memcpy(caps.buf.data() + at, &header, sizeof(header));
}

uint64_t bytes_of_one(uint32_t data_type, bool& is_known) {
  is_known = true;
  if (data_type == uapi::vfio_irq_set_data_none) return 0;
  if (data_type == uapi::vfio_irq_set_data_bool) return sizeof(uint8_t);
  if (data_type == uapi::vfio_irq_set_data_eventfd) return sizeof(int32_t);
  is_known = false;
  return 0;
}

}  // namespace

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_info_cap_add()
std::optional<size_t> vfio_info_cap_add(vfio_module& module, vfio_info_cap& caps, size_t size,
                                        uint16_t id, uint16_t version) {
  IOMMULAB_CALL(module.env.trace, "vfio_info_cap_add", {"size", size}, {"id", id},
                {"version", version});
  size = (size + sizeof(uint64_t) - 1) & ~(sizeof(uint64_t) - 1);
  slab_token grown(module.slab);
  if (!grown) {
    caps = vfio_info_cap();
    return this_call.result(std::optional<size_t>(), -ENOMEM);
  }
  caps.memory = std::move(grown);
  const size_t at = caps.buf.size();
  caps.buf.resize(at + size);
  set_header(caps, at, {.id = id, .version = version});
  // The last one so far names it. The first names itself, which is no offset yet.
  size_t last = 0;
  while (header_at(caps, last).next != 0) last = header_at(caps, last).next;
  cap_header before = header_at(caps, last);
  before.next = static_cast<uint32_t>(at);
  set_header(caps, last, before);
  return this_call.result(std::optional<size_t>(at));
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_info_cap_shift()
void vfio_info_cap_shift(vfio_module& module, vfio_info_cap& caps, uint32_t offset) {
  IOMMULAB_CALL(module.env.trace, "vfio_info_cap_shift", {"offset", offset});
  size_t at = 0;
  for (cap_header header = header_at(caps, at); header.next != 0; header = header_at(caps, at)) {
    const uint32_t next = header.next;
    header.next += offset;
    set_header(caps, at, header);
    at = next;
  }
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_info_add_capability()
int vfio_info_add_capability(vfio_module& module, vfio_info_cap& caps,
                             absl::Span<const std::byte> cap) {
  IOMMULAB_CALL(module.env.trace, "vfio_info_add_capability", {"size", cap.size()});
  cap_header header;
  std::memcpy(&header, cap.data(), sizeof(header));
  const std::optional<size_t> at =
      vfio_info_cap_add(module, caps, cap.size(), header.id, header.version);
  if (!at) return this_call.result(-ENOMEM);
  const absl::Span<const std::byte> rest = cap.subspan(sizeof(header));
  std::memcpy(caps.buf.data() + *at + sizeof(header), rest.data(), rest.size());
  return this_call.result(0);
}

// Linux v6.12 drivers/vfio/vfio_main.c: vfio_set_irqs_validate_and_prepare()
int vfio_set_irqs_validate_and_prepare(vfio_module& module, const uapi::vfio_irq_set& hdr,
                                       int num_irqs, uint32_t max_irq_type, uint64_t* data_size) {
  IOMMULAB_CALL(module.env.trace, "vfio_set_irqs_validate_and_prepare", {"num_irqs", num_irqs},
                {"max_irq_type", max_irq_type});
  constexpr uint32_t known =
      uapi::vfio_irq_set_data_type_mask | uapi::vfio_irq_set_action_type_mask;
  if (hdr.argsz < sizeof(hdr) || hdr.index >= max_irq_type || hdr.count >= UINT32_MAX - hdr.start ||
      (hdr.flags & ~known) != 0) {
    return this_call.result(-EINVAL);
  }
  if (data_size != nullptr) *data_size = 0;
  const auto irqs = static_cast<uint32_t>(num_irqs);
  if (hdr.start >= irqs || hdr.start + hdr.count > irqs) return this_call.result(-EINVAL);
  bool is_known = false;
  const uint64_t size = bytes_of_one(hdr.flags & uapi::vfio_irq_set_data_type_mask, is_known);
  if (!is_known) return this_call.result(-EINVAL);
  if (size == 0) return this_call.result(0);
  if (hdr.argsz - sizeof(hdr) < hdr.count * size || data_size == nullptr) {
    return this_call.result(-EINVAL);
  }
  *data_size = hdr.count * size;
  return this_call.result(0);
}

}  // namespace iommulab::v6_12
