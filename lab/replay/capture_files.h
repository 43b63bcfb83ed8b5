// SPDX-License-Identifier: GPL-2.0-only
//
// The files of a capture that more than one part of the comparison reads.
#pragma once

namespace iommulab::verify {

inline constexpr const char* trace_file = "vtd-trace.txt";  ///< what QEMU's unit saw
inline constexpr const char* marks_file = "vtd-marks.txt";  ///< where phases begin in it
inline constexpr const char* boot_calls_file = "fgraph-boot.txt";
inline constexpr const char* lab_calls_file = "fgraph-lab.txt";
inline constexpr const char* boot_tables_file = "pt-boot.txt";
inline constexpr const char* sysfs_file = "sysfs-iommu.txt";
inline constexpr const char* client_file = "vfio.txt";  ///< what VFIO's user did
inline constexpr const char* script_file = "ops.txt";   ///< operations of a scripted run
inline constexpr const char* steps_file = "hot.txt";    ///< steps of a hot-plug run

}  // namespace iommulab::verify
