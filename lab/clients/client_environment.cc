// SPDX-License-Identifier: GPL-2.0-only
//
// What the client reads and changes beside VFIO: drivers, groups, limits, files of sysfs.
#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/status.h"
#include "lab/clients/client.h"
#include "lab/clients/client_system.h"
#include "lab/clients/group_lines.h"
#include "platform/machine/parse.h"

namespace iommulab {
namespace {

constexpr std::string_view sysfs_root = "/sys/";

std::string driver_or_none(kernel& system, const std::string& device) {
  const std::string driver = driver_of(system, device);
  return driver.empty() ? "-" : driver;
}

}  // namespace

client_answer vfio_client::nothing(operation& /*o*/) {
  return {"ok", {}};
}

client_answer vfio_client::dev(operation& o) {
  devices_.insert_or_assign(std::string(o.word(1)), std::string(o.word(2)));
  const std::string group = group_of(system_.sysfs(), o.word(2));
  return {absl::StrCat("group=", group.empty() ? "-" : group), {}};
}

client_answer vfio_client::bind(operation& o) {
  const std::string device = device_of(o, 1);
  iommulab::device* const found = system_.pci().bus_find_device_by_name(device);
  if (found == nullptr) return done(-ENODEV, "driver=-");
  const absl::Status status = set_driver_override(system_.sysfs(), *found, std::string(o.word(2)));
  return done(status.ok() ? static_cast<int64_t>(device.size()) : -status_errno(status),
              absl::StrCat("driver=", driver_or_none(system_, device)));
}

client_answer vfio_client::unbind(operation& o) {
  const std::string device = device_of(o, 1);
  const std::string driver = driver_of(system_, device);
  if (driver.empty()) return done(-ENOENT);
  const absl::Status status =
      system_.sysfs().write(absl::StrFormat("bus/pci/drivers/%s/unbind", driver), device);
  return done(status.ok() ? static_cast<int64_t>(device.size()) : -status_errno(status));
}

client_answer vfio_client::gtype(operation& o) {
  const std::string group = group_of(system_.sysfs(), device_of(o, 1));
  const std::string path = absl::StrFormat("%s/%s/type", groups_folder, group);
  client_answer answer;
  if (o.places() > 1) {
    const std::string value(o.word(2));
    const absl::Status status = system_.sysfs().write(path, value);
    answer = done(status.ok() ? static_cast<int64_t>(value.size()) : -status_errno(status));
    answer.result += ' ';
  }
  const auto text = system_.sysfs().read(path);
  absl::StrAppend(&answer.result, "type=", text.ok() ? std::string(trimmed(*text)) : "-");
  return answer;
}

client_answer vfio_client::sysfs(operation& /*o*/) {
  return {"ok", group_lines(system_)};
}

client_answer vfio_client::rlimit(operation& o) {
  const uint64_t limit = o.word(1) == "inf" ? rlim_infinity : o.value(1);
  if (!o.status().ok()) return {};
  process_.task().rlimit_memlock = limit;
  return done(0);
}

client_answer vfio_client::cap(operation& o) {
  std::string_view word = o.word(1);
  const bool gives = word.starts_with('+');
  if (!gives && !word.starts_with('-')) o.refuse(word, "neither + nor - before the number");
  if (!o.status().ok()) return {};
  word.remove_prefix(1);
  const uint64_t number = o.evaluate(word);
  if (number >= process_.task().effective.size()) o.refuse(word, "no capability has this number");
  if (!o.status().ok()) return {};
  process_.task().effective.set(number, gives);
  system_.generation().set_writers_capabilities(process_.task().capable(capability::sys_admin),
                                                process_.task().capable(capability::sys_rawio));
  return done(0);
}

client_answer vfio_client::locked(operation& /*o*/) {
  constexpr uint64_t kib_per_page = page_size / 1024;
  return {absl::StrFormat("VmLck=%dkB VmPin=%dkB", mm().locked_vm * kib_per_page,
                          mm().pinned_vm * kib_per_page),
          {}};
}

client_answer vfio_client::cat(operation& o) {
  std::string_view path = o.word(1);
  if (!take_prefix(path, sysfs_root)) o.refuse(path, "not below /sys/");
  if (!o.status().ok()) return {};
  const auto text = system_.sysfs().read(std::string(path));
  if (!text.ok()) return done(-status_errno(text.status()));
  return {std::string(trimmed(*text)), {}};
}

client_answer vfio_client::write_file(operation& o) {
  std::string_view path = o.word(1);
  if (!take_prefix(path, sysfs_root)) o.refuse(path, "not below /sys/");
  if (!o.status().ok()) return {};
  const std::string text(o.word(2));
  const absl::Status status = system_.sysfs().write(std::string(path), text);
  return done(status.ok() ? static_cast<int64_t>(text.size()) : -status_errno(status));
}

}  // namespace iommulab
