// SPDX-License-Identifier: GPL-2.0-only
#include "platform/listing/sysfs_functions.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/pci/registers.h"
#include "core/text_source.h"
#include "platform/machine/parse.h"
#include "platform/pci/config_bytes.h"

namespace iommulab {
namespace {

namespace fs = std::filesystem;

bool holds_functions(const fs::path& folder) {
  std::error_code failed;
  fs::directory_iterator entries(folder, failed);
  if (failed) return false;
  return std::any_of(begin(entries), end(entries), [](const fs::directory_entry& entry) {
    return parse_listed_address(entry.path().filename().string()).has_value();
  });
}

/// Where a link leads, dangling as in a copy or not; a file's text; empty for neither.
std::string named_by(const fs::path& entry) {
  std::error_code failed;
  if (const fs::path target = fs::read_symlink(entry, failed); !failed) {
    return target.filename().string();
  }
  if (!fs::is_regular_file(entry, failed)) return "";
  const auto text = read_text_file(entry.string());
  return text.ok() ? std::string(trimmed(*text)) : std::string();
}

/// The number in a file; nothing where there is no such file.
absl::StatusOr<std::optional<uint16_t>> id_in(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::nullopt;
  const auto text = read_text_file(file.string());
  if (!text.ok()) return text.status();
  const std::string_view digits = trimmed(*text);
  const auto value = parse_number(digits);
  if (!value || *value > 0xffff) {
    return line_error(file.string(), 1, "id", digits, "not a number of 16 bits");
  }
  return static_cast<uint16_t>(*value);
}

/// The id that the file has, or else the bytes. A function whose bytes have none is a virtual one.
absl::Status read_id(const fs::path& folder, const char* name, uint16_t offset, bool has_ids,
                     const listed_function& f, uint16_t& id) {
  const auto told = id_in(folder / name);
  if (!told.ok()) return told.status();
  const auto read = static_cast<uint16_t>(config_get(f.bytes, offset, 2));
  if (told->has_value() && has_ids && **told != read) {
    return line_error((folder / name).string(), 1, name, absl::StrFormat("0x%04x", **told),
                      absl::StrFormat("the bytes of config say 0x%04x", read));
  }
  id = told->value_or(read);
  return absl::OkStatus();
}

absl::StatusOr<listed_function> function_in(const fs::path& folder, const listed_address& address) {
  listed_function f;
  f.file = (folder / "config").string();
  f.domain = address.domain;
  f.bus = address.bus;
  f.devfn = address.devfn;
  const auto bytes = read_text_file(f.file);
  if (!bytes.ok()) return bytes.status();
  f.bytes.assign(bytes->begin(), bytes->end());
  if (f.bytes.size() < config_header_size) {
    return line_error(f.file, 0, "config", absl::StrCat(f.bytes.size(), " bytes"),
                      "64, 256 or 4096 belong here: it is cut");
  }
  f.denied = f.bytes.size() == config_header_size;
  const bool has_ids = config_get(f.bytes, pci_reg::vendor_id, 2) != no_vendor_id;
  absl::Status status = read_id(folder, "vendor", pci_reg::vendor_id, has_ids, f, f.ids.vendor);
  if (status.ok()) {
    status = read_id(folder, "device", pci_reg::device_id, has_ids, f, f.ids.device);
  }
  if (!status.ok()) return status;
  const uint32_t class_revision = config_get(f.bytes, pci_reg::class_revision, 4);
  f.class_code = static_cast<uint16_t>(class_revision >> 16);
  f.prog_if = static_cast<uint8_t>(class_revision >> 8 & 0xff);
  f.revision = static_cast<uint8_t>(class_revision & 0xff);
  f.driver = named_by(folder / "driver");
  f.physical_function = parse_listed_address(named_by(folder / "physfn"));
  const std::string group = named_by(folder / "iommu_group");
  if (group.empty()) return f;
  const auto number = parse_number(group);
  if (!number || *number > 0xffff) {
    return line_error((folder / "iommu_group").string(), 0, "iommu_group", group,
                      "no number of a group");
  }
  f.group = static_cast<unsigned>(*number);
  return f;
}

}  // namespace

std::string sysfs_functions_folder(const std::string& folder) {
  for (const char* inside : {"", "devices", "sys/bus/pci/devices"}) {
    const fs::path path = *inside == '\0' ? fs::path(folder) : fs::path(folder) / inside;
    if (holds_functions(path)) return path.string();
  }
  return "";
}

absl::StatusOr<std::vector<listed_function>> functions_of_sysfs(const std::string& folder) {
  std::error_code failed;
  fs::directory_iterator entries(folder, failed);
  if (failed) {
    return errno_status(failed.value(), absl::StrFormat("%s: %s", folder, failed.message()));
  }
  std::vector<listed_function> functions;
  for (const fs::directory_entry& entry : entries) {
    const auto address = parse_listed_address(entry.path().filename().string());
    if (!address) continue;
    auto function = function_in(entry.path(), *address);
    if (!function.ok()) return function.status();
    functions.push_back(*std::move(function));
  }
  std::sort(functions.begin(), functions.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.domain, a.bus, a.devfn) < std::tuple(b.domain, b.bus, b.devfn);
  });
  return functions;
}

}  // namespace iommulab
