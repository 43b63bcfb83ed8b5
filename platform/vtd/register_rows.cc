// SPDX-License-Identifier: GPL-2.0-only
//
// The register map of one unit as data (VT-d specification 10.4): every row in the order of
// vtd_register, with what the unit's capabilities leave out marked as not implemented.
#include <string_view>
#include <vector>

#include "core/types.h"
#include "platform/vtd/register_file.h"
#include "platform/vtd/spec/entries.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab {
namespace {

using vtd::mask_of;

register_row read_only(std::string_view name, uint32_t offset, uint8_t size, uint64_t value) {
  register_row row;
  row.name = name;
  row.offset = offset;
  row.size = size;
  row.reset = value;
  row.read_only = row.width_mask();
  return row;
}

register_row writable(std::string_view name, uint32_t offset, uint8_t size, uint64_t bits) {
  register_row row;
  row.name = name;
  row.offset = offset;
  row.size = size;
  row.read_write = bits;
  return row;
}

/// `row`, or a hole of its size when the capability is clear.
register_row only_if(bool capability, register_row row) {
  if (capability) return row;
  register_row hole;
  hole.name = row.name;
  hole.offset = row.offset;
  hole.size = row.size;
  hole.implemented = false;
  return hole;
}

register_row gcmd_row() {
  register_row row;
  row.name = "GCMD";
  row.offset = vtd::gcmd_reg;
  row.write_only =
      mask_of(vtd::gcmd::te, vtd::gcmd::srtp, vtd::gcmd::sfl, vtd::gcmd::eafl, vtd::gcmd::wbf,
              vtd::gcmd::qie, vtd::gcmd::ire, vtd::gcmd::sirtp, vtd::gcmd::cfi);
  row.command_byte = 3;
  return row;
}

register_row fsts_row() {
  register_row row;
  row.name = "FSTS";
  row.offset = vtd::fsts_reg;
  row.read_only = mask_of(vtd::fsts::fri, vtd::fsts::ppf);
  row.write_1_clear = mask_of(vtd::fsts::ite, vtd::fsts::ice, vtd::fsts::iqe, vtd::fsts::apf,
                              vtd::fsts::afo, vtd::fsts::pfo);
  return row;
}

register_row event_control_row(std::string_view name, uint32_t offset) {
  register_row row = writable(name, offset, 4, vtd::fectl::im.mask());
  row.read_only = vtd::fectl::ip.mask();
  row.reset = vtd::fectl::im.mask();  // masked until software is ready
  row.command_byte = 3;
  return row;
}

register_row ccmd_row() {
  register_row row = writable(
      "CCMD", vtd::ccmd_reg, 8,
      mask_of(vtd::ccmd::icc, vtd::ccmd::cirg, vtd::ccmd::fm, vtd::ccmd::sid, vtd::ccmd::did));
  row.read_only = vtd::ccmd::caig.mask();
  row.command_byte = 7;
  return row;
}

register_row iotlb_row(uint32_t offset) {
  register_row row = writable(
      "IOTLB", offset, 8,
      mask_of(vtd::iotlb::ivt, vtd::iotlb::iirg, vtd::iotlb::dr, vtd::iotlb::dw, vtd::iotlb::did));
  row.read_only = vtd::iotlb::iaig.mask();
  row.command_byte = 7;
  return row;
}

register_row iva_row(uint32_t offset) {
  register_row row;  // write-only: what it reads back is not defined
  row.name = "IVA";
  row.offset = offset;
  row.size = 8;
  row.read_write = mask_of(vtd::iva::addr, vtd::iva::ih, vtd::iva::am);
  return row;
}

void add_fault_records(const vtd_config& config, std::vector<register_row>& rows) {
  for (unsigned i = 0; i < config.cap.number_of_fault_records(); ++i) {
    const uint32_t base = config.cap.fault_recording_offset() + i * vtd::frcd_size;
    rows.push_back(read_only("FRCD low", base + vtd::frcd_low_relative, 8, 0));
    register_row high;
    high.name = "FRCD high";
    high.offset = base + vtd::frcd_high_relative;
    high.size = 8;
    high.write_1_clear = vtd::frcd_high::f.mask();
    high.read_only = high.width_mask() & ~high.write_1_clear;
    high.command_byte = 7;
    rows.push_back(high);
  }
}

}  // namespace

