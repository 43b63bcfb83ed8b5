// SPDX-License-Identifier: GPL-2.0-only
//
// How QEMU maps a range for a device (hw/vfio: vfio_dma_map()), as an example of a program's side:
// it asks once; where the kernel says EBUSY the range is taken, so it is unmapped and asked for
// again, once.
//
// Kernels that are ported say EEXIST for a range that is taken, and the second try is never made:
// what QEMU wrote it for was a kernel before 4.4.
#include <cerrno>

#include "absl/strings/str_format.h"
#include "lab/clients/client.h"
#include "vfio/process/uaccess.h"
#include "vfio/uapi/vfio.h"

namespace iommulab {

client_answer vfio_client::qmap(operation& o) {
  const int fd = descriptor(o, 1);
  uapi::vfio_iommu_type1_dma_map wanted;
  wanted.argsz = sizeof(wanted);
  wanted.flags = uapi::vfio_dma_map_flag_read;
  if (o.value_of("ro", 0) == 0) wanted.flags |= uapi::vfio_dma_map_flag_write;
  wanted.vaddr = o.value_of("va", 0);
  wanted.iova = o.value_of("iova", 0);
  wanted.size = o.value_of("size", 0);
  int tries = 1;
  int64_t result = ioctl_on(o, fd, uapi::vfio_iommu_map_dma, bytes_of(wanted));
  if (result == -EBUSY) {
    uapi::vfio_iommu_type1_dma_unmap taken;
    taken.argsz = sizeof(taken);
    taken.iova = wanted.iova;
    taken.size = wanted.size;
    if (ioctl_on(o, fd, uapi::vfio_iommu_unmap_dma, bytes_of(taken)) == 0) {
      ++tries;
      result = ioctl_on(o, fd, uapi::vfio_iommu_map_dma, bytes_of(wanted));
    }
  }
  return done(result, absl::StrFormat("tries=%d", tries));
}

}  // namespace iommulab
