// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/spec/register_fields.h"

#include <algorithm>
#include <array>

#include "core/enum_names.h"
#include "platform/vtd/spec/cap_register.h"
#include "platform/vtd/spec/ecap_register.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab::vtd {
namespace {

constexpr field64 wide(field64 f) {
  return f;
}
constexpr field64 wide(field32 f) {
  return field64(f.high, f.low);
}

template <typename Field>
constexpr register_field flag(std::string_view name, Field f, std::string_view meaning) {
  return {name, wide(f), field_kind::flag, meaning};
}
template <typename Field>
constexpr register_field number(std::string_view name, Field f, std::string_view meaning) {
  return {name, wide(f), field_kind::number, meaning};
}
template <typename Field>
constexpr register_field frame(std::string_view name, Field f, std::string_view meaning) {
  return {name, wide(f), field_kind::address, meaning};
}
constexpr register_field granularity(std::string_view name, field64 f, std::string_view meaning) {
  return {name, f, field_kind::granularity, meaning};
}

constexpr auto ver_fields = std::to_array<register_field>({
    number("MAX", ver::max, "major version"),
    number("MIN", ver::min, "minor version"),
});

constexpr auto cap_fields = std::to_array<register_field>({
    number("ND", cap::nd, "2^(4 + 2 ND) domains"),
    flag("AFL", cap::afl, "advanced fault logging"),
    flag("RWBF", cap::rwbf, "software has to flush write buffers"),
    flag("PLMR", cap::plmr, "protected low memory"),
    flag("PHMR", cap::phmr, "protected high memory"),
    flag("CM", cap::cm, "caching mode: entries that are not present are cached too"),
    number("SAGAW", cap::sagaw, "bit n: tables of 30 + 9 n bits"),
    number("MGAW", cap::mgaw, "bits of a guest address, less one"),
    flag("ZLR", cap::zlr, "zero-length reads of pages that are only writable"),
    flag("ISOCH", cap::isoch, "isochrony"),
    number("FRO", cap::fro, "offset of the fault records, in 16 bytes"),
    number("SLLPS", cap::sllps, "superpages: bit 0 2 MiB, bit 1 1 GiB"),
    flag("PSI", cap::psi, "page-selective invalidation"),
    number("NFR", cap::nfr, "fault records, less one"),
    number("MAMV", cap::mamv, "largest address mask of a page-selective invalidation"),
    flag("DWD", cap::dwd, "write drain"),
    flag("DRD", cap::drd, "read drain"),
    flag("FL1GP", cap::fl1gp, "1 GiB pages of the first level"),
    flag("PI", cap::pi, "posted interrupts"),
    flag("FL5LP", cap::fl5lp, "five levels of the first level"),
    flag("ECMDS", cap::ecmds, "enhanced commands"),
    flag("ESIRTPS", cap::esirtps, "setting the interrupt table invalidates its entries"),
    flag("ESRTPS", cap::esrtps, "setting the root table invalidates the caches"),
});

constexpr auto ecap_fields = std::to_array<register_field>({
    flag("C", ecap::c, "page walks are coherent with the processors' caches"),
    flag("QI", ecap::qi, "queued invalidation"),
    flag("DT", ecap::dt, "device-TLBs"),
    flag("IR", ecap::ir, "interrupt remapping"),
    flag("EIM", ecap::eim, "extended interrupt mode"),
    flag("PT", ecap::pt, "pass-through"),
    flag("SC", ecap::sc, "snoop control"),
    number("IRO", ecap::iro, "offset of the IOTLB registers, in 16 bytes"),
    number("MHMV", ecap::mhmv, "largest handle mask of an interrupt entry invalidation"),
    flag("ECS", ecap::ecs, "extended context entries"),
    flag("MTS", ecap::mts, "memory types"),
    flag("NEST", ecap::nest, "nested translation"),
    flag("DIS", ecap::dis, "deferred invalidation"),
    flag("PRS", ecap::prs, "page requests"),
    flag("ERS", ecap::ers, "execute requests"),
    flag("SRS", ecap::srs, "supervisor requests"),
    flag("NWFS", ecap::nwfs, "no-write flag"),
    flag("EAFS", ecap::eafs, "extended accessed flag"),
    number("PSS", ecap::pss, "bits of a PASID, less one"),
    flag("PASID", ecap::pasid, "process address space ids"),
    flag("DIT", ecap::dit, "device-TLB invalidations are throttled"),
    flag("PDS", ecap::pds, "page request drain"),
    flag("SMTS", ecap::smts, "scalable mode"),
    flag("VCS", ecap::vcs, "virtual commands"),
    flag("SLADS", ecap::slads, "accessed and dirty bits of the second level"),
    flag("SLTS", ecap::slts, "second-level translation in scalable mode"),
    flag("FLTS", ecap::flts, "first-level translation"),
    flag("SMPWCS", ecap::smpwcs, "page walks of scalable mode may be coherent"),
    flag("RPS", ecap::rps, "requests without PASID may have one other than 0"),
    flag("PMS", ecap::pms, "performance monitoring"),
    flag("ADMS", ecap::adms, "abort-DMA mode"),
    flag("RPRIVS", ecap::rprivs, "requests without PASID may be privileged"),
});

constexpr auto gcmd_fields = std::to_array<register_field>({
    flag("TE", gcmd::te, "enable translation"),
    flag("SRTP", gcmd::srtp, "set the root table pointer, once"),
    flag("SFL", gcmd::sfl, "set the fault log, once"),
    flag("EAFL", gcmd::eafl, "enable advanced fault logging"),
    flag("WBF", gcmd::wbf, "flush the write buffer, once"),
    flag("QIE", gcmd::qie, "enable queued invalidation"),
    flag("IRE", gcmd::ire, "enable interrupt remapping"),
    flag("SIRTP", gcmd::sirtp, "set the interrupt remapping table pointer, once"),
    flag("CFI", gcmd::cfi, "let compatibility format interrupts pass"),
});

constexpr auto gsts_fields = std::to_array<register_field>({
    flag("TES", gsts::tes, "translation is enabled"),
    flag("RTPS", gsts::rtps, "the root table pointer is set"),
    flag("FLS", gsts::fls, "the fault log is set"),
    flag("AFLS", gsts::afls, "advanced fault logging is enabled"),
    flag("WBFS", gsts::wbfs, "the write buffer is being flushed"),
    flag("QIES", gsts::qies, "queued invalidation is enabled"),
    flag("IRES", gsts::ires, "interrupt remapping is enabled"),
    flag("IRTPS", gsts::irtps, "the interrupt remapping table pointer is set"),
    flag("CFIS", gsts::cfis, "compatibility format interrupts pass"),
});

constexpr auto rtaddr_fields = std::to_array<register_field>({
    frame("RTA", rtaddr::rta, "root table; a write alone changes nothing, GCMD.SRTP latches it"),
    number("TTM", rtaddr::ttm, "translation table mode: 0 legacy, 1 scalable, 3 all blocked"),
});

constexpr auto ccmd_fields = std::to_array<register_field>({
    flag("ICC", ccmd::icc, "invalidate the context-cache; clear when it is done"),
    granularity("CIRG", ccmd::cirg, "what is to be invalidated"),
    granularity("CAIG", ccmd::caig, "what was invalidated"),
    number("FM", ccmd::fm, "low function bits of SID that do not count"),
    number("SID", ccmd::sid, "source id"),
    number("DID", ccmd::did, "domain id"),
});

constexpr auto iva_fields = std::to_array<register_field>({
    frame("ADDR", iva::addr, "first page"),
    flag("IH", iva::ih, "only leaf entries changed"),
    number("AM", iva::am, "2^AM pages"),
});

constexpr auto iotlb_fields = std::to_array<register_field>({
    flag("IVT", iotlb::ivt, "invalidate the IOTLB; clear when it is done"),
    granularity("IIRG", iotlb::iirg, "what is to be invalidated"),
    granularity("IAIG", iotlb::iaig, "what was invalidated"),
    flag("DR", iotlb::dr, "drain reads"),
    flag("DW", iotlb::dw, "drain writes"),
    number("DID", iotlb::did, "domain id"),
});

constexpr auto pmen_fields = std::to_array<register_field>({
    flag("EPM", pmen::epm, "enable protected memory"),
    flag("PRS", pmen::prs, "the regions are protected"),
});

constexpr auto iqh_fields =
    std::to_array<register_field>({number("QH", iqh::qh, "next descriptor to fetch")});
constexpr auto iqt_fields =
    std::to_array<register_field>({number("QT", iqt::qt, "behind the last descriptor written")});
constexpr auto iqa_fields = std::to_array<register_field>({
    frame("IQA", iqa::iqa, "the queue"),
    flag("DW", iqa::dw, "descriptors of 256 bits"),
    number("QS", iqa::qs, "2^QS pages"),
});

constexpr auto iqer_fields = std::to_array<register_field>({
    number("IQEI", iqer::iqei, "why IQE was set"),
    number("ITESID", iqer::itesid, "source id whose invalidation timed out"),
    number("ICESID", iqer::icesid, "source id of a wrong completion"),
});

constexpr auto irta_fields = std::to_array<register_field>({
    frame("IRTA", irta::irta, "interrupt remapping table"),
    flag("EIME", irta::eime, "extended interrupt mode"),
    number("S", irta::s, "2^(S + 1) entries"),
});

constexpr auto aflog_fields = std::to_array<register_field>({
    frame("FLA", aflog::fla, "fault log"),
    number("FLS", aflog::fls, "2^FLS pages"),
});

constexpr auto fsts_fields = std::to_array<register_field>({
    number("FRI", fsts::fri, "first pending fault record"),
    flag("ITE", fsts::ite, "a device-TLB invalidation timed out"),
    flag("ICE", fsts::ice, "a device-TLB invalidation was answered wrongly"),
    flag("IQE", fsts::iqe, "the queue stands at a descriptor that is wrong"),
    flag("APF", fsts::apf, "advanced fault pending"),
    flag("AFO", fsts::afo, "advanced fault log overflow"),
    flag("PPF", fsts::ppf, "a fault record is pending"),
    flag("PFO", fsts::pfo, "a fault found no free record"),
});

constexpr auto event_control_fields = std::to_array<register_field>({
    flag("IM", fectl::im, "the interrupt is masked"),
    flag("IP", fectl::ip, "the interrupt is pending"),
});
constexpr auto event_data_fields = std::to_array<register_field>({
    number("EIMD", fedata::eimd, "extended interrupt message data"),
    number("IMD", fedata::imd, "interrupt message data"),
});
constexpr auto event_address_fields =
    std::to_array<register_field>({frame("MA", feaddr::ma, "message address")});

constexpr auto ics_fields =
    std::to_array<register_field>({flag("IWC", ics::iwc, "a wait descriptor asked for it")});

constexpr auto frcd_low_fields =
    std::to_array<register_field>({frame("FI", frcd_low::fi, "page of the request")});
constexpr auto frcd_high_fields = std::to_array<register_field>({
    flag("F", frcd_high::f, "a fault is recorded"),
    flag("T1", frcd_high::t1, "it was a read; clear: a write"),
    number("AT", frcd_high::at,
           "address type: 0 untranslated, 1 translation request, 2 translated"),
    number("PV", frcd_high::pv, "PASID"),
    {"FR", frcd_high::fr, field_kind::reason, "fault reason"},
    flag("PP", frcd_high::pp, "the request had a PASID"),
    flag("EXE", frcd_high::exe, "execute permission was asked for"),
    flag("PRIV", frcd_high::priv, "privileged mode was asked for"),
    number("SID", frcd_high::sid, "source id"),
});

constexpr auto descriptions = std::to_array<register_description>({
    {"VER", "version", ver_fields},
    {"CAP", "capability", cap_fields},
    {"ECAP", "extended capability", ecap_fields},
    {"GCMD", "global command, reads as zero", gcmd_fields},
    {"GSTS", "global status", gsts_fields},
    {"RTADDR", "root table address", rtaddr_fields},
    {"CCMD", "context command", ccmd_fields},
    {"FSTS", "fault status", fsts_fields},
    {"FECTL", "fault event control", event_control_fields},
    {"FEDATA", "fault event data", event_data_fields},
    {"FEADDR", "fault event address", event_address_fields},
    {"FEUADDR", "fault event address, bits 63:32", {}},
    {"AFLOG", "advanced fault log", aflog_fields},
    {"PMEN", "protected memory enable", pmen_fields},
    {"PLMBASE", "protected low memory, first byte", {}},
    {"PLMLIMIT", "protected low memory, last byte", {}},
    {"PHMBASE", "protected high memory, first byte", {}},
    {"PHMLIMIT", "protected high memory, last byte", {}},
    {"IQH", "invalidation queue head", iqh_fields},
    {"IQT", "invalidation queue tail", iqt_fields},
    {"IQA", "invalidation queue address", iqa_fields},
    {"ICS", "invalidation completion status", ics_fields},
    {"IECTL", "invalidation event control", event_control_fields},
    {"IEDATA", "invalidation event data", event_data_fields},
    {"IEADDR", "invalidation event address", event_address_fields},
    {"IEUADDR", "invalidation event address, bits 63:32", {}},
    {"IQER", "invalidation queue error record", iqer_fields},
    {"IRTA", "interrupt remapping table address", irta_fields},
    {"IVA", "invalidate address", iva_fields},
    {"IOTLB", "IOTLB invalidate", iotlb_fields},
    {"FRCD low", "fault record, bits 63:0", frcd_low_fields},
    {"FRCD high", "fault record, bits 127:64", frcd_high_fields},
});

}  // namespace

std::string_view name(iotlb_granularity granularity) {
  using enum iotlb_granularity;
  static constexpr auto names = enum_names<iotlb_granularity>({
      {none, "none"},
      {global, "global"},
      {domain, "domain"},
      {page, "selective"},
  });
  return names(granularity);
}

absl::Span<const register_description> register_descriptions() {
  return descriptions;
}

const register_description* find_register(std::string_view name) {
  const auto* const found =
      std::find_if(descriptions.begin(), descriptions.end(),
                   [name](const register_description& d) { return d.name == name; });
  return found == descriptions.end() ? nullptr : &*found;
}

}  // namespace iommulab::vtd
