// SPDX-License-Identifier: GPL-2.0-only
#include "cli/machines/pci_names.h"

#include <cerrno>

#ifdef IOMMULAB_LIBPCI
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

extern "C" {
#include <pci/pci.h>
}

#include "absl/strings/str_format.h"
#include "platform/machine/parse.h"
#endif

namespace iommulab {

#ifdef IOMMULAB_LIBPCI
namespace {

constexpr size_t longest_name = 256;

/// What libpci has to say before it gives up; it must not be returned to.
struct list_error {
  std::string what;
};

// The attribute belongs to the type of libpci's pointer, which clang does not take [[noreturn]]
// for.
__attribute__((noreturn)) void raise(char* format, ...) {
  std::array<char, longest_name> text{};
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text.data(), text.size(), format, arguments);
  va_end(arguments);
  throw list_error{text.data()};
}

void pass_over(char* /*format*/, ...) {}

std::string looked_up(pci_access* access, int what, int first, int second) {
  if (access == nullptr) return "";
  std::array<char, longest_name> buffer{};
  constexpr int from_the_list = PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB;
  const char* name = pci_lookup_name(access, buffer.data(), static_cast<int>(buffer.size()),
                                     what | from_the_list, first, second);
  return name == nullptr ? "" : name;
}

}  // namespace

absl::StatusOr<pci_names> pci_names::open(const std::string& file) {
  std::error_code ignored;
  if (!file.empty() && !std::filesystem::is_regular_file(file, ignored)) {
    return errno_status(ENOENT, absl::StrFormat("%s: is no regular file, or not there", file));
  }
  pci_names names;
  names.access_.reset(pci_alloc());
  pci_access* const access = names.access_.get();
  access->error = raise;
  access->warning = pass_over;
  access->debug = pass_over;
  access->id_lookup_mode = 0;  // no names that some program fetched from the network before
  if (!file.empty()) pci_set_name_list_path(access, strdup(file.c_str()), 1);
  try {
    pci_load_name_list(access);
  } catch (const list_error& error) {
    return errno_status(EINVAL,
                        absl::StrFormat("%s: no list of names: %s", file.empty() ? "pci.ids" : file,
                                        trimmed(error.what)));
  }
  return names;
}

std::string pci_names::device(uint16_t vendor, uint16_t device) const {
  const std::string maker = looked_up(access_.get(), PCI_LOOKUP_VENDOR, vendor, 0);
  if (maker.empty()) return "";
  const std::string model = looked_up(access_.get(), PCI_LOOKUP_DEVICE, vendor, device);
  return maker + " " + (model.empty() ? "Device" : model);
}

std::string pci_names::type(uint16_t class_code) const {
  const std::string name = looked_up(access_.get(), PCI_LOOKUP_CLASS, class_code, 0);
  // "Unassigned class [ff00]" has the number in it.
  return std::string(trimmed(std::string_view(name).substr(0, name.find('['))));
}

void pci_names::release::operator()(pci_access* access) const {
  pci_free_name_list(access);
  pci_cleanup(access);
}
#else
absl::StatusOr<pci_names> pci_names::open(const std::string& file) {
  if (file.empty()) return pci_names();
  return errno_status(ENOTSUP, file + ": this program was built without libpci, which reads names");
}

std::string pci_names::device(uint16_t /*vendor*/, uint16_t /*device*/) const {
  return "";
}
std::string pci_names::type(uint16_t /*class_code*/) const {
  return "";
}
void pci_names::release::operator()(pci_access* /*access*/) const {}
#endif

}  // namespace iommulab
