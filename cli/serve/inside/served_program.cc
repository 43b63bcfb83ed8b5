// SPDX-License-Identifier: GPL-2.0-only
#include "cli/serve/inside/served_program.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/serve/inside/attribute_file.h"
#include "cli/serve/inside/host_calls.h"
#include "cli/serve/inside/injected_failures.h"
#include "cli/serve/served_boot.h"
#include "core/panic.h"
#include "core/status.h"
#include "lab/events/trace_choice.h"
#include "vfio/process/device_nodes.h"
#include "vfio/process/eventfd.h"
#include "vfio/uapi/vfio.h"

namespace iommulab {
namespace {

constexpr int most_descriptors = 1 << 16;
constexpr int refused_status = 2;  // as every command's for bad use

/// Of the process: they must be there before and behind the system.
std::mutex mutex;
std::atomic<served_program*> the_program = nullptr;
std::array<std::atomic<bool>, most_descriptors> ours;
/// Whose descriptors these are. A child of vfork() has its parent's memory and descriptors of its
/// own.
std::atomic<pid_t> owner = 0;

uint64_t host_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * ns_per_second + static_cast<uint64_t>(now.tv_nsec);
}

[[noreturn]] void give_up(const absl::Status& status) {
  const std::string line = absl::StrCat("iommulab: ", std::string(status.message()), "\n");
  const ssize_t ignored = write(STDERR_FILENO, line.data(), line.size());
  static_cast<void>(ignored);
  _exit(refused_status);
}

const served_options& options_of_process() {
  static const served_options options = [] {
    const char* const variable = getenv(served_options_variable);
    auto read = from_variable(variable == nullptr ? "" : variable);
    if (!read.ok()) give_up(read.status());
    return *std::move(read);
  }();
  return options;
}

/// The folder of the system's that the program is in. It is laid out anew when something changes,
/// so the host's kernel cannot be asked.
std::string& program_folder() {
  static std::string path;
  return path;
}

uint64_t address_of(const void* pointer) {
  return reinterpret_cast<uint64_t>(pointer);
}

std::string folder_of_process(const std::string& folder) {
  return absl::StrCat(folder, "/", getpid());
}

/// A counter of the host's that the system signals: what it counts goes on to the descriptor.
struct forwarded_eventfd {
  explicit forwarded_eventfd(int descriptor)
      : fd(descriptor),
        counter(std::make_shared<eventfd_ctx>(0, false)),
        entry(counter, [this] { eventfd_write(fd, counter->take()); }) {}
  ~forwarded_eventfd() { ::close(fd); }
  forwarded_eventfd(const forwarded_eventfd&) = delete;
  forwarded_eventfd& operator=(const forwarded_eventfd&) = delete;

  int fd;
  std::shared_ptr<eventfd_ctx> counter;
  eventfd_ctx::wait_entry entry;
};

}  // namespace

/// One call under way: alone in the system, with time up to date. A panic of the kernel ends it,
/// and all later ones.
struct served_program::call {
  explicit call(served_program& program) : of(program), lock(mutex) { of.pass_time(); }

  int64_t run(absl::FunctionRef<int64_t()> what) {
    if (!of.stopped_.empty()) return -EIO;
    int64_t result = -EIO;
    const auto outcome = run_guarded([&] {
      result = what();
      of.task_.files.task_work_run();
    });
    of.mirror_.touch();
    if (outcome.complete()) return result;
    of.stopped_ = outcome.line();
    of.report_.say(of.stopped_);
    return -EIO;
  }
  /// `words` are made only where somebody hears them.
  int64_t told(absl::FunctionRef<std::string()> words, absl::FunctionRef<int64_t()> what) {
    const std::string text = of.report_.is_on() ? words() : std::string();
    const int64_t result = run(what);
    of.report_.tell(text, result);
    return result;
  }
  /// The same of something that is done with the file behind a descriptor: -EBADF where none is.
  int64_t told_of_file(int fd, absl::FunctionRef<std::string()> words,
                       absl::FunctionRef<int64_t(file&)> what) {
    return told(words, [&]() -> int64_t {
      file* const f = of.task_.files.lookup(fd);
      return f == nullptr ? -EBADF : what(*f);
    });
  }

