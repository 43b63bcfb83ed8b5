// SPDX-License-Identifier: GPL-2.0-only
#include "core/unpack.h"

#include <lzma.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

/// More than any writer of logs and captures asks for.
constexpr uint64_t memory_limit = uint64_t{256} << 20;
constexpr size_t piece_size = size_t{64} << 10;

absl::Status damaged(std::string_view sentence) {
  return errno_status(EINVAL, sentence);
}

constexpr char unsound[] = "not a sound %s archive: %s";

/// liblzma's and zlib's interfaces take unsigned bytes.
const uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

struct xz_stream_deleter {
  void operator()(lzma_stream* stream) const {
    lzma_end(stream);
    delete stream;
  }
};
using xz_stream = std::unique_ptr<lzma_stream, xz_stream_deleter>;

/// The stream of this thread's last unpacker. liblzma keeps a stream's memory for the next use, and
/// the dictionary, 8 MiB by default, is more than most of what is unpacked here.
xz_stream& idle_xz_stream() {
  thread_local xz_stream idle;
  return idle;
}

class xz_unpacker : public unpacker {
 public:
  xz_unpacker() : stream_(std::move(idle_xz_stream())) {
    if (stream_ == nullptr) stream_.reset(new lzma_stream(LZMA_STREAM_INIT));
    ready_ = lzma_stream_decoder(stream_.get(), memory_limit, LZMA_CONCATENATED) == LZMA_OK;
  }
  xz_unpacker(const xz_unpacker&) = delete;
  xz_unpacker& operator=(const xz_unpacker&) = delete;
  ~xz_unpacker() override { idle_xz_stream() = std::move(stream_); }

  absl::Status unpack(std::string_view& packed, bool last, std::string& text) override {
    if (!ready_) return errno_status(ENOMEM, "needs more memory to unpack than there is");
    stream_->next_in = bytes_of(packed);
    stream_->avail_in = packed.size();
    stream_->next_out = piece_.data();
    stream_->avail_out = piece_.size();
    const lzma_ret result = lzma_code(stream_.get(), last ? LZMA_FINISH : LZMA_RUN);
    packed.remove_prefix(packed.size() - stream_->avail_in);
    text.append(piece_.begin(), piece_.end() - static_cast<std::ptrdiff_t>(stream_->avail_out));
    complete_ = result == LZMA_STREAM_END;
    if (result == LZMA_BUF_ERROR && !last) return absl::OkStatus();
    return complaint_of(result);
  }
  [[nodiscard]] bool complete() const override { return complete_; }

 private:
  static absl::Status complaint_of(lzma_ret result) {
    switch (result) {
      case LZMA_OK:
      case LZMA_STREAM_END:
        return absl::OkStatus();
      case LZMA_BUF_ERROR:
        return damaged(absl::StrFormat(unsound, "xz", "it is cut short"));
      case LZMA_FORMAT_ERROR:
        return damaged(absl::StrFormat(unsound, "xz", "what should begin a stream does not"));
      case LZMA_OPTIONS_ERROR:
        return damaged(absl::StrFormat(unsound, "xz", "its options are unknown, or it is damaged"));
      case LZMA_MEM_ERROR:
      case LZMA_MEMLIMIT_ERROR:
        return damaged(
            absl::StrFormat("needs more than %d bytes of memory to unpack", memory_limit));
      default:
        return damaged(absl::StrFormat(unsound, "xz", "it is damaged"));
    }
  }

  xz_stream stream_;
  std::array<uint8_t, piece_size> piece_{};
  bool ready_ = false;
  bool complete_ = false;
};

/// One member behind the other, as loggers append them; zeros behind the last are padding.
class gzip_unpacker : public unpacker {
 public:
  gzip_unpacker() {
    constexpr int largest_window = 15;
    constexpr int gzip_only = 16;
    ready_ = inflateInit2(&stream_, largest_window + gzip_only) == Z_OK;
  }
  gzip_unpacker(const gzip_unpacker&) = delete;
  gzip_unpacker& operator=(const gzip_unpacker&) = delete;
  ~gzip_unpacker() override { inflateEnd(&stream_); }

  absl::Status unpack(std::string_view& packed, bool last, std::string& text) override {
    if (!ready_) return errno_status(ENOMEM, "needs more memory to unpack than there is");
    if (complete_ && !begin_next(packed)) return absl::OkStatus();
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): zlib's z_const is off by default
    stream_.next_in = const_cast<Bytef*>(bytes_of(packed));
    stream_.avail_in = static_cast<uInt>(std::min(packed.size(), piece_size));
    const size_t given = stream_.avail_in;
    stream_.next_out = piece_.data();
    stream_.avail_out = static_cast<uInt>(piece_.size());
    const int result = inflate(&stream_, Z_NO_FLUSH);
    packed.remove_prefix(given - stream_.avail_in);
    const size_t unpacked = piece_.size() - stream_.avail_out;
    text.append(piece_.begin(), piece_.begin() + static_cast<std::ptrdiff_t>(unpacked));
    complete_ = result == Z_STREAM_END;
    if (result == Z_OK || complete_) return absl::OkStatus();
    if (result == Z_BUF_ERROR) {
      const bool starved = packed.empty() && unpacked == 0;
      return last && starved ? damaged(absl::StrFormat(unsound, "gzip", "it is cut short"))
                             : absl::OkStatus();
    }
    return damaged(absl::StrFormat(unsound, "gzip", "it is damaged"));
  }
  [[nodiscard]] bool complete() const override { return complete_; }

 private:
  bool begin_next(std::string_view& packed) {
    const size_t padding = packed.find_first_not_of('\0');
    packed.remove_prefix(padding == std::string_view::npos ? packed.size() : padding);
    if (packed.empty()) return false;
    inflateReset(&stream_);
    complete_ = false;
    return true;
  }

  z_stream stream_{};
  std::array<uint8_t, piece_size> piece_{};
  bool ready_ = false;
  bool complete_ = false;
};

}  // namespace

packing packing_of(std::string_view first_bytes) {
  // The .xz File Format, 2.1.1.1; RFC 1952, 2.3.1, with the only method that there is
  constexpr std::string_view xz(
      "\xfd"
      "7zXZ\0",
      6);
  constexpr std::string_view gzip("\x1f\x8b\x08", 3);
  if (first_bytes.starts_with(xz)) return packing::xz;
  if (first_bytes.starts_with(gzip)) return packing::gzip;
  return packing::none;
}

std::unique_ptr<unpacker> make_unpacker(packing kind) {
  switch (kind) {
    case packing::xz:
      return std::make_unique<xz_unpacker>();
    case packing::gzip:
      return std::make_unique<gzip_unpacker>();
    case packing::none:
      break;
  }
  return nullptr;
}

}  // namespace iommulab
