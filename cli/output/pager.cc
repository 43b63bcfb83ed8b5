// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/pager.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace iommulab {
namespace {

bool on_path(std::string_view program) {
  const char* path = std::getenv("PATH");
  if (path == nullptr) return false;
  const std::vector<std::string> folders = absl::StrSplit(path, ':');
  for (const std::string& folder : folders) {
    if (access(absl::StrCat(folder, "/", std::string(program)).c_str(), X_OK) == 0) return true;
  }
  return false;
}

std::string command() {
  const char* wanted = std::getenv("PAGER");
  if (wanted != nullptr) return wanted == std::string_view("cat") ? "" : wanted;
  return on_path("less") ? "less" : "";
}

}  // namespace

std::unique_ptr<pager> pager::start() {
  const std::string program = command();
  if (program.empty()) return nullptr;
  constexpr int keep_what_is_set = 0;
  setenv("LESS", "FRX", keep_what_is_set);
  FILE* const pipe = popen(program.c_str(), "w");
  if (pipe == nullptr) return nullptr;
  // Who leaves the pager closes the pipe; an interrupt is the pager's to take.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, SIG_IGN);
  return std::unique_ptr<pager>(new pager(pipe));
}

pager::~pager() {
  pclose(pipe_);
}

void pager::write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), pipe_) < bytes.size()) std::clearerr(pipe_);
}

size_t rows_of(std::string_view text, size_t columns) {
  size_t rows = 0;
  size_t width = 0;
  for (const char c : text) {
    const bool continues = (static_cast<unsigned char>(c) & 0xc0u) == 0x80;  // of a character
    if (c != '\n') {
      width += continues ? 0 : 1;
      continue;
    }
    rows += width == 0 ? 1 : (width + columns - 1) / columns;
    width = 0;
  }
  return rows + (width + columns - 1) / columns;
}

}  // namespace iommulab
