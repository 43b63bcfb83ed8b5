// SPDX-License-Identifier: GPL-2.0-only
#include "cli/iova/run_facts.h"

#include <array>
#include <cstdlib>
#include <fstream>
#include <ostream>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace iommulab {
namespace {

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
constexpr bool built_with_sanitizer = true;
#elif defined __has_feature
constexpr bool built_with_sanitizer =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool built_with_sanitizer = false;
#endif

#ifdef NDEBUG
constexpr bool built_with_assertions = false;
#else
constexpr bool built_with_assertions = true;
#endif

/// The last -O counts, as for the compiler; none is -O0.
bool is_optimised(const std::string& flags) {
  std::string_view level = "-O0";
  const std::vector<std::string> words = absl::StrSplit(flags, ' ', absl::SkipEmpty());
  for (const std::string& word : words) {
    if (word.starts_with("-O")) level = word;
  }
  return level != "-O0" && level != "-O1" && level != "-O" && level != "-Og";
}

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    constexpr std::string_view field = "model name";
    const size_t colon = line.find(": ");
    if (line.starts_with(field) && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

}  // namespace

build_facts this_build() {
  return {.type = IOMMULAB_BUILD_TYPE,
          .flags = std::string(absl::StripAsciiWhitespace(IOMMULAB_BUILD_FLAGS)),
#ifdef __clang__
          .compiler = "clang " __clang_version__,
#else
          .compiler = "gcc " __VERSION__,
#endif
          .assertions = built_with_assertions,
          .sanitizer = built_with_sanitizer};
}

std::string timing_remark(const build_facts& build) {
  std::vector<std::string> why;
  if (build.sanitizer) why.emplace_back("with a sanitizer");
  if (build.assertions) why.emplace_back("with assertions");
  if (!is_optimised(build.flags)) why.emplace_back("without -O2");
  if (why.empty()) return "";
  return absl::StrFormat(
      "this program was built %s (%s: %s): its times are not those of a release build "
      "(cmake --preset release)",
      absl::StrJoin(why, " and "), build.type.empty() ? "no build type" : build.type, build.flags);
}

void warn_of_build(std::ostream& err, const build_facts& build) {
  const std::string remark = timing_remark(build);
  if (!remark.empty()) err << "iommulab: warning: " << remark << '\n';
}

machine_facts this_machine() {
  machine_facts machine = {cpu_model(), std::thread::hardware_concurrency(), {}};
  std::array<double, 3> loads{};
  if (getloadavg(loads.data(), static_cast<int>(loads.size())) == static_cast<int>(loads.size())) {
    machine.loads.assign(loads.begin(), loads.end());
  }
  return machine;
}

}  // namespace iommulab
