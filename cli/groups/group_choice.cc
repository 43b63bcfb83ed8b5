// SPDX-License-Identifier: GPL-2.0-only
#include "cli/groups/group_choice.h"

#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/machines/class_names.h"
#include "cli/machines/machine_choice.h"
#include "core/number.h"
#include "core/pci/registers.h"
#include "core/text_source.h"
#include "platform/firmware/dmar_table.h"
#include "platform/listing/listed_machine.h"
#include "platform/listing/machine_folder.h"
#include "platform/machine/builtin.h"
#include "platform/machine/parse.h"

namespace iommulab {
namespace {

namespace fs = std::filesystem;

uint32_t config_word(const pci_function_config& f, size_t at, size_t bytes) {
  uint32_t word = 0;
  for (size_t i = bytes; i > 0; --i) word = word << 8 | f.config[at + i - 1];
  return word;
}

/// As lspci -nn has it.
std::string title_of(const pci_function_config& f, const pci_names& names) {
  const uint32_t class_code = config_word(f, pci_reg::class_revision, 4) >> 8;
  const auto type = static_cast<uint16_t>(class_code >> 8);
  const auto vendor = static_cast<uint16_t>(config_word(f, pci_reg::vendor_id, 2));
  const auto device = static_cast<uint16_t>(config_word(f, pci_reg::device_id, 2));
  std::string type_name = names.type(type);
  if (type_name.empty()) type_name = pci_class_name(class_code);
  std::string name = names.device(vendor, device);
  if (!name.empty()) name += ' ';
  return absl::StrFormat("%s [%04x]: %s[%04x:%04x] (rev %02x)", type_name, type, name, vendor,
                         device, config_word(f, pci_reg::class_revision, 1));
}

/// Of a listing with numbers alone, or none, what the names say.
bool has_names(const listed_function& f) {
  return f.title.find('[') != std::string::npos;
}

groups_subject subject_of(listed_machine listing, const pci_names& names) {
  groups_subject subject;
  subject.is_found = true;
  for (size_t i = 0; i < listing.functions.size(); ++i) {
    const source_id id = listing.functions[i].id;
    const listed_function& listed = listing.listed[i];
    subject.titles[id] = has_names(listed) ? listed.title : title_of(listing.functions[i], names);
    if (listing.listed[i].group) subject.recorded[id] = *listing.listed[i].group;
  }
  for (const virtual_function& f : listing.virtual_functions) {
    const source_id id = f.function.id;
    subject.titles[id] = has_names(f.listed) ? f.listed.title : title_of(f.function, names);
    if (f.listed.group) subject.recorded[id] = *f.listed.group;
  }
  subject.machine = {std::move(listing.roots),
                     std::move(listing.functions),
                     std::move(listing.virtual_functions),
                     std::move(listing.volumes),
                     {}};
  subject.wide_domains = std::move(listing.wide_domains);
  subject.assumed = std::move(listing.assumed);
  return subject;
}

groups_subject subject_of(machine_config machine, const pci_names& names) {
  groups_subject subject;
  for (const pci_function_config& f : machine.pci_functions) {
    subject.titles[f.id] = title_of(f, names);
  }
  subject.machine = {std::move(machine.pci_roots),
                     std::move(machine.pci_functions),
                     {},
                     {},
                     std::move(machine.dmar_table)};
  return subject;
}

absl::StatusOr<groups_subject> listed_subject(const std::string& file, const pci_names& names) {
  const auto source = read_source(file);
  if (!source.ok()) return source.status();
  auto listing = machine_of_listing(*source);
  if (!listing.ok()) return listing.status();
  return subject_of(*std::move(listing), names);
}

absl::StatusOr<groups_subject> found_subject(const machine_files& files, bool has_own_table,
                                             const pci_names& names) {
  auto listing = functions_of(files);
  if (!listing.ok()) return listing.status();
  groups_subject subject = subject_of(*std::move(listing), names);
  subject.release = release_of(files);
  if (has_own_table) {
    auto table = dmar_table_of(files);
    if (!table.ok()) return table.status();
    subject.machine.dmar_table = *std::move(table);
  }
  return subject;
}

absl::StatusOr<groups_subject> named_subject(const std::string& name, bool has_own_table,
                                             const pci_names& names) {
  if (const auto files = found_files(name)) return found_subject(*files, has_own_table, names);
  std::error_code ignored;
  const bool is_file =
      !builtin_machine(name) && fs::exists(name, ignored) && !fs::is_directory(name, ignored);
  if (is_descriptor(name) || is_file) return listed_subject(name, names);
  auto machine = choose_machine(name);
  if (!machine.ok()) return machine.status();
  return subject_of(*std::move(machine), names);
}

}  // namespace

std::string groups_subject::address(source_id id) const {
  const auto wide = wide_domains.find(id.segment);
  const uint32_t domain = wide == wide_domains.end() ? id.segment : wide->second;
  const std::string slot = absl::StrFormat("%02x:%02x.%d", id.bus, id.devfn >> 3, id.devfn & 7);
  return domain == 0 ? slot : absl::StrFormat("%04x:%s", domain, slot);
}

std::string groups_subject::title(source_id id) const {
  const auto found = titles.find(id);
  return found == titles.end() ? std::string() : found->second;
}

std::optional<source_id> groups_subject::find(std::string_view wanted) const {
  if (take_prefix(wanted, "0000:") && wanted.size() != 7) return std::nullopt;
  for (const auto& [id, title] : titles) {
    if (address(id) == wanted) return id;
  }
  return std::nullopt;
}

absl::StatusOr<groups_subject> choose_groups_subject(const std::string& name,
                                                     const std::string& dmar_file,
                                                     const pci_names& names) {
  auto subject = named_subject(name, dmar_file.empty(), names);
  if (!subject.ok() || dmar_file.empty()) return subject;
  auto table = read_whole_dmar_file(dmar_file);
  if (!table.ok()) return table.status();
  subject->machine.dmar_table = *std::move(table);
  return subject;
}

absl::StatusOr<pci_release> choose_release(std::string_view text) {
  std::string_view rest = text;
  const char separator = take_prefix(rest, "v") ? '_' : '.';
  const std::vector<std::string_view> parts = split_at(rest, separator);
  const auto number = [&](size_t i) {
    return i < parts.size() ? parse_number(parts[i]) : std::nullopt;
  };
  const auto major = number(0);
  const auto minor = number(1);
  if (!major || !minor || *major > 99 || *minor > 99) {
    return errno_status(EINVAL, absl::StrFormat("kernel is %s: no release of Linux (6.12, v6_12, "
                                                "5.11)",
                                                quoted(text)));
  }
  const pci_release release{static_cast<uint16_t>(*major), static_cast<uint16_t>(*minor)};
  if (release < pci_release{4, 4}) {
    return errno_status(
        EINVAL, absl::StrFormat("kernel is %s: releases before 4.4 are not known", quoted(text)));
  }
  const bool is_ported_stable = release == pci_release{6, 1} || release == pci_release{6, 12};
  return is_ported_stable ? newest_pci_release : release;
}

}  // namespace iommulab
