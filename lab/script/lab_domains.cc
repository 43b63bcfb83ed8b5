// SPDX-License-Identifier: GPL-2.0-only
//
// Operations of the IOMMU API: groups, domains, mappings made by hand.
#include "absl/strings/str_format.h"
#include "lab/script/lab.h"
#include "platform/machine/parse.h"

namespace iommulab::dmalab {
namespace {

constexpr uint64_t all_of_prot = 15;

}  // namespace

std::string lab::group(arguments& args) {
  const size_t d = device_index(args);
  if (!args.ok()) return {};
  iommu_group* group = iommu_group_get(dev(d));
  if (group == nullptr) return "group=-1";
  const int id = iommu_group_id(*group);
  iommu_group_put(group);
  return absl::StrFormat("group=%d", id);
}

std::string lab::curdom(arguments& args) {
  const size_t d = device_index(args);
  if (!args.ok()) return {};
  const iommu_domain* current = api().get_domain_for_dev(dev(d));
  for (const auto& [number, domain] : domains_) {
    if (domain == current) {
      return absl::StrFormat("dom%d type=%d", number, static_cast<int>(domain->type));
    }
  }
  return "none-1 type=-1";
}

std::string lab::domalloc(arguments& args) {
  const uint64_t number = args.number("domain");
  if (!args.ok()) return {};
  iommu_domain* made = api().domain_alloc();
  if (made == nullptr) {
    failed_domains_.insert(number);
    return "NULL";
  }
  domains_[number] = made;
  const iommu_domain_geometry& g = made->geometry;
  return absl::StrFormat("ok type=%d geom=0x%x-0x%x force=%d", static_cast<int>(made->type),
                         g.aperture_start.value(), g.aperture_end.value(),
                         g.force_aperture ? 1 : 0);
}

iommu_domain* lab::domain(arguments& args) {
  const uint64_t number = args.number("domain");
  if (!args.ok()) return nullptr;
  const auto found = domains_.find(number);
  if (found != domains_.end()) return found->second;
  nothing_there_ = failed_domains_.contains(number);
  args.fail("domain", absl::StrFormat("%d", number), "there is none of that number");
  return nullptr;
}

std::string lab::domfree(arguments& args) {
  iommu_domain* d = domain(args);
  if (d == nullptr) return {};
  api().domain_free(*d);
  std::erase_if(domains_, [&](const auto& known) { return known.second == d; });
  return "ok";
}

std::string lab::attach(arguments& args) {
  iommu_domain* k = domain(args);
  const size_t d = device_index(args);
  if (!args.ok()) return {};
  return absl::StrFormat("ret=%d", api().attach_device(*k, dev(d)));
}

std::string lab::detach(arguments& args) {
  iommu_domain* k = domain(args);
  const size_t d = device_index(args);
  if (!args.ok()) return {};
  api().detach_device(*k, dev(d));
  return "ok";
}

std::string lab::attachg(arguments& args) {
  iommu_domain* k = domain(args);
  const size_t d = device_index(args);
  if (!args.ok()) return {};
  iommu_group* group = iommu_group_get(dev(d));
  if (group == nullptr) return "ret=-19";
  const int ret = api().attach_group(*k, *group);
  iommu_group_put(group);
  return absl::StrFormat("ret=%d", ret);
}

std::string lab::detachg(arguments& args) {
  iommu_domain* k = domain(args);
  const size_t d = device_index(args);
  if (!args.ok()) return {};
  iommu_group* group = iommu_group_get(dev(d));
  if (group == nullptr) return "ok";
  api().detach_group(*k, *group);
  iommu_group_put(group);
  return "ok";
}

/// "0x10000000", or "a0+1000" in an arena.
phys_addr lab::imap_target(arguments& args, std::string_view target) {
  if (const auto value = parse_number(target)) return phys_addr(*value);
  const bool in_arena = target.starts_with('a');
  const auto place = in_arena ? number_and_offset(target.substr(1)) : std::nullopt;
  if (!place) {
    args.fail("target", target, "a number, or aARENA+OFFSET with a hexadecimal offset");
    return {};
  }
  if (place->first >= arenas_.size()) {
    args.fail("target", target, absl::StrFormat("there are arenas 0 to %d", arenas_.size() - 1));
    return {};
  }
  return arena_address(args, place->first, place->second, 0);
}

std::string lab::imap(arguments& args) {
  iommu_domain* k = domain(args);
  const dma_addr iova(args.number("address"));
  const std::string_view target = args.word("target");
  const uint64_t size = args.number("size");
  const auto prot = static_cast<int>(args.number(
      "protection", all_of_prot, "1 read, 2 write, 4 cache, 8 no execution, and their sums"));
  if (!args.ok()) return {};
  const phys_addr phys = imap_target(args, target);
  if (!args.ok()) return {};
  return absl::StrFormat("phys=0x%x ret=%d", phys.value(), api().map(*k, iova, phys, size, prot));
}

std::string lab::iunmap(arguments& args) {
  iommu_domain* k = domain(args);
  const dma_addr iova(args.number("address"));
  const uint64_t size = args.number("size");
  if (!args.ok()) return {};
  return absl::StrFormat("ret=0x%x", api().unmap(*k, iova, size));
}

std::string lab::i2p(arguments& args) {
  iommu_domain* k = domain(args);
  const dma_addr iova(args.number("address"));
  if (!args.ok()) return {};
  return absl::StrFormat("phys=0x%x", api().iova_to_phys(*k, iova).value());
}

std::string lab::cap(arguments& args) {
  device_index(args);
  if (!args.ok()) return {};
  // In the order of the recorded module, whose compiler began with the last argument.
  const int present = api().present() ? 1 : 0;
  const auto flag = [&](iommu_cap which) { return api().capable(which) ? 1 : 0; };
  const int noexec = flag(iommu_cap::noexec);
  const int intr_remap = flag(iommu_cap::intr_remap);
  const int cache_coherency = flag(iommu_cap::cache_coherency);
  return absl::StrFormat("cache_coherency=%d intr_remap=%d noexec=%d present=%d", cache_coherency,
                         intr_remap, noexec, present);
}

}  // namespace iommulab::dmalab
