// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/vfio_player.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/iommu/iommu.h"
#include "core/pci/registers.h"
#include "core/text_source.h"
#include "lab/replay/api_player.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

constexpr const char* driver_name = "vfio-pci";
/// What the bus tells its listeners is heard by these, in this order.
constexpr std::string_view first_listener = "iommu_bus_notifier";
constexpr std::string_view other_listeners[] = {"device_notifier", "dmar_pci_bus_notifier"};

// The edu device's registers (platform/endpoints/edu.h).
constexpr uint64_t edu_source = 0x80;
constexpr uint64_t edu_destination = 0x88;
constexpr uint64_t edu_count = 0x90;
constexpr uint64_t edu_command = 0x98;
constexpr uint64_t edu_start = 1;
constexpr uint64_t edu_to_memory = 2;

/// Memory that the device reads holds these bytes, so that it shows where they went.
std::byte pattern(uint64_t i) {
  constexpr uint64_t step = 7;
  return static_cast<std::byte>(i * step + 1);
}

}  // namespace

vfio_player::vfio_player(kernel& system, std::vector<edu_transfer> transfers,
                         replay_differences& differences)
    : system_(system), differences_(differences), transfers_(std::move(transfers)) {}

vfio_player::~vfio_player() {
  if (dev_ != nullptr) dev_->driver_remove = nullptr;
}

void vfio_player::fail(const vfio_call& call, std::string_view why) {
  if (!status_.ok()) return;
  status_ = line_error(differences_.file(), call.line, "call", call.name, why);
}

void vfio_player::miss(const vfio_call& call, bool asked, std::string_view giver) {
  if (!asked) return fail(call, absl::StrFormat("no %s() stands before it", giver));
  differences_.add(call.line, absl::StrFormat("%s()", call.name),
                   absl::StrFormat("%s() had given none", giver));
}