  inside_guard inside{};
  served_program& of;
  std::unique_lock<std::mutex> lock;
};

served_program& served_program::get() {
  const inside_guard inside;
  const std::unique_lock<std::mutex> lock(mutex);
  if (the_program != nullptr) return *the_program;
  auto system = boot_served(options_of_process());
  if (!system.ok()) give_up(system.status());
  // It lives as long as the process: threads of the program may call at any moment of its end.
  the_program = new served_program(*std::move(system), options_of_process());
  owner = getpid();
  pthread_atfork(prepare_fork, after_fork_in_parent, after_fork_in_child);
  return *the_program;
}

bool served_program::is_ours(const std::string& path) {
  const inside_guard inside;
  const bool has_injected_failures = options_of_process().mock_devices;
  return path_mirror::is_ours(path, has_injected_failures) ||
         (has_injected_failures && injected_failures::is_path(path));
}

bool served_program::is_ours(int fd) {
  return fd >= 0 && fd < most_descriptors && ours[static_cast<size_t>(fd)] && owner == getpid();
}

served_program::served_program(std::unique_ptr<kernel> system, const served_options& options)
    : system_(std::move(system)),
      mirror_(*system_, folder_of_process(options.folder), options.mock_devices),
      report_(*system_,
              options.trace.empty()
                  ? trace_class::none
                  : parse_trace_classes(options.trace).value_or(trace_class::none),
              options.trace_file),
      folder_(options.folder),
      has_injected_failures_(options.mock_devices),
      last_ns_(host_ns()) {
  auto memory = std::make_shared<host_memory>(system_->user_pages());
  memory_ = memory.get();
  task_.mm = std::move(memory);
  task_.user = std::make_shared<user_struct>();
  task_.files.unused_descriptor = [this] { return take_descriptor(); };
  task_.eventfd_elsewhere = [this](int fd) { return eventfd_of_host(fd); };
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    task_.rlimit_memlock = limit.rlim_cur;
  }
  if (geteuid() != 0) task_.effective.reset();
}

void served_program::pass_time() {
  const uint64_t now = host_ns();
  const uint64_t passed = now - std::exchange(last_ns_, now);
  if (!stopped_.empty()) return;
  const auto outcome = run_guarded([&] { system_->env().clock.advance(passed); });
  if (outcome.complete()) return;
  stopped_ = outcome.line();
  report_.say(stopped_);
}

/// A descriptor of the host's stands for each of the system's, so that numbers are the program's
/// own.
int served_program::take_descriptor() {
  const int given = std::exchange(next_descriptor_, -1);
  const int fd = given >= 0 ? given : ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (fd < 0) return -errno;
  if (fd >= most_descriptors) {
    ::close(fd);
    return -EMFILE;
  }
  ours[static_cast<size_t>(fd)] = true;
  positions_.erase(fd);
  return fd;
}

std::shared_ptr<eventfd_ctx> served_program::eventfd_of_host(int fd) {
  std::ifstream info(absl::StrCat("/proc/self/fdinfo/", fd));
  std::string line;
  bool is_eventfd = false;
  while (std::getline(info, line)) is_eventfd = is_eventfd || line.starts_with("eventfd-count:");
  const int copy = is_eventfd ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
  if (copy < 0) return nullptr;
  auto forwarded = std::make_shared<forwarded_eventfd>(copy);
  eventfd_ctx* const counter = forwarded->counter.get();
  return {std::move(forwarded), counter};
}

// ---- Descriptors

