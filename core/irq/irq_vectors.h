// SPDX-License-Identifier: GPL-2.0-only
//
// Interrupt numbers, their vectors on the one processor there is, and their handlers.
//
// Vectors are given out as Linux 4.4 on x86 does after the legacy interrupts took 30h to 3Fh: 41h,
// 51h, … E1h, then 42h and so on. The first interrupt of a system is number 24 with vector 41h, and
// its message FEE0100Ch, 4141h: logical processor 1, lowest priority. Later kernels do it
// otherwise: vector_scheme says how.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>

#include "core/irq/msi_message.h"

namespace iommulab {

/// How a kernel gives out vectors, and what its messages look like.
struct vector_scheme {
  uint8_t first_vector = 0x41;
  uint8_t step = 16;  ///< between one vector and the next; the rounds after the first fill the gaps
  uint64_t address = 0xfee0100c;  ///< of a message: its destination, and how that is meant
  uint32_t delivery = 0x4100;     ///< of its data, but for the vector
};
/// One after another from 21h on; to the processor with the physical id 0, fixed.
inline constexpr vector_scheme linux_6_12_vectors = {0x21, 1, 0xfee00000, 0};

/// The same, to the logical processor 1.
inline constexpr vector_scheme linux_6_1_vectors = {0x21, 1, 0xfee01004, 0};

class irq_vectors {
 public:
  using handler = std::function<void()>;

  /// The first interrupt number behind the I/O APIC's pins.
  static constexpr int first_dynamic_irq = 24;

  /// A free interrupt number with a vector, or 0 when the vectors are used up.
  /// Linux v4.4 arch/x86/kernel/apic/vector.c: __assign_irq_vector()
  int alloc_irq();
  /// From now on `h` is called for the number; unknown numbers are ignored.
  void request_irq(int irq, handler h);
  /// Frees number and vector; unknown numbers are ignored.
  void free_irq(int irq);
  /// The message that raises `irq`; all zero for a number that is not in use.
  /// Linux v4.4 arch/x86/kernel/apic/msi.c: irq_msi_compose_msg()
  [[nodiscard]] msi_message compose_msi_msg(int irq) const;

  /// The processor takes `vector`: calls its handler. Whether there was one.
  /// Linux v4.4 arch/x86/kernel/irq.c: do_IRQ()
  bool do_irq(uint8_t vector);

  /// As another kernel does it; before the first interrupt is given out.
  void set_scheme(const vector_scheme& scheme) { scheme_ = scheme; }

  /// No more than `n` interrupts can be in use from now on, as if the other vectors were taken.
  void limit(size_t n) { limit_ = n; }

 private:
  struct line {
    uint8_t vector = 0;
    handler action;
  };
  [[nodiscard]] uint8_t free_vector() const;

  vector_scheme scheme_;
  std::map<int, line> lines_;
  size_t limit_ = SIZE_MAX;
};

}  // namespace iommulab