std::vector<register_row> register_rows(const vtd_config& config) {
  const vtd::cap_register cap = config.cap;
  const vtd::ecap_register ecap = config.ecap;
  const bool queue = ecap.queued_invalidation();
  const bool low = cap.protected_low_memory();
  const bool high = cap.protected_high_memory();
  const uint64_t physical = ~vtd::beyond_width(config.host_address_width);
  const uint64_t page_frame = physical & page_mask;
  const uint64_t region = physical & ~(config.protected_alignment - 1);
  const uint64_t region_low = region & 0xffffffff;

  register_row pmen = writable("PMEN", vtd::pmen_reg, 4, vtd::pmen::epm.mask());
  pmen.read_only = vtd::pmen::prs.mask();
  pmen.command_byte = 3;
  register_row ics;
  ics.name = "ICS";
  ics.offset = vtd::ics_reg;
  ics.write_1_clear = vtd::ics::iwc.mask();
  uint64_t iqa_bits = page_frame | vtd::iqa::qs.mask();
  if (ecap.scalable_mode()) iqa_bits |= vtd::iqa::dw.mask();
  uint64_t irta_bits = page_frame | vtd::irta::s.mask();
  if (ecap.extended_interrupt_mode()) irta_bits |= vtd::irta::eime.mask();

  std::vector<register_row> rows{
      read_only(
          "VER", vtd::ver_reg, 4,
          vtd::ver::max.make(config.version_major) | vtd::ver::min.make(config.version_minor)),
      read_only("CAP", vtd::cap_reg, 8, cap.value()),
      read_only("ECAP", vtd::ecap_reg, 8, ecap.value()),
      gcmd_row(),
      read_only("GSTS", vtd::gsts_reg, 4, 0),
      writable("RTADDR", vtd::rtaddr_reg, 8, page_frame | vtd::rtaddr::ttm.mask()),
      ccmd_row(),
      fsts_row(),
      event_control_row("FECTL", vtd::fectl_reg),
      writable("FEDATA", vtd::fedata_reg, 4, mask_of(vtd::fedata::eimd, vtd::fedata::imd)),
      writable("FEADDR", vtd::feaddr_reg, 4, vtd::feaddr::ma.mask()),
      writable("FEUADDR", vtd::feuaddr_reg, 4, 0xffffffff),
      only_if(cap.advanced_fault_logging(),
              writable("AFLOG", vtd::aflog_reg, 8, page_frame | vtd::aflog::fls.mask())),
      only_if(low || high, pmen),
      only_if(low, writable("PLMBASE", vtd::plmbase_reg, 4, region_low)),
      only_if(low, writable("PLMLIMIT", vtd::plmlimit_reg, 4, region_low)),
      only_if(high, writable("PHMBASE", vtd::phmbase_reg, 8, region)),
      only_if(high, writable("PHMLIMIT", vtd::phmlimit_reg, 8, region)),
      only_if(queue, read_only("IQH", vtd::iqh_reg, 8, 0)),
      only_if(queue, writable("IQT", vtd::iqt_reg, 8, vtd::iqt::qt.mask())),
      only_if(queue, writable("IQA", vtd::iqa_reg, 8, iqa_bits)),
      only_if(queue, ics),
      only_if(queue, event_control_row("IECTL", vtd::iectl_reg)),
      only_if(queue,
              writable("IEDATA", vtd::iedata_reg, 4, mask_of(vtd::iedata::eimd, vtd::iedata::imd))),
      only_if(queue, writable("IEADDR", vtd::ieaddr_reg, 4, vtd::ieaddr::ma.mask())),
      only_if(queue, writable("IEUADDR", vtd::ieuaddr_reg, 4, 0xffffffff)),
      only_if(ecap.interrupt_remapping(), writable("IRTA", vtd::irta_reg, 8, irta_bits)),
      only_if(ecap.scalable_mode(), read_only("IQER", vtd::iqer_reg, 8, 0)),
      iva_row(ecap.iotlb_offset() + vtd::iva_reg_relative),
      iotlb_row(ecap.iotlb_offset() + vtd::iotlb_reg_relative),
  };
  add_fault_records(config, rows);
  return rows;
}

}  // namespace iommulab
