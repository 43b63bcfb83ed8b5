// SPDX-License-Identifier: GPL-2.0-only
//
// The register file: one row a register, and one rule for all of them. A row says which bits
// software may write, which it clears by writing ones, which it can only read and which act on
// being written but are not kept; what is in none of these is reserved.
//
// The file stores and masks; it does nothing else. A write reports the rows that it touched, and
// the unit acts on them. Hardware's own updates go through set() and see no mask.
//
// Rules of access (10.2): 4-byte accesses on 4-byte boundaries, 8-byte ones on 8-byte boundaries
// and on 8-byte registers. Anything else is done byte by byte, as a bus that splits would do it,
// and diagnosed. Offsets beyond the window read all ones; offsets without a register read zero.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "platform/vtd/config.h"
#include "platform/vtd/diagnosis.h"

namespace iommulab {

class unit_observers;

/// Which register: the index of its row.
enum class vtd_register : uint16_t {
  ver,
  cap,
  ecap,
  gcmd,
  gsts,
  rtaddr,
  ccmd,
  fsts,
  fectl,
  fedata,
  feaddr,
  feuaddr,
  aflog,
  pmen,
  plmbase,
  plmlimit,
  phmbase,
  phmlimit,
  iqh,
  iqt,
  iqa,
  ics,
  iectl,
  iedata,
  ieaddr,
  ieuaddr,
  irta,
  iqer,
  iva,
  iotlb,
  frcd,  ///< low half of fault record 0; its high half and the further records follow
};

constexpr vtd_register frcd_low_half(unsigned record) {
  return static_cast<vtd_register>(static_cast<unsigned>(vtd_register::frcd) + 2 * record);
}
constexpr vtd_register frcd_high_half(unsigned record) {
  return static_cast<vtd_register>(static_cast<unsigned>(vtd_register::frcd) + 2 * record + 1);
}

struct register_row {
  std::string_view name;
  uint32_t offset = 0;
  uint8_t size = 4;  ///< 4 or 8 bytes
  uint64_t reset = 0;
  uint64_t read_write = 0;
  uint64_t write_1_clear = 0;
  uint64_t read_only = 0;
  uint64_t write_only = 0;   ///< acts when written, reads as zero
  uint8_t command_byte = 0;  ///< writing this byte is what the unit acts on
  bool implemented = true;

  [[nodiscard]] constexpr uint64_t width_mask() const {
    return size == 8 ? ~uint64_t{0} : uint64_t{0xffffffff};
  }
  [[nodiscard]] constexpr uint64_t reserved() const {
    return width_mask() & ~(read_write | write_1_clear | read_only | write_only);
  }
  [[nodiscard]] constexpr bool all_read_only() const {
    return implemented && (read_write | write_1_clear | write_only) == 0;
  }
};

/// The rows of a unit, in the order of vtd_register.
std::vector<register_row> register_rows(const vtd_config& config);

class register_file {
 public:
  /// One register that a write reached.
  struct touched {
    vtd_register which{};
    uint64_t written = 0;  ///< the bits written, in place; others zero
    uint64_t before = 0;   ///< value before the write
    bool command = false;  ///< the row's command byte was written
  };
  /// At most three registers lie under eight unaligned bytes.
  struct write_result {
    std::array<touched, 3> items{};
    size_t count = 0;
  };

  register_file(std::vector<register_row> rows, uint64_t window, diagnosis_log& diagnoses,
                const unit_observers& observers);

  uint64_t read(uint64_t offset, unsigned size);
  write_result write(uint64_t offset, unsigned size, uint64_t value);

  [[nodiscard]] uint64_t get(vtd_register which) const { return values_[index(which)]; }
  [[nodiscard]] uint32_t get32(vtd_register which) const {
    return static_cast<uint32_t>(values_[index(which)]);
  }
  /// Hardware's own update.
  void set(vtd_register which, uint64_t value) { store(index(which), value); }
  void reset();

  [[nodiscard]] const std::vector<register_row>& rows() const { return rows_; }
  [[nodiscard]] uint64_t window() const { return by_byte_.size(); }

 private:
  static size_t index(vtd_register which) { return static_cast<size_t>(which); }
  void store(size_t at, uint64_t value);
  void check_access(uint64_t offset, unsigned size, uint64_t value, bool write);
  void check_write(const register_row& row, uint64_t covered, uint64_t bits);

  std::vector<register_row> rows_;
  std::vector<uint64_t> values_;
  std::vector<uint16_t> by_byte_;  ///< row of each byte of the window, or no_row
  diagnosis_log& diagnoses_;
  const unit_observers& observers_;
};

}  // namespace iommulab
