// SPDX-License-Identifier: GPL-2.0-only
//
// The register map of a remapping unit: offsets in bytes from the unit's base, and the fields of
// each register. Names are the specification's mnemonics in lower case.
//
// Section numbers here and in the rest of this folder are those of the VT-d specification 3.0
// (chapter 10 became 11 in later revisions; the order within it stayed).
#pragma once

#include <cstdint>

#include "platform/vtd/spec/field.h"

namespace iommulab::vtd {

inline constexpr uint32_t ver_reg = 0x00;       // 10.4.1, 32 bits
inline constexpr uint32_t cap_reg = 0x08;       // 10.4.2, 64 bits
inline constexpr uint32_t ecap_reg = 0x10;      // 10.4.3, 64 bits
inline constexpr uint32_t gcmd_reg = 0x18;      // 10.4.4, 32 bits
inline constexpr uint32_t gsts_reg = 0x1c;      // 10.4.5, 32 bits
inline constexpr uint32_t rtaddr_reg = 0x20;    // 10.4.6, 64 bits
inline constexpr uint32_t ccmd_reg = 0x28;      // 10.4.7, 64 bits
inline constexpr uint32_t fsts_reg = 0x34;      // 10.4.9, 32 bits
inline constexpr uint32_t fectl_reg = 0x38;     // 10.4.10, 32 bits
inline constexpr uint32_t fedata_reg = 0x3c;    // 10.4.11, 32 bits
inline constexpr uint32_t feaddr_reg = 0x40;    // 10.4.12, 32 bits
inline constexpr uint32_t feuaddr_reg = 0x44;   // 10.4.13, 32 bits
inline constexpr uint32_t aflog_reg = 0x58;     // 10.4.15, 64 bits
inline constexpr uint32_t pmen_reg = 0x64;      // 10.4.16, 32 bits
inline constexpr uint32_t plmbase_reg = 0x68;   // 10.4.17, 32 bits
inline constexpr uint32_t plmlimit_reg = 0x6c;  // 10.4.18, 32 bits
inline constexpr uint32_t phmbase_reg = 0x70;   // 10.4.19, 64 bits
inline constexpr uint32_t phmlimit_reg = 0x78;  // 10.4.20, 64 bits
inline constexpr uint32_t iqh_reg = 0x80;       // 10.4.21, 64 bits
inline constexpr uint32_t iqt_reg = 0x88;       // 10.4.22, 64 bits
inline constexpr uint32_t iqa_reg = 0x90;       // 10.4.23, 64 bits
inline constexpr uint32_t ics_reg = 0x9c;       // 10.4.24, 32 bits
inline constexpr uint32_t iectl_reg = 0xa0;     // 10.4.25, 32 bits
inline constexpr uint32_t iedata_reg = 0xa4;    // 10.4.26, 32 bits
inline constexpr uint32_t ieaddr_reg = 0xa8;    // 10.4.27, 32 bits
inline constexpr uint32_t ieuaddr_reg = 0xac;   // 10.4.28, 32 bits
inline constexpr uint32_t iqer_reg = 0xb0;      // "Invalidation Queue Error Record", 64 bits
inline constexpr uint32_t irta_reg = 0xb8;      // 10.4, "Interrupt Remapping Table Address"

// The IOTLB registers (10.4.8) lie at ECAP.IRO * 16, the fault records (10.4.14) at CAP.FRO * 16;
// see ecap_register::iotlb_offset() and cap_register::fault_recording_offset(). Within them:
inline constexpr uint32_t iva_reg_relative = 0x0;    // 10.4.8.2, 64 bits
inline constexpr uint32_t iotlb_reg_relative = 0x8;  // 10.4.8.1, 64 bits
inline constexpr uint32_t frcd_size = 16;            ///< bytes of one fault record
inline constexpr uint32_t frcd_low_relative = 0x0;   ///< 63:0 of a record
inline constexpr uint32_t frcd_high_relative = 0x8;  ///< 127:64; F is its top bit

namespace ver {  // 10.4.1
inline constexpr field32 max{7, 4};
inline constexpr field32 min{3, 0};
}  // namespace ver

namespace gcmd {                     // 10.4.4
inline constexpr field32 te{31};     ///< translation enable
inline constexpr field32 srtp{30};   ///< set root table pointer (one shot)
inline constexpr field32 sfl{29};    ///< set fault log (one shot)
inline constexpr field32 eafl{28};   ///< enable advanced fault logging
inline constexpr field32 wbf{27};    ///< write buffer flush (one shot)
inline constexpr field32 qie{26};    ///< queued invalidation enable
inline constexpr field32 ire{25};    ///< interrupt remapping enable
inline constexpr field32 sirtp{24};  ///< set interrupt remap table pointer (one shot)
inline constexpr field32 cfi{23};    ///< compatibility format interrupts
}  // namespace gcmd

namespace gsts {                     // 10.4.5
inline constexpr field32 tes{31};    ///< translation enabled
inline constexpr field32 rtps{30};   ///< root table pointer set
inline constexpr field32 fls{29};    ///< fault log pointer set
inline constexpr field32 afls{28};   ///< advanced fault logging enabled
inline constexpr field32 wbfs{27};   ///< write buffer flush in progress
inline constexpr field32 qies{26};   ///< queued invalidation enabled
inline constexpr field32 ires{25};   ///< interrupt remapping enabled
inline constexpr field32 irtps{24};  ///< interrupt remap table pointer set
inline constexpr field32 cfis{23};   ///< compatibility format interrupts pass
}  // namespace gsts

namespace rtaddr {                     // 10.4.6
inline constexpr field64 rta{63, 12};  ///< root table, page frame
/// Translation table mode.
inline constexpr field64 ttm{11, 10};
/// Root table type: bit 11 of the mode, alone until revision 3.
inline constexpr field64 rtt{11};
}  // namespace rtaddr

/// RTADDR.TTM: which tables the root pointer leads to.
enum class table_mode : uint8_t {
  legacy = 0,
  scalable = 1,   ///< needs ECAP.SMTS
  reserved = 2,   ///< was: extended context entries
  abort_dma = 3,  ///< all requests are blocked; needs ECAP.ADMS
};

/// CCMD.CIRG, CCMD.CAIG and the G field of the context-cache descriptor.
enum class context_granularity : uint8_t { none = 0, global = 1, domain = 2, device = 3 };
/// IOTLB.IIRG, IOTLB.IAIG and the G field of the IOTLB descriptor.
enum class iotlb_granularity : uint8_t { none = 0, global = 1, domain = 2, page = 3 };

namespace ccmd {                        // 10.4.7
inline constexpr field64 icc{63};       ///< invalidate context cache: set to start, clear when done
inline constexpr field64 cirg{62, 61};  ///< requested granularity
inline constexpr field64 caig{60, 59};  ///< granularity performed
inline constexpr field64 fm{33, 32};    ///< function mask: low function bits to ignore
inline constexpr field64 sid{31, 16};   ///< source id
inline constexpr field64 did{15, 0};    ///< domain id
}  // namespace ccmd

namespace iotlb {                       // 10.4.8.1
inline constexpr field64 ivt{63};       ///< invalidate IOTLB: set to start, clear when done
inline constexpr field64 iirg{61, 60};  ///< requested granularity
inline constexpr field64 iaig{58, 57};  ///< granularity performed
inline constexpr field64 dr{49};        ///< drain reads
inline constexpr field64 dw{48};        ///< drain writes
inline constexpr field64 did{47, 32};   ///< domain id
}  // namespace iotlb

namespace iva {                         // 10.4.8.2
inline constexpr field64 addr{63, 12};  ///< page frame
inline constexpr field64 ih{6};         ///< only leaf entries changed
inline constexpr field64 am{5, 0};      ///< log2 of the number of pages
}  // namespace iva

namespace fsts {                      // 10.4.9
inline constexpr field32 fri{15, 8};  ///< index of the first pending record
inline constexpr field32 ite{6};      ///< device-TLB invalidation timed out, RW1C
inline constexpr field32 ice{5};      ///< device-TLB invalidation completion error, RW1C
inline constexpr field32 iqe{4};      ///< invalidation queue error, RW1C
inline constexpr field32 apf{3};      ///< advanced pending fault, RW1C
inline constexpr field32 afo{2};      ///< advanced fault overflow, RW1C
inline constexpr field32 ppf{1};      ///< primary pending fault: OR of all F bits
inline constexpr field32 pfo{0};      ///< primary fault overflow, RW1C
}  // namespace fsts

namespace fectl {                 // 10.4.10; IECTL (10.4.25) is the same
inline constexpr field32 im{31};  ///< interrupt mask
inline constexpr field32 ip{30};  ///< interrupt pending
}  // namespace fectl
namespace iectl = fectl;

namespace fedata {                      // 10.4.11; IEDATA (10.4.26) is the same
inline constexpr field32 eimd{31, 16};  ///< extended interrupt message data
inline constexpr field32 imd{15, 0};    ///< interrupt message data
}  // namespace fedata
namespace iedata = fedata;

namespace feaddr {                   // 10.4.12; IEADDR (10.4.27) is the same
inline constexpr field32 ma{31, 2};  ///< message address, in dwords
}  // namespace feaddr
namespace ieaddr = feaddr;

namespace aflog {                      // 10.4.15
inline constexpr field64 fla{63, 12};  ///< fault log, page frame
inline constexpr field64 fls{11, 9};   ///< log2 of its pages
}  // namespace aflog

namespace pmen {                   // 10.4.16
inline constexpr field32 epm{31};  ///< enable protected memory
inline constexpr field32 prs{0};   ///< protected region status
}  // namespace pmen

namespace iqh {                      // 10.4.21
inline constexpr field64 qh{18, 4};  ///< index of the next descriptor to fetch
}  // namespace iqh

namespace iqt {                      // 10.4.22
inline constexpr field64 qt{18, 4};  ///< index after the last descriptor written
}  // namespace iqt

namespace iqa {                        // 10.4.23
inline constexpr field64 iqa{63, 12};  ///< queue, page frame
inline constexpr field64 dw{11};       ///< descriptor width: 0 = 128 bits, 1 = 256 bits
inline constexpr field64 qs{2, 0};     ///< log2 of the queue's pages, 4096 bytes each
}  // namespace iqa

namespace iqer {                          // "Invalidation Queue Error Record"
inline constexpr field64 iqei{3, 0};      ///< why FSTS.IQE was set
inline constexpr field64 itesid{47, 32};  ///< whose invalidation timed out
inline constexpr field64 icesid{63, 48};  ///< who answered an invalidation wrongly
}  // namespace iqer

/// IQER.IQEI.
enum class queue_error : uint8_t {
  none = 0,  ///< no information
  tail_beyond_queue = 1,
  descriptor_unreadable = 2,
  type_invalid = 3,
  reserved_bits = 4,
  width_invalid = 5,   ///< IQA.DW does not go with the mode of the tables
  tail_unaligned = 6,  ///< bit 4 of IQT with descriptors of 256 bits
  mode_invalid = 7,    ///< RTADDR.TTM is none of the unit's
};

namespace ics {                   // 10.4.24
inline constexpr field32 iwc{0};  ///< a wait descriptor with IF completed, RW1C
}  // namespace ics

namespace irta {                        // "Interrupt Remapping Table Address"
inline constexpr field64 irta{63, 12};  ///< table, page frame
inline constexpr field64 eime{11};      ///< extended interrupt mode
inline constexpr field64 s{3, 0};       ///< the table has 2^(s+1) entries
}  // namespace irta

namespace frcd_low {                  // 10.4.14, bits 63:0
inline constexpr field64 fi{63, 12};  ///< faulting page frame (interrupt: index in 63:48)
}  // namespace frcd_low

namespace frcd_high {                 // 10.4.14, bits 127:64, numbered from 0
inline constexpr field64 f{63};       ///< fault recorded, RW1C
inline constexpr field64 t1{62};      ///< 0 write, 1 read
inline constexpr field64 at{61, 60};  ///< address type of the request
inline constexpr field64 pv{59, 40};  ///< PASID value
inline constexpr field64 fr{39, 32};  ///< fault reason
inline constexpr field64 pp{31};      ///< PASID present
inline constexpr field64 exe{30};     ///< execute permission requested
inline constexpr field64 priv{29};    ///< privileged mode requested
inline constexpr field64 sid{15, 0};  ///< source id
}  // namespace frcd_high

}  // namespace iommulab::vtd