int64_t served_program::open(const std::string& path, int flags) {
  call under_way(*this);
  return under_way.told(
      [&] { return absl::StrFormat("open(%s)", path); },
      [&]() -> int64_t {
        int64_t fd = -ENOENT;
        if (system_->nodes().has(path)) {
          fd = system_->nodes().open(task_, path);
        } else if (has_injected_failures_ && injected_failures::is_path(path)) {
          fd = task_.files.install(*new injected_failures(system_->slab()));
        } else if (std::string_view attribute = path; attribute.starts_with("/sys/")) {
          attribute.remove_prefix(std::string_view("/sys/").size());
          const auto kind = system_->sysfs().kind(attribute);
          if (!kind.ok()) return -ENOENT;
          if (*kind == sysfs_tree::node_kind::directory) return -EISDIR;
          int ends[2];
          if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return -errno;
          next_descriptor_ = ends[1];
          fd = task_.files.install(
              *new attribute_file(system_->sysfs(), std::string(attribute), ends[0]));
        }
        if (fd >= 0) paths_[static_cast<int>(fd)] = path;
        if (fd >= 0 && (flags & O_CLOEXEC) == 0) fcntl(static_cast<int>(fd), F_SETFD, 0);
        return fd;
      });
}

int64_t served_program::open_content(const std::string& path) {
  call under_way(*this);
  constexpr std::string_view root = "/sys/";
  const auto text = system_->sysfs().read(path.substr(std::min(path.size(), root.size())));
  if (!path.starts_with(root) || !text.ok()) return -ENOENT;
  const int fd = memfd_create("sysfs", 0);
  if (fd < 0) return -errno;
  const bool is_whole =
      ::write(fd, text->data(), text->size()) == static_cast<ssize_t>(text->size());
  lseek(fd, 0, SEEK_SET);
  if (is_whole) return fd;
  ::close(fd);
  return -EIO;
}

void served_program::duplicate(int fd, int copy) {
  if (copy >= most_descriptors) return;
  const call under_way(*this);
  file* const f = task_.files.lookup(fd);
  if (f == nullptr) return;
  task_.files.install_at(copy, get_file(*f));
  ours[static_cast<size_t>(copy)] = true;
  paths_[copy] = paths_[fd];
}

int64_t served_program::close(int fd) {
  call under_way(*this);
  ours[static_cast<size_t>(fd)] = false;
  const std::string path = paths_[fd];
  paths_.erase(fd);
  positions_.erase(fd);
  const auto words = [&] { return absl::StrFormat("close(%d %s)", fd, path); };
  return under_way.told_of_file(fd, words, [&](file& f) {
    auto* const attribute = dynamic_cast<attribute_file*>(&f);
    const absl::Status stored =
        attribute == nullptr ? absl::OkStatus() : attribute->store_written();
    if (!stored.ok()) report_.say(absl::StrCat(path, ": ", std::string(stored.message())));
    return task_.files.close(fd);
  });
}

int64_t served_program::ioctl(int fd, uint32_t request, uint64_t argument) {
  call under_way(*this);
  const std::string& path = paths_[fd];
  const auto words = [&] {
    return absl::StrFormat("ioctl(%d %s, %s)", fd, path, request_name(path, request));
  };
  const int64_t result = under_way.told_of_file(
      fd, words, [&](file& f) { return f.unlocked_ioctl(task_, request, argument); });
  if (request == uapi::vfio_group_get_device_fd && result >= 0) {
    paths_[static_cast<int>(result)] = "device";
  }
  if (request == uapi::vfio_device_set_irqs && result >= 0) tick_from_now_on();
  return result;
}

int64_t served_program::move(std::string_view verb, move_function how, int fd, uint64_t address,
                             size_t count, std::optional<uint64_t> position) {
  call under_way(*this);
  const uint64_t at = position.value_or(positions_[fd]);
  const auto words = [&] {
    return absl::StrFormat("%s(%d %s, %d at 0x%x)", std::string(verb), fd, paths_[fd], count, at);
  };
  const int64_t result = under_way.told_of_file(
      fd, words, [&](file& f) { return (f.*how)(task_, address, count, at); });
  if (result > 0 && !position) positions_[fd] += static_cast<uint64_t>(result);
  return result;
}

int64_t served_program::read(int fd, void* buffer, size_t count, std::optional<uint64_t> position) {
  return move("read", &file::read, fd, address_of(buffer), count, position);
}

