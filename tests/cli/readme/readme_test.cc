// SPDX-License-Identifier: GPL-2.0-only
//
// Every command that a README shows does what it says, from the repository's root.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "cli/readme/examples.h"
#include "support/files.h"

namespace iommulab::readme {
namespace {

namespace fs = std::filesystem;

struct exception {
  const char* command;  ///< a regular expression for all of it
  const char* reason;
};

/// What cannot run here.
constexpr std::array<exception, 2> readers_own = {{
    {"dmesg \\| .*", "the reader's own kernel log"},
    {".*(/sys/firmware/acpi|dmesg\\.txt|--ftrace dma\\.txt).*",
     "a file of the reader's own machine"},
}};

/// What ends with status 1 is a finding, as the text beside it says.
constexpr std::array<exception, 6> findings = {{
    {"iommulab boot .*--diff.*", "two boots differ"},
    {"iommulab boot --cmdline \"intel_iommu=1\"", "remapping that was asked for stays off"},
    {"iommulab translate .*", "a request may be blocked"},
    {"iommulab iova lockup .*", "the limit is reached"},
    {"iommulab iova bench --compare .*", "two runs may differ"},
    {"iommulab (dma|dmar) .*", "a script that shows a fault, a table with findings"},
}};

template <size_t N>
const exception* matching(const std::array<exception, N>& list, const std::string& command) {
  for (const exception& each : list) {
    if (std::regex_match(command, std::regex(each.command))) return &each;
  }
  return nullptr;
}

bool is_ours(const fs::path& path) {
  static const std::set<std::string> not_ours = {"build", ".git", "golden"};
  for (const fs::path& part : path) {
    if (not_ours.contains(part.string())) return false;
  }
  return path.extension() == ".md";
}

/// All that an example says beside its command.
std::vector<std::string> shown_of(const example& each) {
  std::vector<std::string> shown = each.output;
  shown.insert(shown.end(), each.typed.begin(), each.typed.end());
  return shown;
}

/// Of all READMEs; a command that stands in several of them once for each output that is shown.
std::vector<example> all_examples() {
  const fs::path root = IOMMULAB_SOURCE_DIR;
  std::vector<fs::path> files;
  for (auto at = fs::recursive_directory_iterator(root); at != fs::end(at); ++at) {
    const fs::path relative = at->path().lexically_relative(root);
    if (at->is_directory() && (relative == "build" || relative == ".git")) {
      at.disable_recursion_pending();
    } else if (is_ours(relative)) {
      files.push_back(relative);
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<example> all;
  std::set<std::pair<std::string, std::vector<std::string>>> seen;
  for (const fs::path& file : files) {
    for (example& each : examples_in(file.string(), content_of((root / file).string()))) {
      if (seen.emplace(each.command, shown_of(each)).second) all.push_back(std::move(each));
    }
  }
  return all;
}

/// The repository's entries as links, so that what an example writes stays out of it.
class repository {
 public:
  repository() {
    std::string name = testing::TempDir() + "iommulab_readme_XXXXXX";
    folder_ = mkdtemp(name.data());
    fs::create_directory(folder_ / "bin");
    fs::create_symlink(IOMMULAB_PROGRAM, folder_ / "bin/iommulab");
    for (const fs::directory_entry& entry : fs::directory_iterator(IOMMULAB_SOURCE_DIR)) {
      const std::string each = entry.path().filename().string();
      if (each != "build" && each != ".git") fs::create_symlink(entry.path(), folder_ / each);
    }
  }
  ~repository() { fs::remove_all(folder_); }
  repository(const repository&) = delete;
  repository& operator=(const repository&) = delete;

  /// As somebody types it there, and then these lines. The exit status, -1 for none.
  int run(const std::string& command, const std::vector<std::string>& typed = {}) const {
    const fs::path script = folder_ / "example";
    std::ofstream in(folder_ / "in");
    for (const std::string& line : typed) in << line << '\n';
    in.close();
    std::ofstream(script) << "cd '" << folder_.string() << "' && PATH=$PWD/bin:$PATH\n{\n"
                          << command << "\n} >out 2>err <in\n";
    const int status = std::system(("bash '" + script.string() + "'").c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  [[nodiscard]] std::string out() const { return content_of((folder_ / "out").string()); }
  /// But for the warning that times of this build say little, which a release build does without.
  [[nodiscard]] std::string err() const {
    static const std::regex warning("iommulab: warning: this program was built [^\n]*\n");
    return std::regex_replace(content_of((folder_ / "err").string()), warning, "");
  }

 private:
  fs::path folder_;
};

class readme_example : public testing::TestWithParam<example> {};

TEST_P(readme_example, does_what_the_readme_says) {
  const example& each = GetParam();
  SCOPED_TRACE(each.file + ":" + std::to_string(each.line) + ": " + each.command);
  if (const exception* own = matching(readers_own, each.command)) GTEST_SKIP() << own->reason;
  const bool wants_jq = each.command.find("| jq ") != std::string::npos;
  if (wants_jq && std::system("command -v jq >/dev/null") != 0) GTEST_SKIP() << "no jq";
  const repository here;
  for (const std::string& command : each.before) EXPECT_LE(here.run(command), 1) << command;
  const int status = here.run(each.command, each.typed);
  const int worst = matching(findings, each.command) != nullptr ? 1 : 0;
  EXPECT_GE(status, 0);
  EXPECT_LE(status, worst) << here.err();
  EXPECT_EQ(here.err(), "");
  if (const auto wrong = difference(each.output, here.out())) ADD_FAILURE() << *wrong;
}

std::string name_of(const testing::TestParamInfo<example>& info) {
  std::string name = info.param.file + "_" + std::to_string(info.param.line);
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}
INSTANTIATE_TEST_SUITE_P(all, readme_example, testing::ValuesIn(all_examples()), name_of);

// One that stands for nothing any more would hide the next that it matches.
TEST(readme_example_lists, are_in_use) {
  const std::vector<example> all = all_examples();
  EXPECT_GT(all.size(), 40u);
  const auto used = [&](const exception& entry) {
    return std::any_of(all.begin(), all.end(), [&](const example& each) {
      return std::regex_match(each.command, std::regex(entry.command));
    });
  };
  for (const exception& entry : readers_own) EXPECT_TRUE(used(entry)) << entry.command;
  for (const exception& entry : findings) EXPECT_TRUE(used(entry)) << entry.command;
}

}  // namespace
}  // namespace iommulab::readme
