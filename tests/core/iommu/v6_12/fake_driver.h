// SPDX-License-Identifier: GPL-2.0-only
//
// An IOMMU driver without hardware, for tests of 6.12's core: tables are maps from page to page.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/iommu/v6_12/iommu.h"
#include "core/pci/pci.h"

namespace iommulab::v6_12 {

/// "00:1f.2"
inline std::string short_name(const device& dev) {
  return dev.name.substr(dev.name.find(':') + 1);
}

struct fake_domain final : iommu_domain {
  std::map<uint64_t, uint64_t> pages;  ///< 4 KiB pages by I/O virtual address
  std::set<device*> attached;
  [[nodiscard]] std::string name() const override { return label; }
  std::string label = "domain";
};

/// A driver that takes every device, keeps what it was asked for, and can be told to refuse.
class fake_driver final : public iommu_ops, public iommu_domain_ops {
 public:
  fake_driver() {
    default_domain_ops = this;
    iommu_ops::pgsize_bitmap = 0x40201000;
    for (fake_domain* domain : {&identity, &blocked}) domain->ops = this;
    identity.type = iommu_domain_type::identity;
    identity.label = "identity";
    blocked.type = iommu_domain_type::blocked;
    blocked.label = "blocked";
    identity_domain = &identity;
    blocked_domain = &blocked;
  }

  // What it is told to do otherwise.
  std::set<std::string> foreign;  ///< devices that no unit is in charge of
  /// Results of attach_dev(), by short name, or by the domain's and the device's: "A 00:04.1". The
  /// former spare the blocking domain.
  std::map<std::string, int> attach_refusal;
  std::map<std::string, iommu_domain_type> wanted;  ///< def_domain_type(), by short name
  std::map<std::string, std::vector<iommu_resv_region>> regions;
  std::set<iommu_domain_type> cannot_make;
  int map_failure_at = -1;  ///< that many calls of map_pages() from now on one fails
  bool deferred = false;
  std::set<std::string> deferred_devices;
  std::map<std::string, int> group_refusal;  ///< errors of device_group(), by short name
  bool notes_finalize = false;               ///< "finalize 00:04.1" among the calls
  int map_error = -ENOMEM;
  std::set<uint64_t> unmappable;  ///< runs that begin at these addresses fail
  bool map_only_attached = false;
  bool defers_flush = true;  ///< IOMMU_CAP_DEFERRED_FLUSH
  bool is_coherent = false;  ///< IOMMU_CAP_CACHE_COHERENCY
  iommu_domain_geometry geometry = {dma_addr(0), dma_addr((uint64_t{1} << 39) - 1), true};

  std::vector<std::string> calls;
  std::vector<std::unique_ptr<fake_domain>> domains;
  fake_domain identity;
  fake_domain blocked;
  iommu_device unit;

  std::vector<std::string> take_calls() { return std::exchange(calls, {}); }

  // iommu_ops
  bool capable(device&, iommu_cap cap) override {
    if (cap == iommu_cap::cache_coherency) return is_coherent;
    return cap == iommu_cap::deferred_flush && defers_flush;
  }
  iommu_domain* domain_alloc(iommu_domain_type type) override {
    calls.push_back(absl::StrFormat("alloc %s", iommulab::name(type)));
    if (cannot_make.contains(type)) return nullptr;
    domains.push_back(std::make_unique<fake_domain>());
    domains.back()->geometry = geometry;
    domains.back()->label = std::string(1, static_cast<char>('A' + made_++ % 26));
    return domains.back().get();
  }
  iommu_device* probe_device(device& dev, int& error) override {
    if (foreign.contains(short_name(dev))) {
      error = -ENODEV;
      return nullptr;
    }
    calls.push_back("probe " + short_name(dev));
    return &unit;
  }
  void release_device(device& dev) override { calls.push_back("release " + short_name(dev)); }
  iommu_group* device_group(device& dev, int& error) override {
    const auto refusal = group_refusal.find(short_name(dev));
    if (refusal == group_refusal.end()) return pci_device_group(dev, error);
    error = refusal->second;
    return nullptr;
  }
  void probe_finalize(device& dev) override {
    if (notes_finalize) calls.push_back("finalize " + short_name(dev));
  }
  void get_resv_regions(device& dev, std::vector<iommu_resv_region>& list) override {
    const auto& own = regions[short_name(dev)];
    list.insert(list.end(), own.begin(), own.end());
    list.push_back({phys_addr(0xfee00000), 0x100000, 0, iommu_resv_type::msi});
  }
  bool is_attach_deferred(device& dev) override {
    return deferred || deferred_devices.contains(short_name(dev));
  }
  iommu_domain_type def_domain_type(device& dev) override { return wanted[short_name(dev)]; }
  void remove_dev_pasid(device& dev, ioasid pasid, iommu_domain&) override {
    calls.push_back(absl::StrFormat("remove pasid %d %s", pasid, short_name(dev)));
  }

