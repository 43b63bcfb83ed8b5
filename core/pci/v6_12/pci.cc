// SPDX-License-Identifier: GPL-2.0-only
#include "core/pci/v6_12/pci.h"

#include <cerrno>

#include "core/pci/acs.h"
#include "core/pci/registers.h"
#include "core/pci/search.h"

namespace iommulab::v6_12 {
namespace {

tracer& trace_of(const pci_dev& pdev) {
  return pdev.dev.bus->env.trace;
}

// Linux v6.12 drivers/pci/pci.c: pci_acs_flags_enabled()
bool acs_flags_enabled(const pci_dev& pdev, uint16_t acs_flags) {
  IOMMULAB_CALL(trace_of(pdev), "pci_acs_flags_enabled", {"pdev", pdev}, {"acs_flags", acs_flags});
  return this_call.result(pci_acs_flags_enabled(pdev, acs_flags));
}

}  // namespace

// Linux v6.12 arch/x86/pci/common.c: pci_real_dma_dev()
pci_dev& pci_real_dma_dev(pci_dev& pdev) {
  IOMMULAB_CALL(trace_of(pdev), "pci_real_dma_dev", {"dev", pdev});
  return *this_call.result(&iommulab::pci_real_dma_dev(pdev));
}

// Linux v6.12 drivers/pci/pci.c: pci_devs_are_dma_aliases()
bool pci_devs_are_dma_aliases(pci_dev& a, pci_dev& b) {
  IOMMULAB_CALL(trace_of(a), "pci_devs_are_dma_aliases", {"dev1", a}, {"dev2", b});
  return this_call.result(pci_uses_id_of(a, b) || pci_uses_id_of(b, a) ||
                          &v6_12::pci_real_dma_dev(a) == &b || &v6_12::pci_real_dma_dev(b) == &a);
}

// Linux v6.12 drivers/pci/search.c: pci_for_each_dma_alias()
int pci_for_each_dma_alias(pci_dev& pdev,
                           absl::FunctionRef<int(pci_dev& pdev, uint16_t alias)> fn) {
  IOMMULAB_CALL(trace_of(pdev), "pci_for_each_dma_alias", {"pdev", pdev});
  return this_call.result(iommulab::pci_for_each_dma_alias(v6_12::pci_real_dma_dev(pdev), fn));
}

// Linux v6.12 drivers/pci/pci.c: pci_acs_enabled()
bool pci_acs_enabled(pci_dev& pdev, uint16_t acs_flags) {
  IOMMULAB_CALL(trace_of(pdev), "pci_acs_enabled", {"pdev", pdev}, {"acs_flags", acs_flags});
  return this_call.result(pci_acs_enabled_by(pdev, acs_flags, acs_flags_enabled));
}

// Linux v6.12 drivers/pci/pci.c: pci_acs_path_enabled()
bool pci_acs_path_enabled(pci_dev& start, pci_dev* end, uint16_t acs_flags) {
  IOMMULAB_CALL(trace_of(start), "pci_acs_path_enabled", {"start", start}, {"end", end},
                {"acs_flags", acs_flags});
  for (pci_dev* pdev = &start;; pdev = pdev->bus->self) {
    if (!v6_12::pci_acs_enabled(*pdev, acs_flags)) return this_call.result(false);
    if (pci_is_root_bus(*pdev->bus)) return this_call.result(end == nullptr);
    if (pdev == end) return this_call.result(true);
    if (pdev->bus->self == nullptr) return this_call.result(false);
  }
}

// Linux v6.12 drivers/pci/ats.c: pci_max_pasids()
int pci_max_pasids(pci_dev& pdev) {
  IOMMULAB_CALL(trace_of(pdev), "pci_max_pasids", {"pdev", pdev});
  const pci_dev& function = pci_physfn(pdev);
  const uint16_t at = pci_find_ext_capability(function, pci_ext_cap_id_pasid);
  if (at == 0) return this_call.result(-EINVAL);
  const uint16_t capability =
      function.config->read16(static_cast<uint16_t>(at + pci_reg::pasid_capability));
  return this_call.result(1 << pci_reg::pasid_width.get(capability));
}

}  // namespace iommulab::v6_12