int64_t served_program::write(int fd, const void* buffer, size_t count,
                              std::optional<uint64_t> position) {
  return move("write", &file::write, fd, address_of(buffer), count, position);
}

int64_t served_program::seek(int fd, int64_t offset, int whence) {
  const call under_way(*this);
  if (whence != SEEK_SET && whence != SEEK_CUR) return -EINVAL;
  const int64_t from = whence == SEEK_CUR ? static_cast<int64_t>(positions_[fd]) : 0;
  if (offset < -from) return -EINVAL;
  positions_[fd] = static_cast<uint64_t>(from + offset);
  return from + offset;
}

int64_t served_program::mmap(int fd, uint64_t length, uint64_t offset) {
  call under_way(*this);
  const auto words = [&] {
    return absl::StrFormat("mmap(%d %s, 0x%x at 0x%x)", fd, paths_[fd], length, offset);
  };
  return under_way.told_of_file(fd, words,
                                [&](file& f) { return f.mmap(task_, 0, length, offset); });
}

uint32_t served_program::poll(int fd) {
  const call under_way(*this);
  file* const f = task_.files.lookup(fd);
  return f == nullptr ? 0 : f->poll();
}

// ---- Memory and paths

void served_program::keep_pinned(uint64_t start, uint64_t length) {
  if (the_program == nullptr) return;
  const inside_guard inside;
  const std::unique_lock<std::mutex> lock(mutex);
  the_program.load()->memory_->keep_pinned(start, length);
}

std::string served_program::host_path(const std::string& path) {
  const call under_way(*this);
  std::string where = mirror_.host_path(path);
  report_.forget();
  return where;
}

std::string served_program::program_path(std::string_view host_path) {
  if (the_program == nullptr) return std::string(host_path);
  const inside_guard inside;
  const std::unique_lock<std::mutex> lock(mutex);
  return the_program.load()->mirror_.program_path(host_path);
}

void served_program::set_folder(const std::string& path) {
  const std::unique_lock<std::mutex> lock(mutex);
  program_folder() = path;
}

std::string served_program::folder() {
  if (the_program == nullptr) return {};
  const std::unique_lock<std::mutex> lock(mutex);
  return program_folder();
}

std::string served_program::path_from(int folder_descriptor, std::string_view path) {
  if (the_program == nullptr) return {};
  const inside_guard inside;
  std::string from = folder();
  if (folder_descriptor != AT_FDCWD) {
    std::error_code error;
    const std::string there =
        std::filesystem::read_symlink(absl::StrCat("/proc/self/fd/", folder_descriptor), error)
            .string();
    from = program_path(there);
    if (error || from == there) return {};
  }
  if (from.empty()) return {};
  return path_mirror::plain(absl::StrCat(from, "/", absl::string_view(path.data(), path.size())));
}

// ---- The process

/// A device's interrupt comes when its time is there, whether or not the program calls.
void served_program::tick_from_now_on() {
  if (std::exchange(ticks_, true)) return;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([this] {
    const inside_guard inside;
    constexpr timespec tick{0, static_cast<long>(ns_per_ms)};
    for (;;) {
      nanosleep(&tick, nullptr);
      const std::unique_lock<std::mutex> lock(mutex);
      pass_time();
    }
  }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void served_program::prepare_fork() {
  mutex.lock();
}

void served_program::after_fork_in_parent() {
  mutex.unlock();
}

/// The copy has a system of its own, as it was; threads stay with the parent.
void served_program::after_fork_in_child() {
  const inside_guard inside;
  served_program& program = *the_program;
  owner = getpid();
  program.ticks_ = false;
  program.mirror_.leave_to_parent(folder_of_process(program.folder_));
  mutex.unlock();
}

void served_program::finish() {
  if (the_program == nullptr) return;
  served_program& program = *the_program;
  if (program.task_.files.open().empty()) return;
  call under_way(program);
  under_way.told([] { return std::string("exit()"); },
                 [&program] {
                   program.task_.files.exit_files();
                   return 0;
                 });
}

}  // namespace iommulab
