// SPDX-License-Identifier: GPL-2.0-only
#include "lab/events/register_words.h"

#include <array>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/enum_names.h"
#include "platform/vtd/register_file.h"
#include "platform/vtd/spec/capability.h"
#include "platform/vtd/spec/fault_reason.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab {
namespace {

using vtd::field32;
using vtd::field64;

enum class shown_as : uint8_t {
  flag,         ///< its mnemonic when it is set
  number,       ///< "NAME=0x5" when not zero
  address,      ///< the same, with the bits in place
  granularity,  ///< "NAME=domain" when not zero
  reason,       ///< "FR=root_entry_not_present"
};

struct field_word {
  std::string_view name;
  field64 bits;
  shown_as how;
};

constexpr field64 wide(field64 f) {
  return f;
}
constexpr field64 wide(field32 f) {
  return field64(f.high, f.low);
}

template <typename Field>
field_word flag(std::string_view name, Field f) {
  return {name, wide(f), shown_as::flag};
}
template <typename Field>
field_word number(std::string_view name, Field f) {
  return {name, wide(f), shown_as::number};
}
template <typename Field>
field_word address(std::string_view name, Field f) {
  return {name, wide(f), shown_as::address};
}
field_word granularity(std::string_view name, field64 f) {
  return {name, f, shown_as::granularity};
}

struct register_word {
  std::string_view name;
  std::vector<field_word> fields;
};

std::vector<register_word> command_registers() {
  return {
      {"GCMD",
       {flag("TE", vtd::gcmd::te), flag("SRTP", vtd::gcmd::srtp), flag("SFL", vtd::gcmd::sfl),
        flag("EAFL", vtd::gcmd::eafl), flag("WBF", vtd::gcmd::wbf), flag("QIE", vtd::gcmd::qie),
        flag("IRE", vtd::gcmd::ire), flag("SIRTP", vtd::gcmd::sirtp), flag("CFI", vtd::gcmd::cfi)}},
      {"GSTS",
       {flag("TES", vtd::gsts::tes), flag("RTPS", vtd::gsts::rtps), flag("FLS", vtd::gsts::fls),
        flag("AFLS", vtd::gsts::afls), flag("WBFS", vtd::gsts::wbfs), flag("QIES", vtd::gsts::qies),
        flag("IRES", vtd::gsts::ires), flag("IRTPS", vtd::gsts::irtps),
        flag("CFIS", vtd::gsts::cfis)}},
      {"RTADDR", {address("RTA", vtd::rtaddr::rta), number("TTM", vtd::rtaddr::ttm)}},
      {"CCMD",
       {flag("ICC", vtd::ccmd::icc), granularity("CIRG", vtd::ccmd::cirg),
        granularity("CAIG", vtd::ccmd::caig), number("FM", vtd::ccmd::fm),
        number("SID", vtd::ccmd::sid), number("DID", vtd::ccmd::did)}},
      {"IVA",
       {address("ADDR", vtd::iva::addr), flag("IH", vtd::iva::ih), number("AM", vtd::iva::am)}},
      {"IOTLB",
       {flag("IVT", vtd::iotlb::ivt), granularity("IIRG", vtd::iotlb::iirg),
        granularity("IAIG", vtd::iotlb::iaig), flag("DR", vtd::iotlb::dr),
        flag("DW", vtd::iotlb::dw), number("DID", vtd::iotlb::did)}},
      {"PMEN", {flag("EPM", vtd::pmen::epm), flag("PRS", vtd::pmen::prs)}},
      {"IQH", {number("QH", vtd::iqh::qh)}},
      {"IQT", {number("QT", vtd::iqt::qt)}},
      {"IQA",
       {address("IQA", vtd::iqa::iqa), flag("DW", vtd::iqa::dw), number("QS", vtd::iqa::qs)}},
      {"IRTA",
       {address("IRTA", vtd::irta::irta), flag("EIME", vtd::irta::eime),
        number("S", vtd::irta::s)}},
      {"AFLOG", {address("FLA", vtd::aflog::fla), number("FLS", vtd::aflog::fls)}},
  };
}

std::vector<register_word> event_registers() {
  const std::vector<field_word> control = {flag("IM", vtd::fectl::im), flag("IP", vtd::fectl::ip)};
  const std::vector<field_word> data = {number("EIMD", vtd::fedata::eimd),
                                        number("IMD", vtd::fedata::imd)};
  const std::vector<field_word> message = {address("MA", vtd::feaddr::ma)};
  return {
      {"FSTS",
       {number("FRI", vtd::fsts::fri), flag("ITE", vtd::fsts::ite), flag("ICE", vtd::fsts::ice),
        flag("IQE", vtd::fsts::iqe), flag("APF", vtd::fsts::apf), flag("AFO", vtd::fsts::afo),
        flag("PPF", vtd::fsts::ppf), flag("PFO", vtd::fsts::pfo)}},
      {"FECTL", control},
      {"IECTL", control},
      {"FEDATA", data},
      {"IEDATA", data},
      {"FEADDR", message},
      {"IEADDR", message},
      {"ICS", {flag("IWC", vtd::ics::iwc)}},
      {"FRCD low", {address("FI", vtd::frcd_low::fi)}},
      {"FRCD high",
       {flag("F", vtd::frcd_high::f),
        flag("T1", vtd::frcd_high::t1),
        number("AT", vtd::frcd_high::at),
        number("PV", vtd::frcd_high::pv),
        {"FR", vtd::frcd_high::fr, shown_as::reason},
        flag("PP", vtd::frcd_high::pp),
        flag("EXE", vtd::frcd_high::exe),
        flag("PRIV", vtd::frcd_high::priv),
        number("SID", vtd::frcd_high::sid)}},
  };
}

const std::vector<register_word>& all_registers() {
  static const std::vector<register_word> registers = [] {
    std::vector<register_word> all = command_registers();
    for (register_word& word : event_registers()) all.push_back(std::move(word));
    return all;
  }();
  return registers;
}

/// `page` is a page in the IOTLB, a device in the context cache.
std::string_view name(vtd::iotlb_granularity granularity) {
  using enum vtd::iotlb_granularity;
  static constexpr auto names = enum_names<vtd::iotlb_granularity>({
      {none, "none"},
      {global, "global"},
      {domain, "domain"},
      {page, "selective"},
  });
  return names(granularity);
}

std::string value_words(const field_word& field, uint64_t value) {
  switch (field.how) {
    case shown_as::flag:
      return "";
    case shown_as::number:
      return absl::StrFormat("%s=0x%x", field.name, field.bits.get(value));
    case shown_as::address:
      return absl::StrFormat("%s=0x%x", field.name, value & field.bits.mask());
    case shown_as::granularity:
      return absl::StrFormat("%s=%s", field.name,
                             name(static_cast<vtd::iotlb_granularity>(field.bits.get(value))));
    case shown_as::reason:
      return absl::StrFormat("%s=%s", field.name,
                             vtd::name(static_cast<vtd::fault_reason>(field.bits.get(value))));
  }
  return "";
}

std::string words_of(const std::vector<field_word>& fields, uint64_t value) {
  std::string text;
  bool behind_flag = false;
  for (const field_word& field : fields) {
    if (!field.bits.test(value)) continue;
    const bool is_flag = field.how == shown_as::flag;
    if (!text.empty()) text += is_flag && behind_flag ? '|' : ' ';
    text += is_flag ? std::string(field.name) : value_words(field, value);
    behind_flag = is_flag;
  }
  return text;
}

}  // namespace

std::string register_fields(std::string_view name, uint64_t value) {
  if (name == "CAP") return vtd::to_string(vtd::cap_register(value));
  if (name == "ECAP") return vtd::to_string(vtd::ecap_register(value));
  if (name == "VER") {
    const auto version = static_cast<uint32_t>(value);
    return absl::StrFormat("%d.%d", vtd::ver::max.get(version), vtd::ver::min.get(version));
  }
  for (const register_word& word : all_registers()) {
    if (word.name == name) return words_of(word.fields, value);
  }
  return "";
}

register_place register_at(const vtd_config& unit, uint64_t offset) {
  constexpr unsigned bits_per_byte = 8;
  for (const register_row& row : register_rows(unit)) {
    if (offset < row.offset || offset - row.offset >= row.size) continue;
    const auto within = static_cast<unsigned>(offset - row.offset);
    register_place place{std::string(row.name), row.name, within * bits_per_byte};
    if (within != 0) place.name += absl::StrFormat("+%d", within);
    return place;
  }
  return {};
}

}  // namespace iommulab
