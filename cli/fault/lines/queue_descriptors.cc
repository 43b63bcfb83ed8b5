// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/lines/queue_descriptors.h"

#include <array>

#include "absl/strings/str_format.h"
#include "cli/fault/lines/queue_messages.h"
#include "platform/vtd/spec/descriptors.h"
#include "platform/vtd/spec/field.h"

namespace iommulab {
namespace {

using vtd::field64;

namespace queue_bits {
constexpr field64 type_low{3, 0};
constexpr field64 type_high{11, 9};
constexpr field64 granularity{5, 4};
constexpr field64 domain{31, 16};
constexpr field64 pasid{51, 32};
constexpr field64 address_mask{5, 0};
constexpr field64 page{63, 12};
constexpr field64 low_source{31, 16};  // PASID-based device-TLB, page group response
constexpr field64 response_code{15, 12};
constexpr field64 page_group{11, 3};
}  // namespace queue_bits

namespace queue_type {
enum : uint8_t {
  context_cache = 1,
  iotlb,
  device_tlb,
  interrupt_entry,
  wait,
  pasid_iotlb,
  pasid_cache,
  pasid_device_tlb,
  page_group_response,
};
}  // namespace queue_type

constexpr std::array<std::string_view, 10> queue_type_names = {
    "no descriptor (zeros)",
    "context-cache invalidation",
    "IOTLB invalidation",
    "Device-TLB invalidation",
    "interrupt entry cache invalidation",
    "invalidation wait",
    "PASID-based IOTLB invalidation",
    "PASID-cache invalidation",
    "PASID-based Device-TLB invalidation",
    "page group response",
};

std::string requester(uint64_t id) {
  return to_short_string(source_id::from_requester_id(0, static_cast<uint16_t>(id)));
}

std::string domain_of(uint64_t qw0) {
  return absl::StrFormat("domain %d", queue_bits::domain.get(qw0));
}

std::string pages_of(uint64_t qw1) {
  return absl::StrFormat("address 0x%x, 2^%d pages", qw1 & queue_bits::page.mask(),
                         queue_bits::address_mask.get(qw1));
}

std::string iotlb_fields(uint64_t qw0, uint64_t qw1) {
  switch (queue_bits::granularity.get(qw0)) {
    case 1:
      return "global";
    case 2:
      return domain_of(qw0);
    case 3:
      return domain_of(qw0) + ", " + pages_of(qw1);
    default:
      return "granularity 0, which is reserved";
  }
}

std::string context_fields(uint64_t qw0) {
  switch (queue_bits::granularity.get(qw0)) {
    case 1:
      return "global";
    case 2:
      return domain_of(qw0);
    case 3:
      return domain_of(qw0) + ", device " + requester(vtd::context_cache_descriptor::sid.get(qw0));
    default:
      return "granularity 0, which is reserved";
  }
}

std::string pasid_iotlb_fields(uint64_t qw0, uint64_t qw1) {
  std::string whose = absl::StrFormat("%s, PASID 0x%x", domain_of(qw0), queue_bits::pasid.get(qw0));
  switch (queue_bits::granularity.get(qw0)) {
    case 2:
      return whose;
    case 3:
      return whose + ", " + pages_of(qw1);
    default:
      return whose + absl::StrFormat(", granularity %d, which is reserved",
                                     queue_bits::granularity.get(qw0));
  }
}

std::string pasid_cache_fields(uint64_t qw0) {
  switch (queue_bits::granularity.get(qw0)) {
    case 0:
      return domain_of(qw0);
    case 1:
      return absl::StrFormat("%s, PASID 0x%x", domain_of(qw0), queue_bits::pasid.get(qw0));
    case 3:
      return "global";
    default:
      return "granularity 2, which is reserved";
  }
}

/// A device-TLB invalidation's address says its size by its lowest zero bit, from bit 12 on.
std::string device_range(uint64_t qw1, bool sized) {
  const uint64_t address = qw1 & queue_bits::page.mask();
  if (!sized) return absl::StrFormat("address 0x%x", address);
  unsigned bits = page_shift;
  while (bits < 63 && (address >> bits & 1) != 0) ++bits;
  if (bits >= 63) return "the whole address space";
  const uint64_t size = uint64_t{2} << bits;
  return absl::StrFormat("0x%x bytes from 0x%x", size, address & ~(size - 1));
}

std::string fields_of(uint8_t type, uint64_t qw0, uint64_t qw1) {
  switch (type) {
    case queue_type::context_cache:
      return context_fields(qw0);
    case queue_type::iotlb:
      return iotlb_fields(qw0, qw1);
    case queue_type::device_tlb:
      return "of " + requester(vtd::device_tlb_descriptor::sid.get(qw0)) + ", " +
             device_range(qw1, vtd::device_tlb_descriptor::s.test(qw1));
    case queue_type::interrupt_entry: {
      using d = vtd::interrupt_entry_descriptor;
      if (!d::g.test(qw0)) return "global";
      return absl::StrFormat("index 0x%x, 2^%d entries", d::iidx.get(qw0), d::im.get(qw0));
    }
    case queue_type::wait: {
      using d = vtd::wait_descriptor;
      if (!d::sw.test(qw0)) return d::if_.test(qw0) ? "interrupts" : "";
      return absl::StrFormat("writes %d to 0x%x", d::data.get(qw0), qw1 & d::addr.mask());
    }
    case queue_type::pasid_iotlb:
      return pasid_iotlb_fields(qw0, qw1);
    case queue_type::pasid_cache:
      return pasid_cache_fields(qw0);
    case queue_type::pasid_device_tlb: {
      constexpr field64 size{11};
      return absl::StrFormat("of %s, PASID 0x%x, %s", requester(queue_bits::low_source.get(qw0)),
                             queue_bits::pasid.get(qw0), device_range(qw1, size.test(qw1)));
    }
    case queue_type::page_group_response:
      return absl::StrFormat("to %s, PASID 0x%x, group %d, code %d",
                             requester(queue_bits::low_source.get(qw0)), queue_bits::pasid.get(qw0),
                             queue_bits::page_group.get(qw1), queue_bits::response_code.get(qw0));
    default:
      return "";
  }
}

}  // namespace

std::optional<uint16_t> addressed_device(const queue_descriptor& descriptor) {
  const uint64_t qw0 = descriptor.words[0];
  switch (queue_bits::type_low.get(qw0)) {
    case queue_type::device_tlb:
      return static_cast<uint16_t>(vtd::device_tlb_descriptor::sid.get(qw0));
    case queue_type::pasid_device_tlb:
    case queue_type::page_group_response:
      return static_cast<uint16_t>(queue_bits::low_source.get(qw0));
    default:
      return std::nullopt;
  }
}

std::string descriptor_text(const queue_descriptor& descriptor) {
  const uint64_t qw0 = descriptor.words[0];
  const uint64_t qw1 = descriptor.words[1];
  if ((qw0 & qw1) == ~uint64_t{0}) return "all ones: memory or registers that are not there";
  const auto type = static_cast<uint8_t>(queue_bits::type_low.get(qw0));
  if (type >= queue_type_names.size())
    return absl::StrFormat("type %d, which is not defined", type);
  std::string text(queue_type_names[type]);
  if (type == 0) return text;
  text += absl::StrFormat(" (type %d)", type);
  const std::string fields = fields_of(type, qw0, qw1);
  if (fields.starts_with("of ") || fields.starts_with("to ")) {
    text += " " + fields;
  } else if (!fields.empty()) {
    text += ": " + fields;
  }
  if (queue_bits::type_high.get(qw0) != 0) {
    text += absl::StrFormat(
        "; bits 11:9, which are part of the type and 0 in every type of the "
        "specification, are %d",
        queue_bits::type_high.get(qw0));
  }
  return text;
}

}  // namespace iommulab
