// SPDX-License-Identifier: GPL-2.0-only
#include "lab/replay/captures.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>

#include "support/golden.h"

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

/// Unpacked by the xz program, which is none of ours; empty when there is no such file.
std::string text_of(const std::string& plain) {
  if (fs::exists(plain + ".xz")) return command_output("xz -dc '" + plain + ".xz'");
  std::ifstream in(plain, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

}  // namespace

std::string golden_root() {
  return fs::is_directory(golden::root() / "kernel/v4_4") ? golden::root().string() : "";
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
  // A test asks for the few files of a capture several times, then goes on to the next capture.
  static std::map<std::string, std::vector<std::string>> of_capture;
  static std::string kept;
  if (kept != capture) of_capture.clear();
  kept = capture;
  const auto [known, is_new] = of_capture.try_emplace(file);
  if (is_new) known->second = lines_of(text_of(capture + "/" + file));
  return known->second;
}

size_t count(const std::vector<std::string>& lines, const std::string& text) {
  return static_cast<size_t>(
      std::count_if(lines.begin(), lines.end(),
                    [&](const std::string& line) { return line.find(text) != std::string::npos; }));
}

}  // namespace iommulab::verify
