// SPDX-License-Identifier: GPL-2.0-only
//
// The program as a process of its own: its arguments, its exit status, and what stands on which
// stream.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/shell.h"

namespace iommulab::process_test {
namespace {

class program : public shell {
 protected:
  /// `iommulab ARGUMENTS` in a folder of the test's own.
  [[nodiscard]] command_result run(const std::string& arguments) const {
    return run_line(std::string(IOMMULAB_PROGRAM) + " " + arguments);
  }
};

constexpr const char* commands[] = {"boot",
                                    "dma",
                                    "dmar",
                                    "fault",
                                    "iova bench",
                                    "iova list",
                                    "iova lockup",
                                    "iova plot",
                                    "iova record",
                                    "iova replay",
                                    "iova tree",
                                    "machines",
                                    "pagetable replay",
                                    "trace boot",
                                    "trace capture",
                                    "trace dma",
                                    "trace iova replay",
                                    "step boot",
                                    "step dma",
                                    "tour",
                                    "translate",
                                    "verify"};

TEST_F(program, every_command_explains_itself) {
  for (const std::string command : commands) {
    const command_result result = run(command + " --help");
    EXPECT_EQ(result.status, 0) << command;
    EXPECT_EQ(result.err, "") << command;
    EXPECT_NE(result.out.find("Usage: iommulab " + command), std::string::npos) << result.out;
  }
  EXPECT_EQ(run("--help").status, 0);
}

TEST_F(program, says_its_version) {
  for (const char* arguments :
       {"--version", "boot --version", "dma --version", "dmar --version", "fault --version",
        "iova --version", "machines --version", "pagetable --version", "translate --version",
        "verify --version", "iova list --version", "iova bench --version", "iova replay --version",
        "iova record --version", "pagetable replay --version"}) {
    const command_result result = run(arguments);
    EXPECT_EQ(result.status, 0);
    EXPECT_TRUE(result.out.starts_with("iommulab ")) << result.out;
  }
}

// An unknown option is named, whatever else is missing.
TEST_F(program, names_an_unknown_option) {
  for (const std::string command : commands) {
    SCOPED_TRACE(command);
    expect_refusal_with(run(command + " --nonsense"), "--nonsense (see --help)");
  }
  expect_refusal_with(run("--nonsense"), "--nonsense (see --help)");
}

TEST_F(program, names_what_is_missing) {
  expect_refusal_with(run("dma"), "SCRIPT is required");
  expect_refusal_with(run("translate"), "BDF is required");
  expect_refusal_with(run("trace dma"), "SCRIPT is required");
  expect_refusal_with(run("trace capture"), "FOLDER is required");
  expect_refusal_with(run("trace iova replay"), "FILE is required");
  expect_refusal_with(run("iova replay"), "a FILE is required, or --ftrace FILE");
  expect_refusal_with(run("verify"), "DIR is required");
}

TEST_F(program, lists_its_commands_when_none_is_named) {
  const std::string list = run("--help").out;
  for (const std::string command : commands) {
    const std::string first = command.substr(0, command.find(' '));
    EXPECT_NE(list.find("\n  " + first + ' '), std::string::npos) << first;
  }
  for (const char* arguments : {"", "help", "-h", "--color never", "--no-pager"}) {
    const command_result result = run(arguments);
    EXPECT_EQ(result.status, 0) << arguments;
    EXPECT_EQ(result.err, "");
    EXPECT_EQ(result.out, list) << arguments;
  }
  EXPECT_EQ(run("iova").status, 0);
  EXPECT_NE(run("iova").out.find("\n  bench "), std::string::npos);
}

TEST_F(program, explains_a_command_in_any_of_three_ways) {
  for (const std::string command : commands) {
    const std::string help = run(command + " --help").out;
    EXPECT_EQ(run("help " + command).out, help);
    EXPECT_EQ(run(command + " -h").out, help);
  }
  EXPECT_EQ(run("iova help").out, run("iova --help").out);
  EXPECT_EQ(run("iova help bench").out, run("iova bench --help").out);
  expect_refusal_with(run("help bot"), "'bot' is no command; did you mean 'boot'?");
}

TEST_F(program, takes_a_recordings_kernel_by_either_option) {
  const std::string record = "iova record --workload linear-8 ";
  const std::string trace = run(record + "--kernel v6_12").out;
  EXPECT_NE(trace, "");
  EXPECT_EQ(run(record + "--version 6.12").out, trace);
  EXPECT_EQ(run(record + "--version=v6_12 -o a.trace").status, 0);
  EXPECT_EQ(run("iova replay a.trace --version 6.12").out,
            run("iova replay a.trace --kernel v6_12").out);
  EXPECT_EQ(run("iova tree --trace a.trace --until 9").out,
            run("iova tree --recording a.trace --last 9").out);
}

TEST_F(program, takes_whole_numbers_for_what_they_are) {
  const std::string lockup = "iova lockup --allocator 6.12 --cpus ";
  for (const char* word : {"abc", "-1", "'64 '", "6.5", "0x"}) {
    SCOPED_TRACE(word);
    expect_refusal_with(run(lockup + word), "not a number");
  }
  expect_refusal_with(run(lockup + "''"), "the value is empty");
  expect_refusal_with(run(lockup + "99999999999999999999"),
                      "--cpus is \"99999999999999999999\": does not fit 64 bits");
  expect_refusal_with(run(lockup + "4 --seed -1"), "--seed is \"-1\": not a number");
  expect_refusal_with(run(lockup + "4 --seed 99999999999999999999999"), "does not fit 64 bits");
  expect_refusal_with(run(lockup + "4 --max-population -1"), "--max-population is \"-1\"");
  expect_refusal_with(run(lockup + "4 --scan-cost nan"), "--scan-cost is \"nan\": not a number");
  expect_refusal_with(run("iova plot --min -1"), "--min is \"-1\"");
  expect_refusal_with(run("iova tree --operations 'alloc 1' --rows -1"), "--rows is \"-1\"");
  expect_refusal_with(run("iova bench --repeat 3x"), "--repeat is \"3x\"");
  EXPECT_EQ(run("iova tree --operations 'alloc 1' --rows 0x10").status, 0);
}

TEST_F(program, does_not_take_an_empty_value_for_none) {
  for (const char* arguments :
       {"iova plot -o ''", "iova plot --workload ''", "machines ''", "iova bench --allocator ''",
        "translate --tables '' 00:1f.0 0x1000", "iova replay --ftrace ''", "iova replay ''"}) {
    SCOPED_TRACE(arguments);
    expect_refusal_with(run(arguments), "the value is empty");
  }
  EXPECT_EQ(run("machines q35").status, 0);
}

TEST_F(program, names_an_unknown_command) {
  expect_refusal_with(run("bot"), "'bot' is no command; did you mean 'boot'? (see --help)");
  expect_refusal_with(run("iova bnech"), "'bnech' is no command; did you mean 'bench'?");
  expect_refusal_with(run("--color never bot"), "did you mean 'boot'?");
  expect_refusal(run("iova nonsense"), "'nonsense' is no command (see --help)");
}

TEST_F(program, suggests_options) {
  expect_refusal(run("boot --mach q35"),
                 "unknown option --mach; did you mean '--machine'? (see --help)");
  expect_refusal(run("boot --kernal=v4_4"),
                 "unknown option --kernal; did you mean '--kernel'? (see --help)");
  expect_refusal(run("--verson"),
                 "unknown option --verson; did you mean '--version'? (see --help)");
  expect_refusal(run("boot q35"), "'q35' is one argument too many (see --help)");
}

// A variable of a script that was not set.
TEST_F(program, refuses_values_that_are_empty) {
  for (const char* arguments :
       {"boot --until ''", "boot --until=", "boot --sysfs ''", "boot --machine ''",
        "boot --kernel ''", "boot --trace=", "machines ''", "machines --kernel ''",
        "translate 00:1f.0 ''", "translate 00:1f.0 0 --tables ''", "iova plot -o ''",
        "iova plot --output= --workload linear-N", "iova bench --workload ''", "dma ''",
        "dma --machine= script", "verify ''", "iova replay ''", "pagetable replay ''",
        "iova tree --operations ''"}) {
    SCOPED_TRACE(arguments);
    expect_refusal_with(run(arguments), ": the value is empty (see --help)");
  }
  EXPECT_EQ(run("boot --cmdline ''").status, 0);
  EXPECT_EQ(run("boot --cmdline=").status, 0);
  EXPECT_EQ(run("translate 00:04.0 1000 --cmdline ''").status, 0);
}

TEST_F(program, takes_classes_behind_a_blank) {
  EXPECT_EQ(run("boot --trace calls").out, run("boot --trace=calls").out);
  EXPECT_EQ(run("boot --trace regs,queue --until init_dmars").out,
            run("boot --trace=regs,queue --until init_dmars").out);
  expect_refusal_with(run("boot --trace cals"), "'cals' is no class of events");
}

// Options of the trace stand beside those of what runs, and are the same words for each.
TEST_F(program, traces_what_it_is_told_to) {
  const command_result shown = run("trace boot -g iommu_set_root_entry -g init_dmars --no-args");
  EXPECT_EQ(shown.status, 0) << shown.err;
  EXPECT_TRUE(shown.out.starts_with("# tracer: function_graph\n"));
  EXPECT_NE(shown.out.find("\n 0)               |  init_dmars() {\n"), std::string::npos);
  EXPECT_EQ(run("trace boot --machine server -l 'iommu_*' --max-graph-depth 2 -o out.txt").status,
            0);
  EXPECT_NE(content_of(folder_ + "/out.txt").find("# iommulab: boot of server"), std::string::npos);
  EXPECT_EQ(run("trace boot --against out.txt").status, 1) << "filtered, of another machine";
  EXPECT_EQ(run("trace boot --machine server -l 'iommu_*' -o filtered.txt").status, 0);
  EXPECT_EQ(run("trace boot --machine server -l 'iommu_*' --against filtered.txt").status, 0);
  EXPECT_EQ(run("trace boot -l 'iommu_*' --against filtered.txt").status, 1);
  EXPECT_EQ(run("trace boot --machine server -o server.txt").status, 0);
  EXPECT_EQ(run("trace boot --against server.txt").status, 1);
  EXPECT_EQ(run("trace boot --machine server --against server.txt").status, 0);
  expect_refusal_with(run("trace boot --format yaml"), "yaml");
  expect_refusal_with(run("trace boots"), "did you mean 'boot'?");
  expect_refusal_with(run("trace boot --max-graph-depth -1"), "--max-graph-depth is \"-1\"");
}

// Each writes what it was given: a script's note, a kernel's command line, its own complaint.
TEST_F(program, shows_no_control_bytes) {
  std::ofstream(folder_ + "/note.dma", std::ios::binary)
      << "map 1 0 0 0 0x1000 1\nnote \x1b]0;pwned\x07\n";
  for (const char* arguments :
       {"dma note.dma", "boot --cmdline $'intel_iommu=on a=\\x1b[31m\\xff\\x7f'",
        "machines $'\\x1b[2Jq35'", "$'\\x9b31m'", "dma $'no\\x1bfile'",
        "--color=always machines $'\\x1b[2Jq35'"}) {
    SCOPED_TRACE(arguments);
    const command_result result = run(arguments);
    const bool colours = std::string(arguments).starts_with("--color");
    for (const std::string& text : {result.out, result.err}) {
      for (size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (colours && text.compare(i, 2, "\x1b[") == 0) {
          EXPECT_NE(text.substr(i + 2).find_first_of('m'), std::string::npos);
          EXPECT_NE(text.compare(i, 4, "\x1b[2J"), 0);
          continue;
        }
        ASSERT_TRUE(c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f)) << text.substr(0, i);
      }
    }
  }
  EXPECT_NE(run("dma note.dma").out.find("\\x1b]0;pwned\\x07"), std::string::npos);
}

TEST_F(program, paints_when_it_is_told_to) {
  const std::string plain = run("boot").out;
  EXPECT_EQ(plain.find('\x1b'), std::string::npos);
  EXPECT_EQ(run("boot --color=auto").out, plain);
  EXPECT_EQ(run("boot --color=never").out, plain);
  const std::string painted = run("boot --color=always").out;
  EXPECT_NE(painted.find('\x1b'), std::string::npos);
  EXPECT_EQ(run("--color=always boot").out, painted);
  EXPECT_EQ(run("boot --json --color=always").out, run("boot --json").out);
  expect_refusal_with(run("boot --color=purple"), "purple");
}

TEST_F(program, names_a_missing_file) {
  for (const char* arguments :
       {"dma missing", "dmar missing", "boot --machine missing", "machines missing",
        "verify missing", "iova replay missing", "pagetable replay missing",
        "translate --tables missing 00:1f.0 0", "trace dma missing", "trace capture missing",
        "trace iova replay missing", "trace boot --against missing"}) {
    SCOPED_TRACE(arguments);
    expect_refusal_with(run(arguments), "missing");
  }
}

// An option that may be given several times takes one value each time, not the argument as well.
TEST_F(program, takes_an_argument_between_options) {
  const std::string script = IOMMULAB_SOURCE_DIR "/cli/dma/examples/coherent.dma";
  for (const char* option : {"--kernel v4_4", "--kernel=v4_4", "--machine q35"}) {
    const command_result result = run(std::string("dma ") + option + " " + script + " --quiet");
    EXPECT_EQ(result.status, 0) << option << ": " << result.err;
  }
}

TEST_F(program, takes_options_in_their_forms) {
  EXPECT_EQ(run("iova record --workload linear-8 --version v4_4 -o record.trace").status, 0);
  EXPECT_NE(content_of(folder_ + "/record.trace"), "");
  EXPECT_EQ(run("boot --trace --until init_dmars").status, 0);
  EXPECT_EQ(run("boot --trace=regs,queue").status, 0);
  expect_refusal_with(run("boot --trace=nonsense"), "'nonsense'");
  EXPECT_EQ(run("boot --diff --machine q35 --machine server").status, 1);
}

// ---- standard input in a file's place -------------------------------------------------------

TEST_F(program, reads_standard_input_where_it_reads_a_file) {
  std::ofstream(folder_ + "/a.dma") << "map 1 0 0 0 0x1000 1\nunmap 1\n";
  EXPECT_EQ(run("dma - <a.dma").out, run("dma a.dma").out);
  EXPECT_EQ(run("dma /dev/stdin <a.dma").out, run("dma a.dma").out);
  EXPECT_EQ(run("dma - <a.dma").status, 0);
  ASSERT_EQ(run("iova record --workload linear-8 --version v6_12 -o a.trace").status, 0);
  const command_result replayed = run("iova replay - <a.trace");
  EXPECT_EQ(replayed.status, 0) << replayed.err;
  EXPECT_TRUE(replayed.out.starts_with("standard input: ")) << replayed.out;
  // Packed and cut, as a file would be told.
  if (std::system("command -v xz >/dev/null") == 0) {
    EXPECT_EQ(run("iova replay - < <(xz -c a.trace)").out, replayed.out);
  }
  expect_refusal_with(run("iova replay - < <(head -c 200 a.trace)"), "standard input: ");
  expect_refusal_with(run("dma - <&-"), "standard input");
}

TEST_F(program, reads_a_pipe_where_it_reads_a_file) {
  std::ofstream(folder_ + "/a.dma") << "map 1 0 0 0 0x1000 1\nunmap 1\n";
  ASSERT_EQ(run("iova record --workload linear-8 --version v6_12 -o a.trace").status, 0);
  EXPECT_EQ(run("dma <(cat a.dma)").out, run("dma a.dma").out);
  EXPECT_EQ(run("translate --script <(cat a.dma) 00:04.0 h1").status, 1);  // unmapped again
  EXPECT_TRUE(run("iova replay <(cat a.trace)").out.starts_with("/dev/fd/"));
  const command_result both = run("iova replay <(cat a.trace) <(cat a.trace)");
  EXPECT_EQ(both.status, 0) << both.err;
  EXPECT_EQ(std::count(both.out.begin(), both.out.end(), '\n'), 2);
  EXPECT_EQ(run("iova replay <(gzip -c a.trace)").status, 0);
  EXPECT_EQ(run("iova tree --recording <(cat a.trace)").status, 0);
  expect_refusal_with(run("iova replay <(head -c 200 a.trace)"), "/dev/fd/");
  expect_refusal_with(run("dma <(true)"), "operations is \"\": there is none");
  // What would wait for a writer for ever says how it is read.
  ASSERT_EQ(::mkfifo((folder_ + "/named").c_str(), 0600), 0);
  expect_refusal(run("dma named"),
                 "named: is a named pipe: only standard input (-) and <(…) are read as pipes");
}

// A script lies in the capture whose folder it is in; standard input lies nowhere.
TEST_F(program, takes_no_machine_from_the_folder_that_it_is_started_in) {
  for (const char* name : {"pci.txt", "cmdline"}) std::ofstream(folder_ + "/" + name) << "none\n";
  std::ofstream(folder_ + "/a.dma") << "map 1 0 0 0 0x1000 1\nunmap 1\n";
  expect_refusal_with(run("dma a.dma"), "no capture's folder");
  EXPECT_EQ(run("dma - <a.dma").status, 0);
  EXPECT_EQ(run("dma <(cat a.dma)").status, 0);
}

/// A pipe holds what a file holds.
TEST_F(program, reads_tables_and_dumps_from_a_pipe) {
  const std::string golden = IOMMULAB_SOURCE_DIR "/tests/golden/";
  const std::string capture = golden + "kernel/v4_4/boot/default/";
  const std::string dump = capture + "pt-afternet.txt.xz";
  const std::string walk = "translate --kernel v4_4 --machine '" + capture + "' --tables ";
  for (const char* what : {"- 00:05.0 fff00000 <'", "<(xz -dc '"}) {
    const bool piped = what[0] == '<';
    const command_result walked = run(walk + what + dump + (piped ? "') 00:05.0 fff00000" : "'"));
    EXPECT_EQ(walked.status, 0) << walked.err;
    EXPECT_NE(walked.out.find("request      read 0xfff00000"), std::string::npos) << walked.out;
  }
  const std::string table = capture + "DMAR.bin";
  const std::string shown = run("dmar '" + table + "'").out;
  const std::string fields = shown.substr(shown.find('\n'));
  for (const char* form :
       {"dmar - <'%'", "dmar - < <(xz -c '%')", "dmar - < <(gzip -c '%')", "dmar <(gzip -c '%')"}) {
    std::string arguments = form;
    arguments.replace(arguments.find('%'), 1, table);
    const std::string piped = run(arguments).out;
    EXPECT_EQ(piped.substr(std::min(piped.size(), piped.find('\n'))), fields) << form;
  }
  expect_refusal_with(run("dmar - <&-"), "standard input: cannot be read");
  EXPECT_EQ(run("boot --dmar <(cat '" + table + "')").status, 0);
}

/// What a terminal of 24 rows gets to see; nothing when there is no script(1) to make one.
class terminal : public program {
 protected:
  void SetUp() override {
    program::SetUp();
    if (std::system("command -v script >/dev/null") != 0) GTEST_SKIP() << "no script(1)";
  }
  [[nodiscard]] std::string shown(const std::string& arguments,
                                  const std::string& environment) const {
    std::ofstream(folder_ + "/inner") << "stty rows 24 cols 80; cd '" << folder_ << "'; env "
                                      << "-u NO_COLOR -u PAGER TERM=xterm " << environment << ' '
                                      << IOMMULAB_PROGRAM << ' ' << arguments << '\n';
    const std::string command =
        "script -qec \"bash '" + folder_ + "/inner'\" /dev/null </dev/null >'" + folder_ + "/seen'";
    EXPECT_GE(std::system(command.c_str()), 0);
    return content_of(folder_ + "/seen");
  }
};

TEST_F(terminal, gets_colours_unless_they_are_not_wanted) {
  EXPECT_NE(shown("boot", "PAGER=cat").find("\x1b[2m"), std::string::npos);
  for (const char* none : {"PAGER=cat NO_COLOR=1", "PAGER=cat TERM=dumb"}) {
    EXPECT_EQ(shown("boot", none).find('\x1b'), std::string::npos) << none;
  }
  EXPECT_NE(shown("boot", "PAGER=cat NO_COLOR=").find("\x1b[2m"), std::string::npos);
  EXPECT_EQ(shown("boot --color=never", "PAGER=cat").find('\x1b'), std::string::npos);
}

// The pager marks what it was given.
TEST_F(terminal, shows_long_output_in_a_pager) {
  const std::string marks = "PAGER=\"sed 's/^/PAGED /'\"";
  EXPECT_NE(shown("boot --trace --color=never", marks).find("PAGED "), std::string::npos);
  EXPECT_EQ(shown("boot --trace --no-pager", marks).find("PAGED"), std::string::npos);
  EXPECT_EQ(shown("kernels", marks).find("PAGED"), std::string::npos);  // fits
  EXPECT_EQ(run("boot --trace").out.find("PAGED"), std::string::npos);  // no terminal
}

TEST_F(terminal, sees_no_error_when_its_pager_is_left) {
  const std::string seen =
      shown("boot --trace=all --color=never; echo status $?", "PAGER='head -1'");
  EXPECT_NE(seen.find("Linux 4.4"), std::string::npos);
  EXPECT_NE(seen.find("status 0"), std::string::npos) << seen;
}

// ---- what is written: whole or not at all ---------------------------------------------------

TEST_F(program, replaces_a_sysfs_tree_only_when_told_to) {
  EXPECT_EQ(run("boot --sysfs tree").status, 0);
  const auto entries = [&] {
    return std::distance(std::filesystem::recursive_directory_iterator(folder_ + "/tree"), {});
  };
  const auto before = entries();
  EXPECT_GT(before, 40);
  expect_refusal_with(run("boot --sysfs tree"),
                      "tree: the directory is not empty; --force replaces its tree");
  EXPECT_EQ(run("boot --sysfs tree --force --machine server").status, 0);
  EXPECT_GT(entries(), before);
  EXPECT_EQ(run("boot --sysfs tree --force").status, 0);
  EXPECT_EQ(entries(), before);
  std::ofstream(folder_ + "/tree/mine") << "mine";
  expect_refusal_with(run("boot --sysfs tree --force"), "'mine' is no part of a sysfs tree");
  EXPECT_EQ(content_of(folder_ + "/tree/mine"), "mine");
  expect_refusal_with(run("boot --force"), "--force is for --sysfs");
}

TEST_F(program, leaves_no_half_of_a_sysfs_tree) {
  std::ofstream(folder_ + "/limited")
      << "cd '" << folder_ << "'; (ulimit -f 0; exec " << IOMMULAB_PROGRAM
      << " boot --sysfs deep/tree) 2>&1 | cat >said\n"
      << "exit ${PIPESTATUS[0]}\n";
  const int status = std::system(("bash '" + folder_ + "/limited'").c_str());
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 2);
  EXPECT_NE(content_of(folder_ + "/said").find("iommulab: deep/tree/devices/"), std::string::npos);
  EXPECT_NE(content_of(folder_ + "/said").find("File too large"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/deep"));
}

TEST_F(program, writes_a_sysfs_tree_where_a_link_leads) {
  std::filesystem::create_symlink("target", folder_ + "/link");
  EXPECT_EQ(run("boot --sysfs link").status, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ + "/link"));
  EXPECT_TRUE(std::filesystem::is_directory(folder_ + "/target/class/iommu"));
}

TEST_F(program, writes_a_drawing_where_a_link_leads) {
  std::filesystem::create_symlink("target.trace", folder_ + "/link");
  EXPECT_EQ(run("iova record --workload linear-8 --version v4_4 -o link").status, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ + "/link"));
  EXPECT_NE(content_of(folder_ + "/target.trace"), "");
}