absl::Status vfio_player::find_device() {
  const auto attach = std::find_if(calls_.begin(), calls_.end(),
                                   [](const vfio_call& c) { return !c.device.empty(); });
  if (attach == calls_.end()) {
    return line_error(differences_.file(), 0, "device", "",
                      "nothing in the tree says which one VFIO took");
  }
  dev_ = find_pci_device(system_, attach->device);
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

absl::Status vfio_player::play(absl::Span<const vfio_call> calls) {
  calls_ = calls;
  next_ = 0;
  if (is_absent_) return absl::OkStatus();
  if (dev_ == nullptr) {
    if (absl::Status status = find_device(); !status.ok() || is_absent_) return status;
  }
  while (next_ < calls_.size() && status_.ok()) {
    play_until_notified();
    if (next_ < calls_.size() && status_.ok()) notified();
  }
  return status_;
}

void vfio_player::play_until_notified() {
  while (next_ < calls_.size() && status_.ok() && calls_[next_].name != first_listener) {
    const vfio_call& call = calls_[next_++];
    system_.pages().replay(call.pages, after_replay::choose);
    make(call);
    system_.pages().replay({}, after_replay::choose);
  }
}

// The bus speaks twice while a driver takes the device, and twice while it leaves it; in between
// the driver does its part.
void vfio_player::notified() {
  skip_notification();
  if (!is_bound_) {
    is_bound_ = true;
    device_bind_driver(
        *dev_, driver_name,
        [this](device&) {
          play_until_notified();
          return 0;
        },
        [this](device&) { play_until_notified(); });
  } else {
    is_bound_ = false;
    device_release_driver(*dev_);
  }
  skip_notification();
}

void vfio_player::skip_notification() {
  if (next_ < calls_.size() && calls_[next_].name == first_listener) ++next_;
  for (std::string_view listener : other_listeners) {
    if (next_ < calls_.size() && calls_[next_].name == listener) ++next_;
  }
}

void vfio_player::make(const vfio_call& call) {
  if (call.name == "iommu_group_get") {
    asked_for_group_ = true;
    group_ = iommu_group_get(*dev_);
  } else if (call.name == "iommu_domain_alloc") {
    asked_for_domain_ = true;
    domain_ = api().domain_alloc();
  } else if (call.name == "iommu_capable") {
    const auto cap = call.asks_for_coherency ? iommu_cap::cache_coherency : iommu_cap::intr_remap;
    const bool capable = api().capable(cap);
    if (cap != iommu_cap::intr_remap) return;
    // Linux v4.4 drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_attach_group()
    lines_.push_back({call.line, absl::StrFormat("ioctl(ct,VFIO_SET_IOMMU,VFIO_TYPE1v2_IOMMU) = %s",
                                                 capable ? "0 errno=0" : "-1 errno=1")});
  } else if (call.name == "dmar_fault") {
    fault();
  } else if (call.name.starts_with("iommu_group_")) {
    make_on_group(call);
  } else {
    make_on_domain(call);
  }
}

void vfio_player::make_on_group(const vfio_call& call) {
  if (group_ == nullptr) return miss(call, asked_for_group_, "iommu_group_get");
  if (call.name == "iommu_group_put") {
    iommu_group_put(group_);
  } else if (call.name == "iommu_group_id") {
    iommu_group_id(*group_);
  } else if (call.name == "iommu_group_for_each_dev") {
    iommu_group_for_each_dev(*group_, [](device&) { return 0; });
  } else if (call.name == "iommu_group_register_notifier") {
    // Linux v4.4 drivers/vfio/vfio.c: vfio_iommu_group_notifier(), as far as it asks anything
    listener_.notifier_call = [this](iommu_group_notify, device&) {
      iommu_group_id(*group_);
      return notify_result::ok;
    };
    iommu_group_register_notifier(*group_, listener_);
  } else if (call.name == "iommu_group_unregister_notifier") {
    iommu_group_unregister_notifier(*group_, listener_);
  }
}

void vfio_player::make_on_domain(const vfio_call& call) {
  const bool with_group = call.name == "iommu_attach_group" || call.name == "iommu_detach_group";
  const bool known = with_group || call.name == "iommu_map" || call.name == "iommu_unmap" ||
                     call.name == "iommu_iova_to_phys" || call.name == "iommu_domain_free";
  if (!known) return;  // not VFIO's: the comparison of calls shows that it is missing
  if (domain_ == nullptr) return miss(call, asked_for_domain_, "iommu_domain_alloc");
  if (with_group && group_ == nullptr) return miss(call, asked_for_group_, "iommu_group_get");
  if (call.name == "iommu_attach_group") {
    api().attach_group(*domain_, *group_);
  } else if (call.name == "iommu_detach_group") {
    api().detach_group(*domain_, *group_);
  } else if (call.name == "iommu_map") {
    constexpr uint64_t largest = uint64_t{1} << 36;
    if (call.size > largest) return fail(call, "it maps more than any client did");
    api().map(*domain_, call.iova, call.phys, call.size, call.prot);
    mapped_[call.iova.value()] = {call.phys, call.size};
  } else if (call.name == "iommu_unmap") {
    api().unmap(*domain_, call.iova, call.size);
  } else if (call.name == "iommu_iova_to_phys") {
    std::ignore = api().iova_to_phys(*domain_, call.iova);  // asked, as the recorded run did
  } else {
    api().domain_free(*domain_);
    domain_ = nullptr;
    asked_for_domain_ = false;
  }
}

void vfio_player::fault() {
  if (edu_ == nullptr) return;
  while (next_transfer_ < transfers_.size()) {
    transfer(transfers_[next_transfer_++]);
    if (!edu_->last_transfer().ok()) return;
  }
}

void vfio_player::transfer(const edu_transfer& t) {
  // The client sets Bus Master Enable.
  pci_config_space& config = *dev_->pci->config;
  config.write16(pci_reg::command,
                 pci_reg::command_bus_master.set(config.read16(pci_reg::command), 1));
  if (std::byte* from = t.to_memory ? nullptr : memory_at(t.source, t.count)) {
    for (uint64_t i = 0; i < t.count; ++i) from[i] = pattern(i);
  }
  edu_->write64(edu_source, t.source);
  edu_->write64(edu_destination, t.destination);
  edu_->write64(edu_count, t.count);
  edu_->write64(edu_command, edu_start | (t.to_memory ? edu_to_memory : 0));
  system_.env().clock.advance(edu::transfer_ns);
  const uint64_t command = edu_->read64(edu_command);
  say(t, absl::StrFormat("edu dma src=0x%x dst=0x%x n=%d dir=%d done cmd=%s", t.source,
                         t.destination, t.count, t.to_memory ? 1 : 0,
                         command == 0 ? "0" : absl::StrFormat("0x%x", command)));
  const bool moved = edu_->last_transfer().ok();
  const std::byte* to = t.to_memory ? memory_at(t.destination, t.count) : nullptr;
  const std::byte* from = has_read_ ? memory_at(read_from_, t.count) : nullptr;
  if (to != nullptr && !moved) {
    say(t, absl::StrFormat("ro page first byte %d", static_cast<int>(*to)));
  } else if (to != nullptr && from != nullptr) {
    say(t, std::memcmp(to, from, t.count) == 0 ? "copy ok" : "copy differs");
  }
  if (!t.to_memory && moved) {
    has_read_ = true;
    read_from_ = t.source;
  }
}

void vfio_player::say(const edu_transfer& t, std::string text) {
  lines_.push_back({t.line, std::move(text)});
}

std::byte* vfio_player::memory_at(uint64_t iova, uint64_t count) {
  auto after = mapped_.upper_bound(iova);
  if (after == mapped_.begin()) return nullptr;
  const auto& [start, range] = *std::prev(after);
  const uint64_t offset = iova - start;
  if (offset > range.second || count > range.second - offset) return nullptr;
  return system_.memory().at(range.first + offset, count);
}

}  // namespace iommulab::verify
