// SPDX-License-Identifier: GPL-2.0-only
#include "core/acpi/acpi_bus.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

constexpr char root_prefix = '\\';
constexpr char parent_prefix = '^';
constexpr char path_separator = '.';
constexpr size_t segment_length = 4;

/// The name as the interpreter keeps it: segments of four capitals, from the root. Nothing for one
/// that names nothing, such as one with a longer segment, or a parent of the root.
std::optional<std::string> internal_name(std::string_view pathname) {
  if (pathname.empty() || pathname.front() == parent_prefix) return std::nullopt;
  pathname.remove_prefix(std::min(pathname.find_first_not_of(root_prefix), pathname.size()));
  if (pathname.empty()) return std::string();
  std::string name;
  size_t in_segment = 0;
  const auto fill_segment = [&] {
    name.append(segment_length - in_segment, '_');
    in_segment = 0;
  };
  for (const char c : pathname) {
    if (c == path_separator) {
      fill_segment();
      continue;
    }
    if (in_segment == segment_length) return std::nullopt;
    name += absl::ascii_toupper(static_cast<unsigned char>(c));
    ++in_segment;
  }
  fill_segment();
  return name;
}

/// What the kernel calls the id of a device; those without an id of their own are given one.
/// Linux v4.4 drivers/acpi/scan.c: acpi_set_pnp_ids(), acpi_device_hid()
std::string acpi_device_hid(const acpi_object& object) {
  if (object.type == acpi_object::kind::processor) return "LNXCPU";
  if (!object.hardware_id.empty()) return object.hardware_id;
  const std::optional<std::string> name = internal_name(object.path);
  if (name == "") return "LNXSYSTM";
  if (name == "_SB_" || name == "_TZ_") return "LNXSYBUS";
  return "device";
}

}  // namespace

acpi_bus::acpi_bus(absl::Span<const acpi_object> objects) {
  for (const acpi_object& object : objects) {
    const std::optional<std::string> name = internal_name(object.path);
    if (!name) continue;
    names_.emplace(*name, &object);
    if (object.type != acpi_object::kind::other) acpi_device_add(object);
  }
}

void acpi_bus::acpi_device_add(const acpi_object& object) {
  const std::string hid = acpi_device_hid(object);
  auto made = std::make_unique<acpi_device>(acpi_device{object, {}, {}});
  made->dev.name = absl::StrFormat("%s:%02x", hid, instances_[hid]++);
  made->dev.acpi = made.get();
  if (object.function) functions_.emplace(*object.function, made.get());
  if (object.root_bus) root_bridges_.emplace(*object.root_bus, made.get());
  devices_.emplace(&object, std::move(made));
}

acpi_bus::handle acpi_bus::acpi_get_handle(std::string_view pathname) const {
  const std::optional<std::string> name = internal_name(pathname);
  if (!name) return nullptr;
  const auto found = names_.find(*name);
  return found == names_.end() ? nullptr : found->second;
}

acpi_device* acpi_bus::acpi_bus_get_device(handle object) const {
  const auto found = devices_.find(object);
  return found == devices_.end() ? nullptr : found->second.get();
}

void acpi_bus::acpi_bind_one(device& dev, acpi_device& companion) {
  dev.companion = &companion;
  companion.physical_nodes.push_back(&dev);
}

acpi_device* acpi_bus::find_root_bridge(source_id root_bus) const {
  const auto found = root_bridges_.find(root_bus);
  return found == root_bridges_.end() ? nullptr : found->second;
}

acpi_device* acpi_bus::find_companion(source_id function) const {
  const auto found = functions_.find(function);
  return found == functions_.end() ? nullptr : found->second;
}

}  // namespace iommulab
