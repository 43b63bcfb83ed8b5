// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/twin_capture.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "lab/replay/capture_files.h"
#include "platform/machine/parse.h"

namespace iommulab::verify {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view with_calls = ".calls";

/// Words of the command line by which a recording is made; they change nothing in what drivers do.
bool is_of_recorder(std::string_view word) {
  return word.starts_with("k44trace") || word.starts_with("trace_") || word.starts_with("ftrace") ||
         word.starts_with("earlyprintk=") || word.starts_with("dmalab=");
}

bool names_workload(std::string_view word) {
  return word.starts_with("k44work=") || word.starts_with("k44lab=");
}

/// What a run was, as far as its drivers are concerned.
struct run_description {
  std::vector<std::string> devices;   ///< of the emulator's command line, in order
  std::vector<std::string> workload;  ///< words of the kernel's command line
  std::vector<std::string> options;   ///< its other words
};

absl::StatusOr<run_description> describe(const capture_folder& folder) {
  const auto arguments = folder.read_text("qemu.args");
  if (!arguments.ok()) return arguments.status();
  const auto command_line = folder.read_text("cmdline");
  if (!command_line.ok()) return command_line.status();
  run_description run;
  bool is_device = false;
  for (const std::string_view word : split_at(*arguments, ' ')) {
    if (is_device && !word.starts_with("intel-iommu")) run.devices.emplace_back(word);
    is_device = word == "-device";
  }
  const std::string_view text = *command_line;
  for (const std::string_view word : split_at(text.substr(0, text.find('\n')), ' ')) {
    if (is_of_recorder(word)) continue;
    (names_workload(word) ? run.workload : run.options).emplace_back(word);
  }
  return run;
}

/// How good a witness `other` is; the less the better, none for a run of other devices. Where only
/// the boot is to be played, the same options come first: they decide at which addresses pages are
/// looked up.
std::optional<int> distance(const run_description& plain, const run_description& other,
                            bool only_boot) {
  if (plain.devices != other.devices) return std::nullopt;
  const int work = plain.workload == other.workload ? 0 : 1;
  const int options = plain.options == other.options ? 0 : 1;
  return only_boot ? 2 * options + work : 2 * work + options;
}

absl::StatusOr<std::optional<twin_capture>> open_sibling(const std::string& path) {
  std::error_code error;
  std::optional<twin_capture> twin;
  if (!fs::is_directory(path, error)) return twin;
  absl::StatusOr<capture_folder> sibling = capture_folder::open(path);
  if (!sibling.ok()) return sibling.status();
  if (sibling->has_recorded_calls()) twin = twin_capture{*std::move(sibling), false};
  return twin;
}

/// The capture folders beside `path` that have calls, by name.
std::vector<std::string> neighbours(const std::string& path) {
  std::vector<std::string> found;
  std::error_code error;
  const fs::path parent = fs::absolute(path).lexically_normal().parent_path();
  for (fs::directory_iterator entry(parent, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (entry->path().string().ends_with(with_calls)) found.push_back(entry->path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// Beside `path`, where the plain capture is or, of another kernel, would be.
absl::StatusOr<std::optional<twin_capture>> find_beside(const std::string& path,
                                                        const capture_folder& plain) {
  auto sibling = open_sibling(path + std::string(with_calls));
  if (!sibling.ok() || sibling->has_value()) return sibling;
  const auto wanted = describe(plain);
  if (!wanted.ok()) return wanted.status();
  std::optional<twin_capture> best;
  int best_distance = 0;
  for (const std::string& neighbour : neighbours(path)) {
    auto folder = capture_folder::open(neighbour);
    if (!folder.ok() || !folder->has_recorded_calls()) continue;  // damaged, but not what was asked
    const auto run = describe(*folder);
    if (!run.ok()) continue;
    const std::optional<int> away = distance(*wanted, *run, plain.has(script_file));
    if (!away || (best && *away >= best_distance)) continue;
    best_distance = *away;
    best = twin_capture{*std::move(folder), run->workload != wanted->workload};
  }
  return best;
}

}  // namespace

absl::StatusOr<std::optional<twin_capture>> find_twin(const capture_folder& plain) {
  auto twin = find_beside(plain.path(), plain);
  for (const kernel_profile* other : kernel_profiles()) {
    if (!twin.ok() || twin->has_value()) break;
    const std::string path = path_of_kernel(plain.path(), *other);
    if (other != &plain.kernel() && !path.empty()) twin = find_beside(path, plain);
  }
  return twin;
}

}  // namespace iommulab::verify
