// SPDX-License-Identifier: GPL-2.0-only
#include "lab/clients/client.h"

#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/status.h"
#include "lab/clients/client_places.h"

namespace iommulab {

std::string errno_name(int64_t error) {
  const char* const found = strerrorname_np(static_cast<int>(error));
  return found == nullptr ? absl::StrCat("errno ", error) : found;
}

std::string hex_of(absl::Span<const std::byte> bytes) {
  return absl::BytesToHexString({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

vfio_client::vfio_client(kernel& system, client_options options)
    : system_(system),
      options_(std::move(options)),
      next_block_(client_places::first_block),
      process_(system, options_.first_descriptor) {
  mm().choose_page = [this](uint64_t address) { return choose_page(address); };
}

const std::map<std::string_view, vfio_client::kind>& vfio_client::kinds() {
  using c = vfio_client;
  static constexpr size_t any = SIZE_MAX;
  static const std::map<std::string_view, kind> all = {
      {"note", {0, any, "*", &c::nothing}},
      {"sync", {1, 1, "", &c::nothing}},
      {"dev", {2, 2, "", &c::dev}},
      {"bind", {2, 2, "", &c::bind}},
      {"unbind", {1, 1, "", &c::unbind}},
      {"gtype", {1, 2, "", &c::gtype}},
      {"sysfs", {0, 0, "", &c::sysfs}},
      {"rlimit", {1, 1, "", &c::rlimit}},
      {"cap", {1, 1, "", &c::cap}},
      {"locked", {0, 0, "", &c::locked}},
      {"cat", {1, 1, "", &c::cat}},
      {"write", {2, 2, "", &c::write_file}},
      {"mem", {2, any, "", &c::mem}},
      {"memfree", {1, 3, "", &c::memfree}},
      {"phys", {1, 1, "", &c::phys}},
      {"poke", {3, 3, "", &c::poke}},
      {"peek", {2, 2, "", &c::peek}},
      {"copen", {1, 1, "", &c::copen}},
      {"iopen", {1, 1, "", &c::iopen}},
      {"gopen", {2, 2, "", &c::gopen}},
      {"cdev", {2, 2, "", &c::cdev}},
      {"gdev", {3, 3, "", &c::gdev}},
      {"close", {1, 1, "", &c::close_file}},
      {"ver", {1, 1, "", &c::ver}},
      {"ext", {2, 2, "", &c::ext}},
      {"setiommu", {2, 2, "", &c::setiommu}},
      {"info", {1, 1, " argsz ", &c::info}},
      {"map", {1, 1, " iova va size flags argsz ", &c::map}},
      {"unmap", {1, 1, " iova size flags argsz bmsize pgsize ", &c::unmap}},
      {"qmap", {1, 1, " iova va size ro ", &c::qmap}},
      {"dirty", {1, 1, " flags iova size bmsize pgsize argsz ", &c::dirty}},
      {"gstatus", {1, 1, " argsz ", &c::gstatus}},
      {"gset", {2, 2, "", &c::gset}},
      {"gunset", {1, 1, "", &c::gunset}},
      {"vinfo", {1, 1, " argsz ", &c::vinfo}},
      {"vbind", {2, 3, " argsz flags ", &c::vbind}},
      {"attach", {2, 3, " argsz flags ", &c::attach}},
      {"detach", {1, 1, " argsz flags ", &c::detach}},
      {"edu", {2, 2, " src dst len ", &c::edu}},
      {"ioas", {2, 2, " sz flags ", &c::ioas}},
      {"ranges", {2, 2, " n sz rsv ", &c::ranges}},
      {"allow", {2, any, " sz rsv ", &c::allow}},
      {"imap", {2, 2, " va len iova flags as sz rsv ", &c::imap}},
      {"icopy", {1, 1, " src dst siova diova len flags as sz ", &c::icopy}},
      {"iunmap", {2, 2, " iova len sz ", &c::iunmap}},
      {"iopt", {2, 2, " op obj val sz rsv ", &c::iopt}},
      {"vioas", {2, 2, " id as sz rsv ", &c::vioas}},
      {"hwpt", {2, 2, " dev pt flags type dlen fault sz rsv ", &c::hwpt}},
      {"hwinfo", {2, 2, " dlen flags sz ", &c::hwinfo}},
      {"destroy", {2, 2, " sz ", &c::destroy}},
      {"dtrack", {2, 2, " flags sz rsv ", &c::dtrack}},
      {"dbitmap", {2, 2, " iova len pgsize flags sz rsv ", &c::dbitmap}},
      {"invalidate", {2, 2, " type len n sz rsv ", &c::invalidate}},
      {"faultq", {2, 2, " flags sz ", &c::faultq}},
      {"raw", {3, 3, "", &c::raw}},
  };
  return all;
}

bool vfio_client::knows(std::string_view name) {
  return kinds().contains(name);
}

absl::StatusOr<client_answer> vfio_client::perform(absl::Span<const std::string> words) {
  const auto found = words.empty() ? kinds().end() : kinds().find(words[0]);
  if (found == kinds().end()) {
    return errno_status(EINVAL, absl::StrFormat("\"%s\": no operation of this name",
                                                words.empty() ? "" : words[0]));
  }
  const kind& what = found->second;
  operation o(words, names_);
  if (what.keys != "*") {
    if (o.places() < what.least || o.places() > what.most) {
      o.refuse(absl::StrJoin(words, " "),
               o.places() < what.least
                   ? absl::StrFormat("%d operands, it takes at least %d", o.places(), what.least)
                   : absl::StrFormat("%d operands, it takes at most %d", o.places(), what.most));
    }
    std::set<std::string_view> seen;
    for (const std::string_view key : o.keys()) {
      if (!seen.insert(key).second) o.refuse(std::string(key) + "=", "it stands there twice");
      if (what.keys.find(absl::StrCat(" ", std::string(key), " ")) == std::string_view::npos) {
        o.refuse(std::string(key) + "=", "the operation has no such operand");
      }
    }
  }
  if (!o.status().ok()) return o.status();
  client_answer answer = (this->*what.perform)(o);
  if (!o.status().ok()) return o.status();
  return answer;
}

int64_t vfio_client::ioctl(operation& o, int fd, uint32_t request, uint64_t argument) {
  return o.status().ok() ? process_.ioctl(fd, request, argument) : -EINVAL;
}

int64_t vfio_client::ioctl_on(operation& o, int fd, uint32_t request,
                              absl::Span<std::byte> structure) {
  if (structure.size() > client_places::argument_size) {
    o.refuse(o.name(), "more than the program hands to a call");
  }
  return o.status().ok() ? process_.ioctl_on(fd, request, structure) : -EINVAL;
}

client_answer vfio_client::done(int64_t result, const std::string& more) const {
  const std::string head =
      result < 0 ? absl::StrCat("r=-1 ", errno_name(-result)) : absl::StrFormat("r=%d ok", result);
  return {more.empty() ? head : absl::StrCat(head, " ", more), {}};
}

client_answer vfio_client::done_giving(int64_t result, const std::string& values) const {
  return result < 0 ? done(result) : done(result, values);
}

void vfio_client::name(std::string_view name, uint64_t value) {
  if (!name.empty()) names_.insert_or_assign(std::string(name), value);
}

void vfio_client::name_if(bool made, std::string_view name, uint64_t value) {
  if (name.empty()) return;
  if (made) {
    names_.insert_or_assign(std::string(name), value);
  } else {
    names_.try_emplace(std::string(name), 0);
  }
}

std::string vfio_client::device_of(operation& o, size_t place) const {
  const std::string_view word = o.word(place);
  const auto found = devices_.find(word);
  return found == devices_.end() ? std::string(word) : found->second;
}

}  // namespace iommulab
