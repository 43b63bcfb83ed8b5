// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/reading/file_kinds.h"

#include <array>
#include <cstddef>

namespace iommulab {
namespace {

struct file_kind {
  size_t offset;
  std::string_view magic;
  std::string_view sentence;
};

template <size_t N>
constexpr std::string_view bytes(const char (&text)[N]) {
  return {text, N - 1};  // zeros inside count
}

constexpr std::array<file_kind, 19> file_kinds = {{
    {0, bytes("\x28\xb5\x2f\xfd"), "is compressed with zstd: unpack it first (zstdcat FILE | …)"},
    {0, bytes("BZh"), "is compressed with bzip2: unpack it first (bzcat FILE | …)"},
    {0, bytes("\x04\x22\x4d\x18"), "is compressed with lz4: unpack it first (lz4cat FILE | …)"},
    {0, bytes("LZIP"), "is compressed with lzip: unpack it first (lzip -dc FILE | …)"},
    {0, bytes("\x89LZO"), "is compressed with lzop: unpack it first (lzop -dc FILE | …)"},
    {0, bytes("\x1f\x9d"), "is compressed with compress: unpack it first (zcat FILE | …)"},
    {0, bytes("\x5d\x00\x00"), "is compressed with lzma: unpack it first (xzcat FILE | …)"},
    {0, bytes("PK\x03\x04"), "is a zip archive: unpack it first (unzip -p FILE | …)"},
    {0, bytes("PK\x05\x06"), "is an empty zip archive"},
    {0, bytes("7z\xbc\xaf\x27\x1c"), "is a 7z archive: unpack it first"},
    {0, bytes("Rar!"), "is a rar archive: unpack it first"},
    {257, bytes("ustar"), "is a tar archive: unpack it first (tar xOf FILE | …)"},
    {0, bytes("LPKSHHRH"),
     "is a journal of systemd: print it first (journalctl --file FILE -k | …)"},
    {0,
     bytes("\x7f"
           "ELF"),
     "is a program or a core dump (ELF), no log"},
    {0, bytes("KDUMP   "), "is a crash dump: print its log first (makedumpfile --dump-dmesg)"},
    {0, bytes("%PDF-"), "is a PDF document: copy the text out of it"},
    {0, bytes("\x89PNG"), "is an image (PNG): type the lines off, or make a text of it"},
    {0, bytes("\xff\xfe\x00\x00"), "is UTF-32: make it UTF-8 first (iconv -f UTF-32 FILE | …)"},
    {0, bytes("\x00\x00\xfe\xff"), "is UTF-32: make it UTF-8 first (iconv -f UTF-32 FILE | …)"},
}};

/// Whether the zeros are nearly all at the odd, or nearly all at the even places.
text_kind unmarked_kind(std::string_view head) {
  constexpr size_t fewest = 8;
  std::array<size_t, 2> zeros{};
  for (size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '\0') ++zeros[i % 2];
  }
  const size_t units = head.size() / 2;
  if (units < fewest) return text_kind::bytes;
  const auto nearly_all = [units](size_t n) { return n * 10 >= units * 8; };
  const auto nearly_none = [units](size_t n) { return n * 20 <= units; };
  if (nearly_all(zeros[1]) && nearly_none(zeros[0])) return text_kind::utf16_little;
  if (nearly_all(zeros[0]) && nearly_none(zeros[1])) return text_kind::utf16_big;
  return text_kind::bytes;
}

}  // namespace

std::string_view unreadable_kind(std::string_view head) {
  for (const file_kind& kind : file_kinds) {
    if (head.size() > kind.offset && head.substr(kind.offset).starts_with(kind.magic)) {
      return kind.sentence;
    }
  }
  return {};
}

text_kind text_kind_of(std::string_view head) {
  if (head.starts_with("\xef\xbb\xbf")) return text_kind::utf8_marked;
  if (head.starts_with("\xff\xfe")) return text_kind::utf16_little;
  if (head.starts_with("\xfe\xff")) return text_kind::utf16_big;
  return unmarked_kind(head);
}

}  // namespace iommulab
