// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace iommulab {
namespace {

constexpr size_t most_waiting = size_t{1} << 16;  // bytes before a write

/// https://no-color.org: any value but none.
bool no_colour_wanted() {
  const char* no = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return (no != nullptr && *no != '\0') ||
         (terminal != nullptr && terminal == std::string_view("dumb"));
}

bool paints(colour_choice choice, bool on_terminal) {
  if (choice != colour_choice::automatic) return choice == colour_choice::always;
  return on_terminal && !no_colour_wanted();
}

struct window {
  size_t rows = 24;
  size_t columns = 80;
};
window window_of(int file) {
  winsize size{};
  window result;
  if (ioctl(file, TIOCGWINSZ, &size) != 0) return result;
  if (size.ws_row != 0) result.rows = size.ws_row;
  if (size.ws_col != 0) result.columns = size.ws_col;
  return result;
}

}  // namespace

screen::~screen() {
  finish();
}

void screen::begin() {
  if (begun_) return;
  begun_ = true;
  const bool on_terminal = isatty(file_) != 0;
  paints_ = paints(options_.colour, on_terminal);
  pageable_ = may_page_ && options_.page && on_terminal;
}

void screen::write(std::string_view text) {
  if (text.empty()) return;
  begin();
  put_lines(text);
  if (waits_for_pager()) page_when_long();
  if (!waits_for_pager() && ready_.size() >= most_waiting) {
    put(ready_);
    ready_.clear();
  }
}

/// Into ready_, painted where that is wanted: then a line waits for its end.
void screen::put_lines(std::string_view text) {
  if (!paints_) {
    ready_ += text;
    return;
  }
  unfinished_ += text;
  size_t start = 0;
  for (size_t end; (end = unfinished_.find('\n', start)) != std::string::npos; start = end + 1) {
    ready_ += painter_(std::string_view(unfinished_).substr(start, end - start)) + '\n';
  }
  unfinished_.erase(0, start);
}

void screen::page_when_long() {
  const window seen = window_of(file_);
  if (rows_of(ready_, seen.columns) < seen.rows) return;
  pager_ = pager::start();
  if (pager_ == nullptr) pageable_ = false;
}

void screen::put(std::string_view bytes) {
  if (pager_ != nullptr) {
    pager_->write(bytes);
    return;
  }
  while (!bytes.empty() && error_ == 0) {
    const ssize_t written = ::write(file_, bytes.data(), bytes.size());
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
    if (written < 0 && errno != EINTR) error_ = errno;
  }
}

void screen::control(std::string_view sequence) {
  flush();
  put(sequence);
}

void screen::flush() {
  if (ready_.empty() && unfinished_.empty()) return;
  if (waits_for_pager()) pageable_ = false;
  ready_ += unfinished_;
  unfinished_.clear();
  put(ready_);
  ready_.clear();
}

int screen::finish() {
  if (!unfinished_.empty()) ready_ += painter_(unfinished_);
  unfinished_.clear();
  put(ready_);
  ready_.clear();
  pager_.reset();
  return error_;
}

}  // namespace iommulab