  // iommu_domain_ops
  int attach_dev(iommu_domain& domain, device& dev) override {
    auto refusal = attach_refusal.find(domain.name() + " " + short_name(dev));
    const bool is_of_domain = refusal != attach_refusal.end();
    if (!is_of_domain) refusal = attach_refusal.find(short_name(dev));
    const int ret = refusal == attach_refusal.end() ? 0 : refusal->second;
    calls.push_back(absl::StrFormat("attach %s %s%s", domain.name(), short_name(dev),
                                    ret == 0 ? "" : absl::StrFormat(" = %d", ret)));
    if (ret != 0 && (is_of_domain || &domain != &blocked)) return ret;
    for (const auto& other : domains) other->attached.erase(&dev);
    static_cast<fake_domain&>(domain).attached.insert(&dev);
    return 0;
  }
  void detach_dev(iommu_domain& domain, device& dev) override {
    calls.push_back(absl::StrFormat("detach %s %s", domain.name(), short_name(dev)));
  }
  [[nodiscard]] bool sets_dev_pasid() const override { return true; }
  int set_dev_pasid(iommu_domain& domain, device& dev, ioasid pasid, iommu_domain*) override {
    calls.push_back(absl::StrFormat("set pasid %d %s %s", pasid, domain.name(), short_name(dev)));
    const auto refusal = attach_refusal.find(short_name(dev));
    return refusal == attach_refusal.end() ? 0 : refusal->second;
  }
  int map_pages(iommu_domain& domain, dma_addr iova, phys_addr paddr, uint64_t pgsize,
                uint64_t pgcount, int prot, uint64_t& mapped) override {
    calls.push_back(absl::StrFormat("map %s %x %x %x*%d prot %d", domain.name(), iova.value(),
                                    paddr.value(), pgsize, pgcount, prot));
    if (map_failure_at >= 0 && map_failure_at-- == 0) return map_error;
    if (unmappable.contains(iova.value())) return map_error;
    auto& own = static_cast<fake_domain&>(domain);
    if (map_only_attached && own.attached.empty()) return -ENODEV;
    for (uint64_t at = 0; at < pgsize * pgcount; at += page_size) {
      own.pages[iova.value() + at] = paddr.value() + at;
    }
    mapped += pgsize * pgcount;
    return 0;
  }
  uint64_t unmap_pages(iommu_domain& domain, dma_addr iova, uint64_t pgsize, uint64_t pgcount,
                       iommu_iotlb_gather& gather) override {
    calls.push_back(
        absl::StrFormat("unmap %s %x %x*%d", domain.name(), iova.value(), pgsize, pgcount));
    auto& own = static_cast<fake_domain&>(domain);
    uint64_t done = 0;
    while (done < pgsize * pgcount && own.pages.erase(iova.value() + done) != 0) done += page_size;
    if (done != 0) iommu_iotlb_gather_add_page(domain, gather, iova, done);
    return done;
  }
  void flush_iotlb_all(iommu_domain& domain) override {
    calls.push_back("flush all " + domain.name());
  }
  int iotlb_sync_map(iommu_domain&, dma_addr, uint64_t) override { return sync_map_result; }
  int sync_map_result = 0;
  void iotlb_sync(iommu_domain& domain, iommu_iotlb_gather& gather) override {
    calls.push_back(
        absl::StrFormat("sync %s %x-%x", domain.name(), gather.start.value(), gather.end.value()));
  }
  phys_addr iova_to_phys(iommu_domain& domain, dma_addr iova) override {
    const auto& own = static_cast<fake_domain&>(domain);
    const auto page = own.pages.find(iova.page_base().value());
    return page == own.pages.end() ? phys_addr(0) : phys_addr(page->second + iova.page_offset());
  }
  void free(iommu_domain& domain) override {
    if (&domain == &identity || &domain == &blocked) return;
    calls.push_back("free " + domain.name());
    std::erase_if(domains, [&](const auto& d) { return d.get() == &domain; });
  }

 private:
  int made_ = 0;
};

}  // namespace iommulab::v6_12
