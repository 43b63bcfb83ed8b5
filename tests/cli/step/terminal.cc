// SPDX-License-Identifier: GPL-2.0-only
#include "cli/step/terminal.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace iommulab::step_test {
namespace {

constexpr const char* prompt = "(iommulab) ";
constexpr int patience_ms = 15000;

}  // namespace

terminal::terminal(const std::string& command) {
  winsize size{};
  size.ws_row = 50;
  size.ws_col = 160;
  child_ = forkpty(&master_, nullptr, nullptr, &size);
  if (child_ == 0) {
    setenv("TERM", "vt100", 1);
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  EXPECT_GT(child_, 0);
}

terminal::~terminal() {
  close(master_);
  if (child_ > 0) waitpid(child_, nullptr, 0);
}

void terminal::type(const std::string& keys) {
  // A key that is no letter means something else until the editor has taken the terminal, which it
  // does behind its prompt.
  constexpr unsigned moment_us = 300000;
  const bool controls = keys.find_first_of("\x01\x03\x04\x05\t\x10\x16\x7f") != std::string::npos;
  if (controls) usleep(moment_us);
  for (size_t done = 0; done < keys.size();) {
    const ssize_t written = write(master_, keys.data() + done, keys.size() - done);
    if (written <= 0) {
      ADD_FAILURE() << "the terminal takes no more";
      return;
    }
    done += static_cast<size_t>(written);
  }
}

bool terminal::read_more() {
  pollfd waiting{master_, POLLIN, 0};
  if (poll(&waiting, 1, patience_ms) <= 0) {
    ADD_FAILURE() << "nothing comes any more; seen: " << seen_;
    return false;
  }
  char chunk[4096];
  const ssize_t got = read(master_, chunk, sizeof chunk);
  if (got <= 0) return false;  // the other side is closed
  for (ssize_t i = 0; i < got; ++i) {
    if (chunk[i] != '\r') seen_ += chunk[i];
  }
  return true;
}

std::string terminal::until_prompt() {
  size_t at = 0;
  while ((at = seen_.find(prompt)) == std::string::npos) {
    if (!read_more()) {
      ADD_FAILURE() << "no prompt behind: " << seen_;
      return {};
    }
  }
  std::string text = seen_.substr(0, at);
  seen_.erase(0, at + std::string(prompt).size());
  return text;
}

std::string terminal::answer_to(const std::string& line) {
  type(line + "\n");
  // The prompt may stand there again before the line's echo ends.
  std::string text = until_prompt();
  while (text.find('\n') == std::string::npos && !testing::Test::HasFailure()) {
    text += until_prompt();
  }
  const size_t end = text.find('\n');
  return end == std::string::npos ? text : text.substr(end + 1);
}

std::string terminal::rest() {
  while (read_more()) {
  }
  return std::exchange(seen_, {});
}

int terminal::status() {
  int status = 0;
  waitpid(std::exchange(child_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace iommulab::step_test
