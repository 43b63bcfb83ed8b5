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
