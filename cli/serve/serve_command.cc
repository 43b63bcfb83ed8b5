// SPDX-License-Identifier: GPL-2.0-only
#include "cli/serve/serve_command.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/kernels/command_line_words.h"
#include "cli/kernels/kernel_choice.h"
#include "cli/machines/machine_choice.h"
#include "cli/output/assumptions.h"
#include "cli/output/complain.h"
#include "cli/runs/run_options.h"
#include "cli/serve/served_boot.h"

namespace iommulab {
namespace {

namespace fs = std::filesystem;

constexpr const char* library_name = "libiommulab_serve.so";
constexpr int by_signal = 128;  // as a shell says that a signal ended a program

/// A folder of the host's that goes with all that is in it.
class scratch_folder {
 public:
  scratch_folder() {
    std::error_code ignored;
    std::string name = (fs::temp_directory_path(ignored) / "iommulab-serve-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~scratch_folder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Beside the program where it was built, below its prefix where it was installed.
std::optional<std::string> library_path() {
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const fs::path& place : {folder, folder / "../lib" / "iommulab"}) {
    if (fs::exists(place / library_name, error)) {
      return fs::weakly_canonical(place / library_name, error).string();
    }
  }
  return std::nullopt;
}

/// Where the shell would find it.
std::optional<std::string> program_path(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* const search = std::getenv("PATH");
  std::string_view left = search == nullptr ? "" : search;
  while (!left.empty()) {
    const std::string_view folder = left.substr(0, left.find(':'));
    left.remove_prefix(std::min(left.size(), folder.size() + 1));
    std::string path = absl::StrCat(std::string(folder), "/", name);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return std::nullopt;
}

/// Whether a library can be put into the program: it is dynamically linked, and its rights are the
/// caller's.
absl::Status check_program(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) {
    return errno_status(errno, absl::StrFormat("%s: %s", path, std::strerror(errno)));
  }
  if ((found.st_mode & (S_ISUID | S_ISGID)) != 0) {
    return refuse(
        absl::StrFormat("%s: it runs with rights of its own (setuid), and takes no "
                        "library from its caller",
                        path));
  }
  constexpr std::string_view elf =
      "\x7f"
      "ELF";
  constexpr size_t read_of_file = size_t{1} << 12;
  std::array<char, read_of_file> head{};
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t length = fd < 0 ? 0 : read(fd, head.data(), head.size());
  if (fd >= 0) close(fd);
  const std::string_view text(head.data(), static_cast<size_t>(std::max<ssize_t>(length, 0)));
  if (!text.starts_with(elf) || text.find("ld-linux") != std::string_view::npos) {
    return absl::OkStatus();  // a script's interpreter is looked at by nobody
  }
  return refuse(absl::StrFormat("%s: it is statically linked, and takes no library", path));
}

/// Everything that can be refused is refused before the program begins.
absl::Status check_options(const serve_arguments& a, const served_options& options,
                           std::ostream& err) {
  if (const auto classes = trace_classes_of(options.trace); !classes.ok()) return classes.status();
  if (!options.trace_file.empty()) {
    const int fd = open(options.trace_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                        S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
    if (fd < 0) {
      return errno_status(
          errno, absl::StrFormat("--trace-to: %s: %s", options.trace_file, std::strerror(errno)));
    }
    close(fd);
  }
  const auto tried = boot_served(options);
  if (!tried.ok()) return tried.status();
  absl::Status runs = check_program(*program_path(a.program.front()));
  // Standard output is the program's.
  if (runs.ok()) err << assumptions_text((*tried)->machine().assumed) << std::flush;
  return runs;
}

int status_of(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? by_signal + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

int run_serve_command(const serve_arguments& a, std::ostream& err) {
  const auto library = library_path();
  if (!library) return complain(err, absl::StrCat(library_name, ": it is not beside the program"));
  if (!program_path(a.program.front())) {
    return complain(err, absl::StrCat(a.program.front(), ": command not found"));
  }
  const scratch_folder folder;
  if (folder.path().empty()) {
    return complain(err, absl::StrCat("no temporary folder: ", std::strerror(errno)));
  }
  served_options options = a.served;
  options.folder = folder.path();
  vfio_module_options modules{.allow_unsafe_interrupts = true};
  apply(a.modules, modules);
  options.container_is_iommufd = modules.container_is_iommufd;
  options.unsafe_interrupts = modules.allow_unsafe_interrupts;
  options.dma_entry_limit = modules.dma_entry_limit;
  if (absl::Status status = check_options(a, options, err); !status.ok())
    return complain(err, status);

  const char* const others = std::getenv("LD_PRELOAD");
  const bool has_others = others != nullptr && *others != '\0';
  setenv("LD_PRELOAD", (has_others ? absl::StrCat(*library, ":", others) : *library).c_str(), 1);
  setenv(served_options_variable, to_variable(options).c_str(), 1);
  std::vector<char*> words;
  for (const std::string& word : a.program) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  // An interrupt from the terminal is the program's; its end is ours.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGQUIT, SIG_IGN);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t restored;
  sigemptyset(&restored);
  for (const int signal : {SIGINT, SIGQUIT, SIGXFSZ}) sigaddset(&restored, signal);
  posix_spawnattr_setsigdefault(&attributes, &restored);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, words.front(), nullptr, &attributes, words.data(), environ);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    return complain(err, absl::StrFormat("%s: %s", a.program.front(), std::strerror(error)));
  }
  return status_of(child);
}

void add_serve_command(CLI::App& app, int& exit_status) {
  auto a = std::make_shared<serve_arguments>();
  CLI::App* const command = app.add_subcommand(
      "serve", "Run a program with the simulated system's /dev/vfio, /dev/iommu and /sys");
  command->add_option("PROGRAM", a->program, "The program and its arguments, behind --")
      ->required();
  add_kernel_option(*command, a->served.kernel, default_client_kernel());
  command
      ->add_option("--machine", a->served.machine,
                   absl::StrCat(machine_option_words, "; default q35"))
      ->type_name("NAME|DIR");
  add_dmar_option(*command, a->served.dmar_file);
  command
      ->add_option("--cmdline", a->served.command_line,
                   "The kernel's command line; default the machine's own")
      ->type_name("TEXT")
      ->each([a](const std::string&) { a->served.has_command_line = true; });
  command
      ->add_option("--bind", a->served.bind,
                   "A function that vfio-pci takes before the program begins; may be repeated")
      ->allow_extra_args(false)
      ->type_name("SSSS:BB:DD.F");
  add_client_module_options(*command, a->modules);
  command->add_flag("--mock", a->served.mock_devices,
                    "iommufd has the mock devices of the kernel's selftests, and allocations can "
                    "be made to fail");
  add_trace_flag(*command, a->served.trace);
  command
      ->add_option("--trace-to", a->served.trace_file,
                   "Where --trace tells it; default standard error")
      ->type_name("FILE");
  command->footer(
      "Exit status: the program's own, 128 and the signal's number when one ended it; 2 bad use, "
      "or "
      "a system or a program that cannot be.");
  command->callback([a, &exit_status] { exit_status = run_serve_command(*a, std::cerr); });
}

}  // namespace iommulab
