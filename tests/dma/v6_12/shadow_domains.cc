// SPDX-License-Identifier: GPL-2.0-only
//
// The IOMMU API: domains of the test's own, who is in which, and what groups do by default.
#include <algorithm>
#include <cerrno>

#include "core/status.h"
#include "dma/v6_12/shadow_system.h"
#include "intel/v6_12/ops.h"

namespace iommulab::test::linux_6_12 {

shadow_domain* shadow_system::make_domain(shadow_group& for_group) {
  int error = 0;
  v6_12::iommu_domain* domain =
      v6_12::iommu_paging_domain_alloc(dev(for_group.functions.front()), error);
  if (domain == nullptr) {
    EXPECT_TRUE(failures_);
    EXPECT_EQ(error, -ENOMEM);
    return nullptr;
  }
  domains_.emplace_back().domain = domain;
  return &domains_.back();
}

void shadow_system::free_domain(shadow_domain& domain) {
  v6_12::iommu_domain_free(*domain.domain);
  domains_.remove_if([&domain](const shadow_domain& d) { return &d == &domain; });
}

bool shadow_system::in_use(const shadow_domain& domain) const {
  return std::any_of(groups_.begin(), groups_.end(), [&domain](const shadow_group& group) {
    return group.attached == &domain ||
           std::any_of(group.pasids.begin(), group.pasids.end(),
                       [&domain](const auto& entry) { return entry.second == &domain; });
  });
}

bool shadow_system::map(shadow_domain& domain, const page_run& run) {
  const int ret = v6_12::iommu_map(*domain.domain, dma_addr(run.first << page_shift),
                                   phys_addr(run.to << page_shift), run.pages() << page_shift,
                                   iommu_read | (run.writable ? iommu_write : 0));
  if (ret != 0) {
    EXPECT_TRUE(failures_);
    EXPECT_EQ(ret, -ENOMEM);
    return false;
  }
  domain.pages.map(run);
  return true;
}

void shadow_system::unmap(shadow_domain& domain, uint64_t first, uint64_t last) {
  const page_run entry = tables_of(0).entry_of(path_of(domain), first);
  const uint64_t size = (last - first + 1) << page_shift;
  EXPECT_GE(v6_12::iommu_unmap(*domain.domain, dma_addr(first << page_shift), size), size);
  if (domain.pages.overlaps(first, first)) last = std::max(last, entry.last);
  domain.pages.unmap(first, last);
}

bool shadow_system::attach(shadow_group& group, shadow_domain& domain) {
  const int ret = v6_12::iommu_attach_group(*domain.domain, *group.group);
  if (ret != 0) {
    EXPECT_TRUE(failures_);
    EXPECT_EQ(ret, -ENOMEM);
    return false;
  }
  group.attached = &domain;
  group.cut_off = false;
  return true;
}

void shadow_system::detach(shadow_group& group) {
  v6_12::iommu_detach_group(*group.attached->domain, *group.group);
  group.attached = nullptr;
  if (!failures_ || group.blocked()) return;
  const request_path path = tables_of(group.unit).path(group.functions.front());
  if (path.translates() || path.kind == request_kind::pass_through) return;
  EXPECT_TRUE(sys_.log_contains("WARNING: at __iommu_group_set_domain_nofail()"));
  group.cut_off = true;
}

void shadow_system::attach_too_wide(shadow_group& group) {
  const uint64_t too_far = uint64_t{1} << (kind_.cap.max_guest_address_width() - page_shift);
  constexpr uint64_t pages_of_57_bits = uint64_t{1} << 45;
  if (too_far >= pages_of_57_bits) return;
  shadow_domain* domain = make_domain(group);
  if (domain == nullptr) return;
  if (map(*domain, {too_far, too_far, 1, true})) {
    const int ret = v6_12::iommu_attach_group(*domain->domain, *group.group);
    EXPECT_EQ(ret, group.attached != nullptr ? -EBUSY : -EINVAL);
  }
  free_domain(*domain);
}

bool shadow_system::claim(shadow_group& group) {
  const int ret = v6_12::iommu_group_claim_dma_owner(*group.group, this);
  int expected = 0;
  if (group.attached != nullptr || !group.pasids.empty()) expected = -EBUSY;
  if (group.users > 0 || group.claimed) expected = -EPERM;
  EXPECT_EQ(ret, expected);
  if (ret != 0) return false;
  group.claimed = true;
  group.cut_off = false;
  return true;
}

void shadow_system::release(shadow_group& group) {
  v6_12::iommu_group_release_dma_owner(*group.group);
  group.claimed = false;
}

bool shadow_system::attach_pasid(shadow_group& group, shadow_domain& domain, uint32_t pasid) {
  v6_12::iommu_domain& of_api =
      domain.domain != nullptr ? *domain.domain : *sys_.driver().ops->identity_domain;
  const int ret = v6_12::iommu_attach_device_pasid(of_api, dev(group.functions.front()), pasid,
                                                   /*handle=*/nullptr);
  int expected = 0;
  if (group.pasids.contains(pasid)) expected = -EBUSY;
  if (pasid == 0 || pasid >= group.pasid_limits.front()) expected = -EINVAL;
  if (expected != 0 || !failures_) {
    EXPECT_EQ(ret, expected) << pasid;
  }
  if (ret != 0) return false;
  group.pasids[pasid] = &domain;
  return true;
}

void shadow_system::detach_pasid(shadow_group& group, uint32_t pasid) {
  const shadow_domain& domain = *group.pasids.at(pasid);
  v6_12::iommu_detach_device_pasid(
      domain.domain != nullptr ? *domain.domain : *sys_.driver().ops->identity_domain,
      dev(group.functions.front()), pasid);
  group.pasids.erase(pasid);
}

void shadow_system::use_default(shadow_group& group) {
  const int ret = v6_12::iommu_device_use_default_domain(dev(group.functions.front()));
  EXPECT_EQ(ret, group.claimed ? -EBUSY : 0);
  if (ret == 0) ++group.users;
}

void shadow_system::unuse_default(shadow_group& group) {
  v6_12::iommu_device_unuse_default_domain(dev(group.functions.front()));
  --group.users;
}

bool shadow_system::set_type(shadow_group& group, std::string_view text) {
  const std::string_view asked = text.substr(0, text.find('\n'));
  // Without pass-through the driver wants strict translation and nothing else.
  const std::string_view wanted = kind_.ecap.pass_through() ? "" : "DMA";
  const bool adds_a_queue = asked == "DMA-FQ" && group.type == "DMA";
  int expected = 0;
  if (asked != "DMA" && asked != "DMA-FQ" && asked != "identity" && asked != "auto") {
    expected = EINVAL;
  } else if (!adds_a_queue) {
    if (!wanted.empty() && asked != wanted && asked != "auto") expected = EINVAL;
    if (group.users > 0 || group.claimed) expected = EPERM;
  }
  const auto* const before = group.group->default_domain;
  const std::string file = group.group->sysfs_path + "/type";
  const absl::Status status = sys_.k().sysfs().write(file, text);
  if (failures_ && expected == 0 && !status.ok()) {
    EXPECT_EQ(status_errno(status), ENOMEM);
    EXPECT_EQ(group.group->default_domain, before);
    return false;
  }
  EXPECT_EQ(status_errno(status), expected) << text;
  const std::string now = sys_.k().sysfs().read(file).value();
  std::string type = group.type;
  if (expected == 0) type = asked == "auto" ? group.first_type : std::string(asked);
  if (failures_) type = now.substr(0, now.find('\n'));
  EXPECT_EQ(now, type + "\n") << text;
  if (group.group->default_domain == before) {
    group.type = type;
  } else {
    EXPECT_EQ(expected, 0);
    EXPECT_TRUE(group.buffers.empty());
    adopt(group);
  }
  return expected == 0 && type == (asked == "auto" ? group.first_type : asked);
}

void shadow_system::replug(shadow_group& group) {
  for (size_t i = group.functions.size(); i-- > 0;) {
    sys_.pci().remove(*dev(group.functions[i]).pci);
  }
  group.group = nullptr;
  group.own = {};
  for (const source_id id : group.requesters) {
    const request_path path = tables_of(group.unit).path(id);
    EXPECT_EQ(path.kind, request_kind::no_context_entry) << to_string(id);
  }
  probe(group);
  sys_.pci().rescan();
  adopt(group);
  EXPECT_EQ(group.type, group.first_type);
}

}  // namespace iommulab::test::linux_6_12
