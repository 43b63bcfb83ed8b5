// SPDX-License-Identifier: GPL-2.0-only
//
// What loggers, mail programs and web pages put around a line of the kernel, undone:
//
//   [   12.345678] [ T123] <3>[…]        time, caller, level: left in place, but known
//   Jan  1 00:00:00 host kernel: …       syslog, journalctl -o short-*, dmesg -T, -x, -d
//   > > …                                quotation marks of mails
//   …device [00:02=2E0] fault addr =     quoted-printable, with its soft line ends
//   &gt; &lt;3&gt;                       HTML
//   … message repeated 9 times: […]      rsyslog
//   … last message repeated 37 times     sysklogd
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace iommulab {

struct framed_line {
  std::string text;             ///< without quotation marks; runs of blanks are one
  std::string caller{};         ///< "T123", "C2"; empty when none is printed
  bool own_record = false;      ///< a logger's time or name is in front: it continues nothing
  bool soft_end = false;        ///< quoted-printable: the next line goes on without a blank
  uint64_t count = 1;           ///< rsyslog's
  uint64_t repeats_before = 0;  ///< sysklogd's: so often again came the line before
};

framed_line unframe(std::string_view line);

/// `line` without what a logger puts in front.
std::string_view message_of(std::string_view line);

}  // namespace iommulab
