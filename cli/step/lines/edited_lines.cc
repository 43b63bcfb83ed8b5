// SPDX-License-Identifier: GPL-2.0-only
#include "cli/step/lines/edited_lines.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "cli/output/clean_text.h"

namespace iommulab::step {
namespace {

constexpr int remembered_lines = 1000;

/// A stream of its own for libedit, which closes nothing and buffers by itself.
std::FILE* stream_of(int descriptor, const char* mode) {
  const int own = dup(descriptor);
  return own < 0 ? nullptr : fdopen(own, mode);
}

size_t columns_of_terminal() {
  winsize size{};
  constexpr size_t usual = 80;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual;
  return size.ws_col;
}

/// What all of the words begin with.
std::string common_start(const std::vector<std::string>& words) {
  std::string start = words.front();
  for (const std::string& word : words) {
    const auto ends = std::mismatch(start.begin(), start.end(), word.begin(), word.end());
    start.erase(ends.first, start.end());
  }
  return start;
}

edited_lines* owner_of(EditLine* editor) {
  void* owner = nullptr;
  el_get(editor, EL_CLIENTDATA, &owner);
  return static_cast<edited_lines*>(owner);
}

}  // namespace

std::string history_file() {
  namespace fs = std::filesystem;
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  fs::path folder;
  if (state != nullptr && fs::path(state).is_absolute()) {
    folder = state;
  } else if (home != nullptr && fs::path(home).is_absolute()) {
    folder = fs::path(home) / ".local" / "state";
  } else {
    return {};
  }
  folder /= "iommulab";
  std::error_code error;
  fs::create_directories(folder, error);
  return error ? std::string() : (folder / "step_history").string();
}

std::unique_ptr<edited_lines> edited_lines::make(std::ostream& out, completer complete) {
  std::unique_ptr<edited_lines> made(new edited_lines(out, std::move(complete)));
  return made->begin() ? std::move(made) : nullptr;
}

bool edited_lines::begin() {
  const char* terminal = std::getenv("TERM");
  if (terminal == nullptr || terminal == std::string_view("dumb")) return false;
  in_.reset(stream_of(STDIN_FILENO, "r"));
  shown_.reset(stream_of(STDOUT_FILENO, "w"));
  errors_.reset(stream_of(STDERR_FILENO, "w"));
  if (!in_ || !shown_ || !errors_) return false;
  editor_.reset(el_init("iommulab", in_.get(), shown_.get(), errors_.get()));
  history_.reset(history_init());
  if (!editor_ || !history_) return false;

  HistEvent event;
  history(history_.get(), &event, H_SETSIZE, remembered_lines);
  history(history_.get(), &event, H_SETUNIQUE, 1);
  history_file_ = history_file();
  if (!history_file_.empty()) history(history_.get(), &event, H_LOAD, history_file_.c_str());

  EditLine* const editor = editor_.get();
  el_set(editor, EL_CLIENTDATA, this);
  el_set(editor, EL_PROMPT, &edited_lines::prompt_of);
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_SIGNAL, 1);
  el_set(editor, EL_HIST, &history, history_.get());
  // Names of functions in wide characters, as libedit keeps them: it leaks what it has to widen.
  el_wset(editor, EL_ADDFN, L"complete-word", L"What could stand here", &edited_lines::on_tab);
  el_set(editor, EL_BIND, "^I", "complete-word", nullptr);
  el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  // ^C gives the line up: as a key, for a signal would end the program. So ^Z is a key too.
  el_wset(editor, EL_ADDFN, L"give-up", L"A new line in its place", &edited_lines::on_interrupt);
  el_set(editor, EL_BIND, "^C", "give-up", nullptr);
  el_wset(editor, EL_ADDFN, L"suspend", L"Back to the shell", &edited_lines::on_suspend);
  el_set(editor, EL_BIND, "^Z", "suspend", nullptr);
  el_set(editor, EL_SETTY, "-d", "-isig", nullptr);
  el_source(editor, nullptr);  // what somebody likes otherwise
  return true;
}

char* edited_lines::prompt_of(EditLine* /*editor*/) {
  static char text[sizeof prompt];
  std::copy(std::begin(prompt), std::end(prompt), std::begin(text));
  return text;
}

std::optional<std::string> edited_lines::next() {
  out_ << std::flush;
  do {
    given_up_ = false;
    int length = 0;
    const char* line = el_gets(editor_.get(), &length);
    if (line == nullptr || length <= 0) {
      out_ << '\n';
      return std::nullopt;
    }
    if (given_up_) {
      out_ << '\n' << std::flush;
      continue;
    }
    std::string text(line, static_cast<size_t>(length));
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    remember(text);
    return text;
  } while (true);
}

void edited_lines::remember(const std::string& line) {
  if (line.find_first_not_of(" \t") == std::string::npos) return;
  HistEvent event;
  history(history_.get(), &event, H_ENTER, line.c_str());
  if (!history_file_.empty()) history(history_.get(), &event, H_SAVE, history_file_.c_str());
}

unsigned char edited_lines::on_interrupt(EditLine* editor, int /*key*/) {
  edited_lines& self = *owner_of(editor);
  self.given_up_ = true;
  return CC_NEWLINE;
}

/// libedit gives the terminal back in its handler of the signal, and takes it again afterwards.
unsigned char edited_lines::on_suspend(EditLine* /*editor*/, int /*key*/) {
  kill(getpid(), SIGTSTP);
  return CC_REDISPLAY;
}

unsigned char edited_lines::on_tab(EditLine* editor, int /*key*/) {
  edited_lines& self = *owner_of(editor);
  const LineInfo* line = el_line(editor);
  const std::string text(line->buffer, line->cursor);
  const completion found = self.complete_(text);
  if (found.words.empty()) return CC_REFRESH_BEEP;
  const std::string start = common_start(found.words);
  const std::string typed = text.substr(std::min(found.begin, text.size()));
  if (start.size() > typed.size() && start.starts_with(typed)) {
    const std::string rest = start.substr(typed.size());
    const bool only = found.words.size() == 1;
    const bool goes_on = only && (start.ends_with('.') || start.ends_with('['));
    el_insertstr(editor, (rest + (only && !goes_on ? " " : "")).c_str());
    return CC_REFRESH;
  }
  if (found.words.size() == 1) {
    el_insertstr(editor, " ");
    return CC_REFRESH;
  }
  self.offer(found.words);
  return CC_REDISPLAY;
}

/// In columns, as far as they fit.
void edited_lines::offer(const std::vector<std::string>& words) {
  constexpr size_t between = 2;
  constexpr size_t most = 200;
  size_t width = 0;
  for (const std::string& word : words) width = std::max(width, word.size() + between);
  const size_t columns = std::max<size_t>(1, columns_of_terminal() / width);
  const size_t shown = std::min(words.size(), most);
  out_ << '\n';
  for (size_t i = 0; i < shown; ++i) {
    const bool last = i + 1 == shown || (i + 1) % columns == 0;
    out_ << words[i] << (last ? "\n" : std::string(width - words[i].size(), ' '));
  }
  if (shown < words.size()) out_ << "and " << words.size() - shown << " more\n";
  out_ << std::flush;
}

}  // namespace iommulab::step
