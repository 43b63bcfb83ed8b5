// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/vfio_player.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/pci/registers.h"
#include "core/text_source.h"
#include "lab/clients/client_places.h"
#include "lab/replay/api_player.h"
#include "platform/machine/parse.h"
#include "vfio/module_options.h"
#include "vfio/process/uaccess.h"
#include "vfio/uapi/vfio.h"

namespace iommulab::verify {
namespace {

constexpr const char* driver_name = "vfio-pci";
/// What the bus tells its listeners is heard by this one first.
constexpr std::string_view first_listener = "iommu_bus_notifier";
constexpr int first_descriptor = 3;

constexpr uint64_t largest_mapping = uint64_t{1} << 36;

/// What the client switches on.
constexpr uint16_t command_bits = mask_of(pci_reg::command_memory, pci_reg::command_bus_master);

/// Memory that the device reads holds these bytes, so that it shows where they went.
std::byte pattern(uint64_t i) {
  constexpr uint64_t step = 7;
  return static_cast<std::byte>(i * step + 1);
}

/// VFIO tries two pages at address 0, and unmaps them again.
bool is_trial(absl::Span<const vfio_call> calls, size_t at) {
  return calls[at].iova == dma_addr(0) && calls[at].size == 2 * page_size &&
         at + 1 < calls.size() && calls[at + 1].name == "iommu_unmap" &&
         calls[at + 1].iova == dma_addr(0);
}

}  // namespace

vfio_player::vfio_player(kernel& system, std::vector<edu_transfer> transfers,
                         replay_differences& differences)
    : system_(system),
      differences_(differences),
      transfers_(std::move(transfers)),
      process_(system, first_descriptor) {}

// ---- What the recording says

absl::Status vfio_player::find_device() {
  const auto attach = std::find_if(calls_.begin(), calls_.end(),
                                   [](const vfio_call& c) { return !c.device.empty(); });
  if (attach == calls_.end()) {
    return line_error(differences_.file(), 0, "device", "",
                      "nothing in the tree says which one VFIO took");
  }
  dev_ = system_.pci().bus_find_device_by_name(attach->device);
  const auto slot = parse_pci_address(attach->device);
  if (slot && dev_ != nullptr) {
    edu_ = system_.endpoints().find<edu>(*slot);
    return absl::OkStatus();
  }
  if (!slot || !machine_has(system_, attach->device)) {
    return line_error(differences_.file(), attach->line, "device", attach->device,
                      "the machine has no such function");
  }
  is_absent_ = true;
  differences_.add(attach->line, absl::StrFormat("%s() of %s", attach->name, attach->device),
                   "the bus has no such device");
  return absl::OkStatus();
}

absl::Status vfio_player::start() {
  if (absl::Status status = find_device(); !status.ok() || is_absent_) return status;
  return system_.load_vfio({});
}

/// Runs that lie side by side with the same permissions are what one call mapped.
absl::Status vfio_player::read_mappings() {
  for (size_t i = 0; i < calls_.size(); ++i) {
    const vfio_call& call = calls_[i];
    if (call.name != "iommu_map" || is_trial(calls_, i)) continue;
    if (call.size > largest_mapping || (call.size & ~page_mask) != 0) {
      return line_error(differences_.file(), call.line, "call", call.name,
                        "it maps what no client did");
    }
    const uint64_t iova = call.iova.value();
    mapping* last = mappings_.empty() ? nullptr : &mappings_.back();
    if (last == nullptr || iova != last->iova + last->size || call.prot != last->prot) {
      const uint64_t vaddr =
          client_places::first_block + mappings_.size() * client_places::between_blocks;
      last = &mappings_.emplace_back(
          mapping{.iova = iova, .prot = call.prot, .vaddr = vaddr, .last_call = i});
    }
    last->size += call.size;
    last->last_call = i;
    for (uint64_t at = 0; at < call.size; at += page_size) {
      last->pages.push_back(call.phys + at);
    }
  }
  return absl::OkStatus();
}

/// Pages that the kernel got meanwhile, in order; none where no tree of the run says so.
void vfio_player::replay_pages() {
  const bool is_known = std::any_of(calls_.begin(), calls_.end(),
                                    [](const vfio_call& c) { return !c.pages.empty(); });
  std::vector<phys_addr> pages;
  for (size_t i = 0; is_known && i < calls_.size(); ++i) {
    if (calls_[i].name == "iommu_map" && is_trial(calls_, i)) pages.push_back(calls_[i].phys);
    pages.insert(pages.end(), calls_[i].pages.begin(), calls_[i].pages.end());
  }
  system_.pages().replay(std::move(pages), after_replay::choose);
}

absl::Status vfio_player::play(absl::Span<const vfio_call> calls) {
  calls_ = calls;
  if (is_absent_) return absl::OkStatus();
  if (dev_ == nullptr) {
    if (absl::Status status = start(); !status.ok() || is_absent_) return status;
  }
  const size_t known = mappings_.size();
  if (absl::Status status = read_mappings(); !status.ok()) return status;
  if (mappings_.size() > known && is_bound_) {
    return line_error(differences_.file(), calls_.front().line, "call", calls_.front().name,
                      "the client maps nothing any more");
  }
  replay_pages();
  for (size_t at = 0; at < calls_.size() && !is_absent_; ++at) perform(at);
  system_.pages().replay({}, after_replay::choose);
  return absl::OkStatus();
}

/// What made the kernel make this call, unless it was made already; `at` goes on to the last call
/// of the same cause that has to be passed over.
void vfio_player::perform(size_t& at) {
  const vfio_call& call = calls_[at];
  if (call.name == first_listener && !is_bound_) {
    bind(call);
  } else if (call.name == first_listener && is_closed_ && !dev_->driver.empty()) {
    system_.sysfs()
        .write(absl::StrCat("bus/pci/drivers/", driver_name, "/unbind"), dev_->name)
        .IgnoreError();
  } else if (call.name == "iommu_domain_alloc" && container_ < 0) {
    open_all();
  } else if (call.name == "iommu_map" && !is_trial(calls_, at)) {
    const mapping* const m = mapping_at(call.iova.value());
    if (m != nullptr && device_ >= 0) map(*m);
    if (m != nullptr) at = m->last_call;
  } else if (call.name == "dmar_fault") {
    fault();
  } else if (call.name == "iommu_unmap" && !is_closed_) {
    const mapping* const m = mapping_at(call.iova.value());
    if (m != nullptr && m->iova == call.iova.value()) unmap(*m);
  } else if (call.name == "iommu_detach_group" && !is_closed_) {
    close_all();
  }
}

// ---- What the client does

void vfio_player::say(std::string text) {
  lines_.push_back({lines_.size() + 1, std::move(text)});
}

void vfio_player::say_call(std::string_view call, int64_t ret) {
  say(absl::StrFormat("ioctl(%s) = %d errno=%d", call, ret < 0 ? -1 : ret, ret < 0 ? -ret : 0));
}

void vfio_player::bind(const vfio_call& call) {
  is_bound_ = true;
  sysfs_tree& sysfs = system_.sysfs();
  sysfs.write(dev_->sysfs_path + "/driver_override", driver_name).IgnoreError();
  sysfs.write("bus/pci/drivers_probe", dev_->name).IgnoreError();
  if (dev_->driver != driver_name || dev_->group == nullptr) {
    is_absent_ = true;
    differences_.add(call.line, absl::StrFormat("%s()", call.name),
                     absl::StrFormat("%s does not take the device", driver_name));
    return;
  }
  say(absl::StrFormat("group %d driver %s", dev_->group->id, dev_->driver));
}

void vfio_player::open_all() {
  container_ = process_.open("/dev/vfio/vfio");
  group_ = process_.open(absl::StrCat("/dev/vfio/", dev_->group->id));
  say(absl::StrFormat("container %d group %d", container_, group_));
  uapi::vfio_group_status st{.argsz = sizeof(st)};
  say_call("g,VFIO_GROUP_GET_STATUS,&st",
           process_.ioctl_on(group_, uapi::vfio_group_get_status, bytes_of(st)));
  say(absl::StrFormat("flags 0x%x", st.flags));
  int32_t ct = container_;
  say_call("g,VFIO_GROUP_SET_CONTAINER,&ct",
           process_.ioctl_on(group_, uapi::vfio_group_set_container, bytes_of(ct)));
  say_call("ct,VFIO_SET_IOMMU,VFIO_TYPE1v2_IOMMU",
           process_.ioctl(container_, uapi::vfio_set_iommu, uapi::vfio_type1v2_iommu));
  uapi::vfio_iommu_type1_info inf{.argsz = offsetof(uapi::vfio_iommu_type1_info, cap_offset)};
  say_call("ct,VFIO_IOMMU_GET_INFO,&inf",
           process_.ioctl_on(container_, uapi::vfio_iommu_get_info, bytes_of(inf)));
  say(absl::StrFormat("iova_pgsizes %s flags %d",
                      inf.iova_pgsizes == 0 ? "0" : absl::StrFormat("0x%x", inf.iova_pgsizes),
                      inf.flags));
  open_device();
}

void vfio_player::open_device() {
  std::string name = dev_->name + '\0';
  const auto bytes = absl::MakeSpan(reinterpret_cast<std::byte*>(name.data()), name.size());
  device_ = static_cast<int>(process_.ioctl_on(group_, uapi::vfio_group_get_device_fd, bytes));
  if (device_ < 0) device_ = -1;
  say(absl::StrFormat("device fd %d", device_));
  const auto config = process_.get_region_info(device_, uapi::vfio_pci_config_region_index);
  say_call("d,VFIO_DEVICE_GET_REGION_INFO,&cr", config.result);
  const auto command = process_.set_pci_command(device_, config.offset, command_bits);
  say(absl::StrFormat("cmd 0x%x", command.value_or(command_bits)));
  const auto registers = process_.get_region_info(device_, uapi::vfio_pci_bar0_region_index);
  say_call("d,VFIO_DEVICE_GET_REGION_INFO,&r", registers.result);
}

void vfio_player::map(const mapping& m) {
  static constexpr std::string_view names[] = {"a", "b", "b2"};
  const auto which = static_cast<size_t>(&m - mappings_.data());
  for (const phys_addr page : m.pages) system_.user_pages().adopt(page);
  process_.mm().map_pages(m.vaddr, m.pages, true);
  uapi::vfio_iommu_type1_dma_map arg{.argsz = sizeof(arg), .vaddr = m.vaddr, .iova = m.iova};
  arg.size = m.size;
  if ((m.prot & iommu_read) != 0) arg.flags |= uapi::vfio_dma_map_flag_read;
  if ((m.prot & iommu_write) != 0) arg.flags |= uapi::vfio_dma_map_flag_write;
  const std::string_view name = which < std::size(names) ? names[which] : "?";
  say_call(absl::StrCat("ct,VFIO_IOMMU_MAP_DMA,&", std::string(name)),
           process_.ioctl_on(container_, uapi::vfio_iommu_map_dma, bytes_of(arg)));
}

void vfio_player::unmap(const mapping& m) {
  uapi::vfio_iommu_type1_dma_unmap arg{.argsz = sizeof(arg), .iova = m.iova, .size = m.size};
  const bool is_first = &m == mappings_.data();
  say_call(absl::StrCat("ct,VFIO_IOMMU_UNMAP_DMA,&", is_first ? "u" : "u2"),
           process_.ioctl_on(container_, uapi::vfio_iommu_unmap_dma, bytes_of(arg)));
}

void vfio_player::close_all() {
  is_closed_ = true;
  const bool was_open = device_ >= 0;
  for (const int fd : {device_, group_, container_}) process_.close(fd);
  // A client that got no device has crashed before it says so.
  if (was_open) say("closed");
  device_ = -1;
}

void vfio_player::fault() {
  if (edu_ == nullptr) return;
  while (next_transfer_ < transfers_.size()) {
    transfer(transfers_[next_transfer_++]);
    if (!edu_->last_transfer().ok()) return;
  }
}

void vfio_player::transfer(const edu_transfer& t) {
  if (std::byte* from = t.to_memory ? nullptr : memory_at(t.source, t.count)) {
    for (uint64_t i = 0; i < t.count; ++i) from[i] = pattern(i);
  }
  edu_->start_transfer(
      {.source = t.source,
       .destination = t.destination,
       .count = t.count,
       .command = edu::command_start.make(1) | edu::command_to_memory.make(t.to_memory ? 1 : 0)});
  system_.env().clock.advance(edu::transfer_ns);
  const uint64_t command = edu_->read64(edu::reg_command);
  say(absl::StrFormat("edu dma src=0x%x dst=0x%x n=%d dir=%d done cmd=%s", t.source, t.destination,
                      t.count, t.to_memory ? 1 : 0,
                      command == 0 ? "0" : absl::StrFormat("0x%x", command)));
  const bool moved = edu_->last_transfer().ok();
  const std::byte* to = t.to_memory ? memory_at(t.destination, t.count) : nullptr;
  const std::byte* from = has_read_ ? memory_at(read_from_, t.count) : nullptr;
  if (to != nullptr && !moved) {
    say(absl::StrFormat("ro page first byte %d", static_cast<int>(*to)));
  } else if (to != nullptr && from != nullptr) {
    say(std::memcmp(to, from, t.count) == 0 ? "copy ok" : "copy differs");
  }
  if (!t.to_memory && moved) {
    has_read_ = true;
    read_from_ = t.source;
  }
}

const vfio_player::mapping* vfio_player::mapping_at(uint64_t iova) const {
  const auto found = std::find_if(mappings_.begin(), mappings_.end(), [iova](const mapping& m) {
    return iova >= m.iova && iova - m.iova < m.size;
  });
  return found == mappings_.end() ? nullptr : &*found;
}

/// The client's memory that it mapped there.
std::byte* vfio_player::memory_at(uint64_t iova, uint64_t count) {
  const mapping* const m = mapping_at(iova);
  if (m == nullptr || count > page_size - (iova & ~page_mask)) return nullptr;
  const auto phys = process_.mm().translate(m->vaddr + (iova - m->iova));
  return phys ? system_.memory().at(*phys, count) : nullptr;
}

}  // namespace iommulab::verify
