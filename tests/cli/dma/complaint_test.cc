// SPDX-License-Identifier: GPL-2.0-only
//
// What the command says of a script that it cannot run: line, field, value, and what there is.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/dma/dma_command.h"
#include "support/command.h"
#include "support/files.h"
#include "support/golden.h"

namespace iommulab::dma_complaint_test {
namespace {

command_result run(const std::string& path) {
  dma_arguments a;
  a.script = path;
  return run_command(run_dma_command, a);
}

void expect_complaint(const std::string& script, const std::string& complaint) {
  const std::string path = temporary("complaint.dma", script);
  expect_refusal(run(path), path + ": " + complaint);
}

TEST(dma_complaint, says_what_numbers_there_are) {
  expect_complaint("map 1 99 0 0 0x1000 1\n",
                   "line 1: device of map is \"99\": there is one device, number 0");
  expect_complaint("# dev 0 0000:00:04.0\n# dev 1 0000:00:05.0\nmap 1 2 0 0 0x1000 1\n",
                   "line 3: device of map is \"2\": there are 2 devices, numbers 0 to 1");
  expect_complaint("map 1 0 7 0 0x1000 1\n",
                   "line 1: arena of map is \"7\": there are 2 arenas, numbers 0 to 1");
  expect_complaint("poke 2 0 0 1\n",
                   "line 1: arena of poke is \"2\": there are 2 arenas, numbers 0 to 1");
  expect_complaint("map 1 0 0 0 0x1000 3\n",
                   "line 1: direction of map is \"3\": 0 is both ways, 1 to the device, 2 from it");
  expect_complaint(
      "delay 99999999999\n",
      "line 1: microseconds of delay is \"99999999999\": an operation takes at most an "
      "hour: 3600000000");
  expect_complaint(
      "wait 3600001\n",
      "line 1: milliseconds of wait is \"3600001\": an operation takes at most an hour: "
      "3600000");
  expect_complaint("poke 0 0 256 1\n", "line 1: byte of poke is \"256\": a byte is 0 to 0xff");
  expect_complaint("mask 0 65\n", "line 1: bits of mask is \"65\": a mask has 0 to 64 bits");
  expect_complaint("bh 2\n", "line 1: bottom halves of bh is \"2\": 0 is off, 1 is on");
  expect_complaint("edu 0 8 0 0 1\n",
                   "line 1: command of edu is \"8\": an edu device's commands are 0 to 7");
  expect_complaint(
      "edu 0 1 0 0 4097\n",
      "line 1: length of edu is \"4097\": an edu device moves at most 0x1000 bytes, all "
      "that its buffer has");
  expect_complaint(
      "wait 99999999999999999999\n",
      "line 1: milliseconds of wait is \"99999999999999999999\": does not fit 64 bits");
  expect_complaint(
      "domalloc 1\nimap 1 0 0 0x1000 16\n",
      "line 2: protection of imap is \"16\": 1 read, 2 write, 4 cache, 8 no execution, "
      "and their sums");
}

TEST(dma_complaint, names_the_number_that_is_wrong) {
  const std::string pinned = "# arena 0 phys=0x10000000 size=0x400000\n";
  expect_complaint(
      pinned + "map 1 0 0 0 0x40000000 1\n",
      "line 2: size of map is \"0x40000000\": the buffer begins at 0x10000000 and leaves "
      "memory");
  expect_complaint(pinned + "map 1 0 0 0x40000000 1 1\n",
                   "line 2: offset of map is \"0x40000000\": the buffer leaves memory: the arena "
                   "begins at 0x10000000 and has 0x400000 bytes");
  expect_complaint(pinned + "peek 0 0x3ffffc\n",
                   "line 2: offset of peek is \"0x3ffffc\": 0x8 bytes from there leave the arena, "
                   "which has 0x400000");
  expect_complaint("domalloc 1\nimap 1 0 a0+0xfg 0x1000 3\n",
                   "line 2: target of imap is \"a0+0xfg\": a number, or aARENA+OFFSET with a "
                   "hexadecimal offset");
  expect_complaint("domalloc 1\nimap 1 0 a7+0 0x1000 3\n",
                   "line 2: target of imap is \"a7+0\": there are arenas 0 to 1");
  expect_complaint("edu 0 1 h1+0 0 1\n",
                   "line 1: source of edu is \"h1+0\": no operation made a buffer of that handle");
  expect_complaint("map 1 0 0 0 0x1000 1\nfree 1\n",
                   "line 2: handle of free is \"1\": line 1 made it, and as something else");
  expect_complaint("map 1 0 0 0 0x1000 1\nunmapas 1 coherent\n",
                   "line 2: kind of unmapas is \"coherent\": single, page or sg");
  expect_complaint("map 1 0 0 0 0x1000 1 ; ls=9\n",
                   "line 1: state is \"ls=9\": tm= is missing; a state is ls=, tm=, t= and dt=");
  expect_complaint("sg 1 0 1 5:0:1000\n",
                   "line 1: piece of sg is \"5:0:1000\": there are 2 arenas, from number 0 on");
  expect_complaint("sg 1 0 1 0:0:100000000\n",
                   "line 1: piece of sg is \"0:0:100000000\": its length is at most 0xffffffff");
  expect_complaint("sg 1 0 1 0:0:1000:401\n",
                   "line 1: piece of sg is \"0:0:1000:401\": its extra pages are at most 0x400");
}

TEST(dma_script, takes_0x_where_numbers_are_hexadecimal_anyway) {
  const std::string script =
      "# arena 0 phys=0x10000000 size=0x400000\n"
      "map 1 0 0 0x0 0x1000 1\n"
      "edus 0 1 h1+0x80 0x40000 0x80 -> src=0xfffff080 dst=0x40000\n"
      "eduw 0\n"
      "sg 2 0 1 0x0:0x4000:0x1000 0:5000:1000 -> in=[0x10004000:0x0:0x1000 "
      "0x10005000:0x0:0x1000] ret=2 out=[0xffffc000:0x1000 0xffffd000:0x1000]\n"
      "domalloc 1\n"
      "imap 1 0x1000 a0+0x2000 0x1000 3 -> phys=0x10002000 ret=0\n"
      "imap 1 0x2000 a0+3000 0x1000 3 -> phys=0x10003000 ret=0\n";
  const command_result result = run(temporary("prefixed.dma", script));
  EXPECT_EQ(result.status, 0) << result.out << result.err;
}

TEST(dma_recording, that_was_cut_is_refused) {
  const std::string path = (golden::root() / "kernel/v4_4/dmalab/lazy-err2/ops.txt").string();
  ASSERT_EQ(run(path).status, 0);
  const std::string whole = content_of(path);
  ASSERT_TRUE(whole.ends_with("\n# end ops=10\n"));
  const std::string no_end = whole.substr(0, whole.find("# end"));
  expect_refusal_with(run(temporary("cut.txt", no_end)),
                      "operations is \"10\": the file is cut short");
  // Cut in the middle, with the end behind it.
  const size_t middle = no_end.find("\n5 ") + 1;
  expect_refusal_with(run(temporary("cut.txt", no_end.substr(0, middle) + "# end ops=10\n")),
                      "end is \"ops=10\": 4 operations are there: the file is cut short");
  expect_refusal_with(run(temporary("cut.txt", whole.substr(0, whole.find(" dt=", middle) + 5))),
                      "its line has no end: the file is cut short");
  expect_refusal_with(run(temporary("empty.dma", "")), "operations is \"\": there is none");
}

TEST(dma_recording, in_a_damaged_archive_is_refused) {
  const std::string packed = content_of(golden::root() / "kernel/v4_4/dmalab/lazy-s1/ops.txt.xz");
  ASSERT_GT(packed.size(), 1000u);
  for (const size_t length : {size_t{0}, size_t{20}, packed.size() / 2, packed.size() - 1}) {
    const command_result result = run(temporary("cut.txt.xz", packed.substr(0, length)));
    EXPECT_EQ(result.status, 2) << length;
    EXPECT_EQ(result.out, "");
  }
  std::string damaged = packed;
  damaged[packed.size() / 2] = static_cast<char>(damaged[packed.size() / 2] ^ 1);
  EXPECT_EQ(run(temporary("cut.txt.xz", damaged)).status, 2);
}

}  // namespace
}  // namespace iommulab::dma_complaint_test
