// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/captures.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

namespace iommulab::verify {
namespace {

namespace fs = std::filesystem;

std::string command_output(const std::string& command) {
  struct closer {
    void operator()(FILE* file) const { pclose(file); }
  };
  const std::unique_ptr<FILE, closer> pipe(popen(command.c_str(), "r"));
  std::string text;
  if (pipe == nullptr) return text;
  std::array<char, 65536> chunk{};
  for (size_t got = 0; (got = fread(chunk.data(), 1, chunk.size(), pipe.get())) > 0;) {
    text.append(chunk.data(), got);
  }
  return text;
}

}  // namespace

std::string golden_root() {
  std::vector<fs::path> places;
  if (const char* golden = std::getenv("IOMMULAB_GOLDEN")) {
    places.emplace_back(golden);
  } else {
    const fs::path source(IOMMULAB_SOURCE_DIR);
    places.push_back(source / "tests/golden");
    places.push_back(source.parent_path() / "shared/golden");
  }
  for (const fs::path& place : places) {
    if (fs::is_directory(place / "kernel/v4_4")) return place.string();
  }
  return {};
}

std::vector<std::string> capture_paths() {
  std::vector<std::string> paths;
  const std::string root = golden_root();
  if (root.empty()) return paths;
  for (const char* kind : {"boot", "firmware", "hotplug"}) {
    const fs::path group = fs::path(root) / "kernel/v4_4" / kind;
    if (!fs::is_directory(group)) continue;
    for (const auto& entry : fs::directory_iterator(group)) {
      if (entry.is_directory()) paths.push_back(entry.path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string capture_path(const std::string& name) {
  return golden_root() + "/kernel/v4_4/" + name;
}

bool has_capture(const std::string& name) {
  return !golden_root().empty() && fs::is_directory(capture_path(name));
}

std::vector<std::string> scan(const std::string& capture, const std::string& file) {
  const std::string plain = capture + "/" + file;
  std::string text;
  if (fs::exists(plain)) text = command_output("cat '" + plain + "'");
  if (fs::exists(plain + ".xz")) text = command_output("xz -dc '" + plain + ".xz'");
  std::vector<std::string> lines;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

size_t count(const std::vector<std::string>& lines, const std::string& text) {
  return static_cast<size_t>(
      std::count_if(lines.begin(), lines.end(),
                    [&](const std::string& line) { return line.find(text) != std::string::npos; }));
}

}  // namespace iommulab::verify
