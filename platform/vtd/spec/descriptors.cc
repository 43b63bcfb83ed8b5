// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/spec/descriptors.h"

#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "core/enum_names.h"
#include "platform/vtd/spec/pasid_descriptors.h"

namespace iommulab::vtd {
namespace {

std::string_view name(context_granularity granularity) {
  using enum context_granularity;
  static constexpr auto names = enum_names<context_granularity>({
      {none, "reserved"},
      {global, "global"},
      {domain, "domain"},
      {device, "device"},
  });
  return names(granularity);
}

std::string_view name(iotlb_granularity granularity) {
  using enum iotlb_granularity;
  static constexpr auto names = enum_names<iotlb_granularity>({
      {none, "reserved"},
      {global, "global"},
      {domain, "domain"},
      {page, "page"},
  });
  return names(granularity);
}

std::string say(const context_cache_descriptor& d) {
  return absl::StrFormat("context_cache %s domain %u source 0x%04x function mask %u",
                         name(d.granularity), d.domain.value(), d.source, d.function_mask);
}

std::string say(const iotlb_descriptor& d) {
  return absl::StrFormat("iotlb %s domain %u address 0x%x mask %u%s%s%s", name(d.granularity),
                         d.domain.value(), d.address, d.address_mask,
                         d.leaf_hint ? " leaf hint" : "", d.drain_reads ? " drain reads" : "",
                         d.drain_writes ? " drain writes" : "");
}

std::string say(const device_tlb_descriptor& d) {
  return absl::StrFormat("device_tlb source 0x%04x depth %u address 0x%x%s%s", d.source,
                         d.max_pending, d.address, d.size ? " range" : "",
                         d.physical_function == 0
                             ? ""
                             : absl::StrFormat(" physical function 0x%04x", d.physical_function));
}

std::string say(const interrupt_entry_descriptor& d) {
  if (!d.selective) return "interrupt_entry global";
  return absl::StrFormat("interrupt_entry index %u mask %u", d.index, d.index_mask);
}

std::string say(const wait_descriptor& d) {
  std::string text = "wait";
  if (d.status_write) {
    text += absl::StrFormat(" status 0x%x at 0x%x", d.status_data, d.status_address.value());
  }
  if (d.interrupt) text += " interrupt";
  if (d.fence) text += " fence";
  if (d.page_request_drain) text += " page request drain";
  return text;
}

}  // namespace

std::string_view name(descriptor_type type) {
  using enum descriptor_type;
  static constexpr auto names = enum_names<descriptor_type>({
      {context_cache, "context_cache"},
      {iotlb, "iotlb"},
      {device_tlb, "device_tlb"},
      {interrupt_entry, "interrupt_entry"},
      {wait, "wait"},
      {pasid_iotlb, "pasid_iotlb"},
      {pasid_cache, "pasid_cache"},
      {pasid_device_tlb, "pasid_device_tlb"},
  });
  return names(type);
}

std::string to_string(const pasid_cache_descriptor& d) {
  switch (d.granularity) {
    case pasid_cache_granularity::domain:
      return absl::StrFormat("pasid_cache domain %u", d.domain.value());
    case pasid_cache_granularity::pasid:
      return absl::StrFormat("pasid_cache domain %u pasid %u", d.domain.value(), d.pasid);
    case pasid_cache_granularity::global:
      return "pasid_cache global";
    case pasid_cache_granularity::reserved:
      break;
  }
  return "pasid_cache reserved";
}

std::string to_string(const pasid_iotlb_descriptor& d) {
  const std::string of = absl::StrFormat("domain %u pasid %u", d.domain.value(), d.pasid);
  if (d.granularity == pasid_iotlb_granularity::pasid) return "pasid_iotlb all " + of;
  if (d.granularity != pasid_iotlb_granularity::page) return "pasid_iotlb reserved " + of;
  return absl::StrFormat("pasid_iotlb page %s address 0x%x mask %u%s", of, d.address,
                         d.address_mask, d.leaf_hint ? " leaf hint" : "");
}

std::string to_string(const pasid_device_tlb_descriptor& d) {
  return absl::StrFormat(
      "pasid_device_tlb source 0x%04x pasid %u depth %u address 0x%x%s%s%s", d.source, d.pasid,
      d.max_pending, d.address, d.size ? " range" : "", d.global ? " global" : "",
      d.physical_function == 0 ? ""
                               : absl::StrFormat(" physical function 0x%04x", d.physical_function));
}

std::string to_string(descriptor d) {
  switch (d.type()) {
    case descriptor_type::context_cache:
      return say(context_cache_descriptor::decode(d));
    case descriptor_type::iotlb:
      return say(iotlb_descriptor::decode(d));
    case descriptor_type::device_tlb:
      return say(device_tlb_descriptor::decode(d));
    case descriptor_type::interrupt_entry:
      return say(interrupt_entry_descriptor::decode(d));
    case descriptor_type::wait:
      return say(wait_descriptor::decode(d));
    case descriptor_type::pasid_iotlb:
      return to_string(pasid_iotlb_descriptor::decode(d));
    case descriptor_type::pasid_cache:
      return to_string(pasid_cache_descriptor::decode(d));
    case descriptor_type::pasid_device_tlb:
      return to_string(pasid_device_tlb_descriptor::decode(d));
  }
  return absl::StrFormat("unknown type 0x%x", static_cast<unsigned>(d.type()));
}

}  // namespace iommulab::vtd
