// SPDX-License-Identifier: GPL-2.0-only
//
// One value of each kind that gdb is to show: printers_test.py stops in look() and reads them.
#include "core/spin_lock.h"
#include "core/types.h"
#include "intel/dmar/dmar_state.h"
#include "intel/dmar/drhd.h"
#include "intel/dmar/intel_iommu.h"
#include "intel/v4_4/dmar_domain.h"
#include "iova/linux/range_tree.h"

namespace iommulab {
namespace {

/// As the driver's state is called in its functions.
struct small_state {
  drhd_list dmar_drhd_units;
  int g_num_of_iommus = 2;
};

struct values {
  phys_addr address{0x3ffdd000};
  dma_addr bus_address{0xfffff123};
  pfn_t frame{0x1234};
  domain_id domain{17};
  source_id source{0, 0, (0x1f << 3) | 2};
  spin_lock free_lock;
  spin_lock held_lock;
  drhd_list no_units;
  v4_4::device_domain_list memberships;  // the second of two hooks
  range_tree tree;
};

[[gnu::noinline]] void look(small_state& drv, values& all) {
  asm volatile("" : : "r"(&drv), "r"(&all) : "memory");
}

}  // namespace
}  // namespace iommulab

int main() {
  using namespace iommulab;
  small_state drv;
  intel_iommu units[2];
  dmar_drhd_unit drhds[2];
  for (int i = 0; i < 2; ++i) {
    units[i].seq_id = i;
    units[i].name = i == 0 ? "dmar0" : "dmar1";
    drhds[i].reg_base_addr = phys_addr(0xfed90000u + static_cast<unsigned>(i) * 0x1000u);
    drhds[i].iommu = &units[i];
    drv.dmar_drhd_units.push_back(drhds[i]);
  }
  values all;
  all.held_lock.lock();
  v4_4::device_domain_info infos[3];
  for (int i = 0; i < 3; ++i) {
    infos[i].bus = static_cast<uint8_t>(i + 5);
    all.memberships.push_back(infos[i]);
  }
  iova ranges[3];
  for (unsigned i = 0; i < 3; ++i) {
    ranges[i].pfn_lo = 0x10u * (i + 1);
    ranges[i].pfn_hi = 0x10u * (i + 1) + 3;
    all.tree.insert(ranges[i]);
  }
  look(drv, all);
  all.held_lock.unlock();
  all.memberships.clear();
  drv.dmar_drhd_units.clear();
  return 0;
}
