// SPDX-License-Identifier: GPL-2.0-only
#include "platform/vtd/register_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "platform/vtd/unit_observer.h"

namespace iommulab {
namespace {

constexpr uint16_t no_row = 0xffff;
constexpr unsigned bits_per_byte = 8;

/// `count` bytes from byte `first` on, as a mask over one register.
constexpr uint64_t byte_mask(unsigned first, unsigned count) {
  const uint64_t ones = count >= 8 ? ~uint64_t{0} : (uint64_t{1} << (count * bits_per_byte)) - 1;
  return ones << (first * bits_per_byte);
}

}  // namespace

register_file::register_file(std::vector<register_row> rows, uint64_t window,
                             diagnosis_log& diagnoses, const unit_observers& observers)
    : rows_(std::move(rows)),
      by_byte_(window, no_row),
      diagnoses_(diagnoses),
      observers_(observers) {
  for (size_t i = 0; i < rows_.size(); ++i) {
    for (unsigned byte = 0; byte < rows_[i].size; ++byte) {
      by_byte_[rows_[i].offset + byte] = static_cast<uint16_t>(i);
    }
  }
  reset();
}

void register_file::reset() {
  values_.resize(rows_.size());
  for (size_t i = 0; i < rows_.size(); ++i) values_[i] = rows_[i].reset;
}

void register_file::store(size_t at, uint64_t value) {
  const uint64_t before = std::exchange(values_[at], value);
  if (before != value) {
    observers_.tell(&unit_observer::register_changed, rows_[at], before, value);
  }
}

void register_file::check_access(uint64_t offset, unsigned size, uint64_t value, bool write) {
  const std::string_view verb = write ? "written" : "read";
  if (offset % size != 0) {
    diagnoses_.add(
        vtd_diagnosis::unaligned_access, offset, value,
        absl::StrFormat("%u bytes %s at an offset that is no multiple of %u", size, verb, size));
    return;
  }
  if (by_byte_[offset] == no_row && by_byte_[offset + size - 1] == no_row) {
    diagnoses_.add(vtd_diagnosis::reserved_offset, offset, value,
                   absl::StrFormat("%u bytes %s where no register is", size, verb));
    return;
  }
  if (size == 8 && by_byte_[offset] != by_byte_[offset + 4]) {
    diagnoses_.add(vtd_diagnosis::access_too_wide, offset, value,
                   absl::StrFormat("8 bytes %s on 4-byte registers", verb));
  }
}

void register_file::check_write(const register_row& row, uint64_t covered, uint64_t bits) {
  if (!row.implemented) {
    if (bits == 0) return;  // zeros may always be written to what is reserved
    diagnoses_.add(vtd_diagnosis::register_not_implemented, row.offset, bits,
                   absl::StrFormat("%s is not implemented by this unit", row.name));
    return;
  }
  if (row.all_read_only()) {
    diagnoses_.add(vtd_diagnosis::write_to_read_only, row.offset, bits,
                   absl::StrFormat("%s is read-only", row.name));
    return;
  }
  if (const uint64_t bad = bits & covered & row.reserved(); bad != 0) {
    diagnoses_.add(vtd_diagnosis::reserved_bits_set, row.offset, bits,
                   absl::StrFormat("%s reserves the bits 0x%x", row.name, bad));
  }
}

uint64_t register_file::read(uint64_t offset, unsigned size) {
  if (offset >= window() || size > window() - offset) {
    diagnoses_.add(vtd_diagnosis::outside_window, offset, 0,
                   absl::StrFormat("%u bytes read beyond the registers", size));
    return byte_mask(0, size);
  }
  check_access(offset, size, 0, false);
  uint64_t result = 0;
  for (unsigned done = 0; done < size;) {
    const uint16_t at = by_byte_[offset + done];
    if (at == no_row) {
      ++done;
      continue;
    }
    const register_row& row = rows_[at];
    const auto first = static_cast<unsigned>(offset + done - row.offset);
    const unsigned count = std::min<unsigned>(row.size - first, size - done);
    const uint64_t bits = (values_[at] & byte_mask(first, count)) >> (first * bits_per_byte);
    result |= bits << (done * bits_per_byte);
    done += count;
  }
  return result;
}

register_file::write_result register_file::write(uint64_t offset, unsigned size, uint64_t value) {
  write_result result;
  if (offset >= window() || size > window() - offset) {
    diagnoses_.add(vtd_diagnosis::outside_window, offset, value,
                   absl::StrFormat("%u bytes written beyond the registers", size));
    return result;
  }
  check_access(offset, size, value, true);
  for (unsigned done = 0; done < size;) {
    const uint16_t at = by_byte_[offset + done];
    if (at == no_row) {
      ++done;
      continue;
    }
    const register_row& row = rows_[at];
    const auto first = static_cast<unsigned>(offset + done - row.offset);
    const unsigned count = std::min<unsigned>(row.size - first, size - done);
    const uint64_t covered = byte_mask(first, count);
    const uint64_t bits = ((value >> (done * bits_per_byte)) << (first * bits_per_byte)) & covered;
    done += count;

    check_write(row, covered, bits);
    if (!row.implemented || row.all_read_only()) continue;

    // The one formula: RW bits take the value, RW1C bits go where a one is written, the rest
    // stays. Write-only bits are handed on and not kept.
    const uint64_t before = values_[at];
    const uint64_t taken = row.read_write & covered;
    store(at, ((before & ~taken) | (bits & taken)) & ~(bits & row.write_1_clear));
    result.items[result.count++] = {static_cast<vtd_register>(at), bits, before,
                                    (covered & byte_mask(row.command_byte, 1)) != 0};
  }
  return result;
}

}  // namespace iommulab
