// SPDX-License-Identifier: GPL-2.0-only
#include "platform/listing/machine_files.h"

#include <fcntl.h>
#include <sys/klog.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <initializer_list>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "platform/firmware/acpi_dump.h"
#include "platform/firmware/acpi_table.h"
#include "platform/listing/sysfs_functions.h"

namespace iommulab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view dmar_signature = "DMAR";
constexpr std::array<const char*, 4> table_folders = {
    "tables/", "acpi/tables/", "firmware/acpi/tables/", "sys/firmware/acpi/tables/"};
constexpr std::array<const char*, 2> dumps = {"acpidump.txt", "acpi.txt"};

// syslog(2)
constexpr int syslog_action_read_all = 3;
constexpr int syslog_action_size_buffer = 10;

std::string first_of(const std::string& folder, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    std::string path = absl::StrCat(folder, "/", name);
    if (source_exists(path)) return path;
  }
  return "";
}

/// The log of the running kernel, which it may keep to itself.
std::optional<text_source> read_kernel_log() {
  const int size = klogctl(syslog_action_size_buffer, nullptr, 0);
  if (size <= 0) return std::nullopt;
  std::string text(static_cast<size_t>(size), '\0');
  const int read = klogctl(syslog_action_read_all, text.data(), size);
  if (read <= 0) return std::nullopt;
  text.resize(static_cast<size_t>(read));
  return text_source{"the kernel's log", std::move(text)};
}

/// `path` or the packed file of that name; empty for neither.
std::string found_at(std::string path) {
  std::error_code ignored;
  if (fs::exists(path, ignored)) return path;
  path += ".xz";
  return fs::exists(path, ignored) ? path : "";
}

bool dump_has(const std::string& path, std::string_view signature) {
  const auto text = read_text_file(path);
  if (!text.ok() || !is_text(*text)) return false;
  const std::string begin = absl::StrFormat("%s @ ", signature);
  return text->starts_with(begin) || text->find("\n" + begin) != std::string::npos;
}

}  // namespace

std::string machine_files::table(std::string_view signature) const {
  if (signature == dmar_signature) {
    for (const char* file : {"DMAR.bin", "DMAR"}) {
      std::string path = found_at(absl::StrCat(folder, "/", file));
      if (!path.empty()) return path;
    }
  }
  for (const char* inside : table_folders) {
    std::string path = found_at(absl::StrFormat("%s/%s%s", folder, inside, signature));
    if (!path.empty()) return path;
  }
  for (const char* dump : dumps) {
    std::string path = found_at(absl::StrCat(folder, "/", dump));
    if (!path.empty() && dump_has(path, signature)) return path;
  }
  return "";
}

absl::StatusOr<std::vector<uint8_t>> machine_files::read_table(std::string_view signature) const {
  if (hides_table(signature)) return std::vector<uint8_t>();
  const std::string path = table(signature);
  if (path.empty()) return std::vector<uint8_t>();
  return read_table_file(path, signature);
}

bool machine_files::hides_table(std::string_view signature) const {
  const std::string path = table(signature);
  return !path.empty() && ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0 &&
         errno == EACCES;
}

absl::StatusOr<std::optional<text_source>> machine_files::read_log() const {
  if (kernel_log) return kernel_log;
  if (log.empty()) return std::nullopt;
  auto source = read_source(log);
  if (!source.ok()) return source.status();
  return std::optional(*std::move(source));
}

machine_files files_of_folder(const std::string& folder) {
  machine_files files;
  fs::path path(folder);
  if (!path.has_filename()) path = path.parent_path();
  files.name = path.filename().string();
  files.folder = folder == "/" ? "" : folder;  // paths below it begin with "/"
  const std::string& base = files.folder;
  files.listing = first_of(base, {"lspci.txt"});
  files.pci = sysfs_functions_folder(folder);
  files.units = first_of(base, {"sys/class/iommu", "class/iommu"});
  files.log = first_of(base, {"dmesg.txt", "dmesg-iommu.txt", "dmesg"});
  files.iomem = first_of(base, {"iomem", "proc/iomem"});
  files.cmdline = first_of(base, {"cmdline", "proc/cmdline"});
  files.groups = first_of(base, {"groups.tsv"});
  files.release = first_of(base, {"osrelease", "proc/sys/kernel/osrelease", "meta.txt"});
  files.dmi = first_of(base, {"sys/class/dmi/id", "class/dmi/id"});
  return files;
}

machine_files files_of_this_computer() {
  machine_files files = files_of_folder("/");
  files.name = "live";
  files.is_live = true;
  files.listing.clear();  // what happens to lie there is not the computer
  files.log.clear();
  files.groups.clear();
  files.kernel_log = read_kernel_log();
  return files;
}

bool is_machine_folder(const std::string& folder) {
  if (source_exists(absl::StrCat(folder, "/pci.txt"))) return false;
  return source_exists(absl::StrCat(folder, "/lspci.txt")) ||
         !sysfs_functions_folder(folder).empty();
}

}  // namespace iommulab
