// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/reasons/fault_advice.h"

namespace iommulab {
namespace {

constexpr std::string_view see_core =
    "the lines in front: a driver that failed, a device that was reset";

struct message_row {
  std::string_view words;
  fault_advice advice;
};

constexpr message_row message_rows[] = {
    {"VT-d detected Invalidation Queue Error",
     {"6.5.2",
      "the unit stopped at a descriptor of the invalidation queue that it cannot carry out (IQE)",
      {"with reason f and SID ffff, and a queue of zeros or \"UNKNOWN\": the unit's registers read "
       "all ones, because they are no longer there: something else was mapped over them (VMD "
       "root ports whose windows were cleared), or the device with the unit lost power",
       "a descriptor that this unit does not know: PASID based ones, large address masks",
       "the queue in memory was overwritten"},
      {"the lines QI HEAD and QI PRIOR: the descriptor at fault", "the units' ecap registers"}}},
    {"VT-d detected Invalidation Time-out Error",
     {"6.5.2",
      "a device did not answer an invalidation of its device-TLB (ATS) in time (ITE)",
      {"the device is gone, hung, or in reset or D3 while its ATS is still enabled: surprise "
       "removal, VFIO reset, a GPU that crashed",
       "the device claims ATS and does not do it: newer kernels have a list of such devices "
       "(quirk_no_ats)",
       "with SID ffff, or together with a queue error of reason f: the unit's registers read all "
       "ones"},
      {"the line QI PRIOR: bits 47:32 of qw0 of a Device-TLB invalidation are the device's bus, "
       "device and function",
       "pci=noats on the kernel's command line", see_core}}},
    {"VT-d detected Invalidation Completion Error",
     {"6.5.2",
      "a device answered an invalidation of its device-TLB that nobody had sent, or with a wrong "
      "tag (ICE)",
      {"a device whose ATS is faulty, or that was reset in between",
       "with SID ffff: the unit's registers read all ones"},
      {"pci=noats on the kernel's command line", see_core}}},
    {"VT-d detected invalid descriptor",
     {"6.5.2",
      "the unit stopped at a descriptor of the invalidation queue that it cannot carry out (IQE)",
      {"a descriptor that this unit does not know, or with reserved bits set",
       "a hypervisor's emulated unit that lacks a kind of descriptor",
       "the queue in memory was overwritten"},
      {"the descriptor in the line: its low four bits are its type", "the units' ecap registers"}}},
    {"Invalidation Queue Error (IQE) cleared",
     {"6.5.2",
      "the kernel took the descriptor at fault out of the queue and went on",
      {"see the line \"VT-d detected Invalidation Queue Error\" in front of it"},
      {"the lines QI HEAD and QI PRIOR"}}},
    {"Invalidation Time-out Error (ITE) cleared",
     {"6.5.2",
      "the kernel gave up the device-TLB invalidations that were not answered and sends them again",
      {"see the line \"VT-d detected Invalidation Time-out Error\" in front of it"},
      {"the lines QI HEAD and QI PRIOR"}}},
    {"Page request without PASID",
     {"7.5",
      "a device asked for a page without saying for which address space",
      {"a device that uses page requests in a way that the kernel does not support",
       "PRI left enabled in the device after its address space was unbound"},
      {"lspci -vv: PRICtl, PASIDCtl", see_core}}},
    {"Page request for invalid PASID",
     {"7.5",
      "a device asked for a page of an address space that is not bound",
      {"the process exited or unbound, and the device still had work in flight: the driver did "
       "not drain it"},
      {see_core}}},
    {"Invalid page request",
     {"7.5",
      "a page request has a combination of bits that makes no sense",
      {"a faulty device, or one that nobody told the address space"},
      {see_core}}},
    {"Page request in Privilege Mode",
     {"7.5",
      "a device asked for a page with supervisor rights, which the kernel does not serve",
      {"a driver that set the device up for privileged requests"},
      {see_core}}},
    {"Address is not canonical",
     {"7.5",
      "a device asked for a page at an address that no process can have",
      {"a corrupted descriptor or pointer given to the device"},
      {see_core}}},
    {"Execution request not supported",
     {"7.5",
      "a device asked for a page to execute from, which the kernel does not serve",
      {"a device or driver that sets execute requested"},
      {see_core}}},
};

}  // namespace

const fault_advice* find_advice(std::string_view message) {
  for (const message_row& row : message_rows) {
    if (row.words == message) return &row.advice;
  }
  return nullptr;
}

}  // namespace iommulab