// ---- after script/demo ----------------------------------------------------------------------

class link_script : public program {
 protected:
  /// `script/link PROGRAM DIRECTORY…` with a home and a PATH of the test's own.
  [[nodiscard]] command_result link(const std::string& directories, const std::string& path) const {
    std::ofstream(folder_ + "/run")
        << "cd '" << folder_ << "'; HOME=$PWD/home PATH=" << path << ":/usr/bin:/bin bash '"
        << IOMMULAB_SOURCE_DIR << "/script/link' " << IOMMULAB_PROGRAM << ' ' << directories
        << " >out 2>err\n";
    const int status = std::system(("bash '" + folder_ + "/run'").c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, content_of(folder_ + "/out"),
            content_of(folder_ + "/err")};
  }
};

TEST_F(link_script, links_where_it_can_write) {
  const std::string home = folder_ + "/home/.local/bin";
  const command_result result = link("/nonexistent/bin " + home, home);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "iommulab: a link in " + home + "\n");
  EXPECT_EQ(std::filesystem::canonical(home + "/iommulab"),
            std::filesystem::canonical(IOMMULAB_PROGRAM));
  EXPECT_EQ(link(home, home).status, 0);  // again
}

TEST_F(link_script, says_what_to_do_when_that_is_not_on_path) {
  const std::string home = folder_ + "/home/.local/bin";
  const command_result result = link(home, "/usr/bin");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("export PATH=\"" + home + ":$PATH\""), std::string::npos) << result.out;
}

TEST_F(link_script, replaces_no_file_of_another) {
  std::filesystem::create_directories(folder_ + "/home/a");
  std::ofstream(folder_ + "/home/a/iommulab") << "mine";
  const command_result result = link(folder_ + "/home/a", "/usr/bin");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(content_of(folder_ + "/home/a/iommulab"), "mine");
  EXPECT_EQ(link(folder_ + "/home/a " + folder_ + "/home/b", "/usr/bin").status, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ + "/home/b/iommulab"));
}

TEST_F(program, says_when_its_output_cannot_be_written) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  const std::string command =
      std::string(IOMMULAB_PROGRAM) + " machines >/dev/full 2>'" + folder_ + "/err'";
  const int status = std::system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 2);
  EXPECT_NE(content_of(folder_ + "/err").find("standard output"), std::string::npos);
}

}  // namespace
}  // namespace iommulab::process_test
