// SPDX-License-Identifier: GPL-2.0-only
//
// What a device asks of the unit and what it gets.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/types.h"
#include "platform/vtd/spec/fault_reason.h"

namespace iommulab {

/// AT of a PCIe request; the values are those of FRCD.AT.
enum class address_type : uint8_t {
  untranslated = 0,
  translation_request = 1,  ///< ATS: asks for the translation, moves no data
  translated = 2,           ///< ATS: carries an address that was translated before
};

enum class dma_access : uint8_t { read, write };

struct dma_request {
  source_id source;    ///< as the unit sees it; the segment is not looked at
  uint32_t pasid = 0;  ///< 20 bits, when the request has one
  uint64_t address = 0;
  uint64_t length = 1;  ///< bytes; 0 is a zero-length read or write (a flush)
  dma_access access = dma_access::read;
  address_type type = address_type::untranslated;
  bool with_pasid = false;  ///< there is a PASID prefix; the rest is of it
  bool privileged = false;  ///< PR: privileged mode requested
  bool execute = false;     ///< ER: execute requested
};
static_assert(sizeof(dma_request) == 32);  // translations are counted in nanoseconds

enum class dma_outcome : uint8_t {
  passed,      ///< untouched: translation is off, pass-through, or an already translated request
  translated,  ///< through the tables
  interrupt,   ///< a 4-byte write into FEEx_xxxxh: for interrupt remapping, not memory
  blocked,     ///< no data moves; reads return what the bus returns for an unsupported request
};

/// What decided over a request: the last thing that the unit looked at.
enum class answer_source : uint8_t {
  interrupt_range,     ///< the address is in FEEx_xxxxh
  translation_off,     ///< TE is clear
  context,             ///< no context, or one that forbids the request
  pasid_entry,         ///< no PASID table entry, or one that forbids the request
  translated_request,  ///< the device brought a host address
  pass_through,
  iotlb,
  tables,
};
std::string_view name(answer_source source);

/// Where something that the unit caches came from.
enum class lookup : uint8_t { none, cache, memory };
std::string_view name(lookup from);

/// Where an answer came from.
struct provenance {
  answer_source decided = answer_source::translation_off;
  lookup context = lookup::none;  ///< none when no context was looked at
};

struct dma_translation {
  dma_outcome outcome = dma_outcome::blocked;
  /// Of a blocked request; none when it was blocked without a fault (protected regions, reads of
  /// the interrupt range, ATS while translation is off).
  vtd::fault_reason reason = vtd::fault_reason::none;
  uint64_t address = 0;  ///< host physical
  uint64_t length = 0;   ///< bytes from `address` on for which this holds, at most the request's
  bool readable = false;
  bool writable = false;
  bool snoop = false;
  uint8_t page_bits = 0;           ///< log2 of the mapping's size, 0 when nothing was mapped
  bool untranslated_only = false;  ///< U of an ATS completion
  provenance from;

  [[nodiscard]] bool ok() const {
    return outcome == dma_outcome::passed || outcome == dma_outcome::translated;
  }
};

}  // namespace iommulab
