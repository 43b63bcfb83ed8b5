// SPDX-License-Identifier: GPL-2.0-only
//
// Any bytes as a kernel's log: read, explained, and shown as text and as JSON.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>

#include "cli/fault/fault_command.h"

namespace iommulab {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken invariant: %s\n", what);
  std::abort();
}

/// A status of the three, and either output or one sentence.
int explain_log(const std::string& bytes, bool json) {
  std::istringstream in(bytes);
  std::ostringstream out;
  std::ostringstream err;
  const int status =
      run_fault_command({.inputs = {"-"}, .machine = "", .json = json}, in, out, err);
  require(status >= 0 && status <= 2, "the exit status is 0, 1 or 2");
  require(status == 2 ? out.str().empty() : !out.str().empty() || !err.str().empty(),
          "bad input leaves nothing on stdout, anything else says something");
  require(status != 2 || !err.str().empty(), "bad input is complained of");
  return status;
}

}  // namespace
}  // namespace iommulab

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace iommulab;
  const std::string bytes(data, data + size);
  require(explain_log(bytes, false) == explain_log(bytes, true),
          "text and JSON come to the same status");
  // And once more where the parser of a line gets to it whatever the bytes are.
  explain_log("DMAR: [DMA Read NO_PASID] Request device [" + bytes, false);
  return 0;
}
