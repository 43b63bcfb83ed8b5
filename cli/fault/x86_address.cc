// SPDX-License-Identifier: GPL-2.0-only
#include "cli/fault/x86_address.h"

#include <array>
#include <string_view>

#include "absl/strings/str_format.h"
#include "core/types.h"

namespace iommulab {
namespace {

constexpr uint64_t user_end_4 = uint64_t{1} << 47;
constexpr uint64_t user_end_5 = uint64_t{1} << 56;
constexpr uint64_t kernel_first_5 = 0xff00000000000000;
constexpr uint64_t kernel_first_4 = 0xffff800000000000;

struct kernel_area {
  uint64_t first;
  uint64_t last;
  std::string_view words;
};

// Linux Documentation/arch/x86/x86_64/mm.rst. Where the direct map, vmalloc() and struct page begin
// is random with KASLR (CONFIG_RANDOMIZE_MEMORY, 4.8 on); text and modules move within theirs.
constexpr std::array<kernel_area, 14> kernel_areas = {{
    {0xff11000000000000, 0xff90ffffffffffff, "the direct map of all memory (5 levels)"},
    {0xffa0000000000000, 0xffd1ffffffffffff, "vmalloc() and ioremap() (5 levels)"},
    {0xffd4000000000000, 0xffd5ffffffffffff, "the array of struct page (5 levels)"},
    {0xffdf000000000000, 0xffff7fffffffffff, "KASAN's shadow (5 levels)"},
    {0xffff880000000000, 0xffff887fffffffff,
     "the direct map of all memory (4 levels, before Linux 4.20; later the LDT's)"},
    {0xffff888000000000, 0xffffc87fffffffff, "the direct map of all memory (4 levels)"},
    {0xffffc90000000000, 0xffffe8ffffffffff, "vmalloc() and ioremap() (4 levels)"},
    {0xffffea0000000000, 0xffffeaffffffffff, "the array of struct page (4 levels)"},
    {0xffffec0000000000, 0xfffffbffffffffff, "KASAN's shadow (4 levels)"},
    {0xfffffe0000000000, 0xfffffe7fffffffff, "the CPUs' entry areas"},
    {0xffffffef00000000, 0xfffffffeffffffff, "EFI's run-time mappings"},
    {0xffffffff80000000, 0xffffffff9fffffff, "the kernel's text and data"},
    {0xffffffffa0000000, 0xfffffffffeffffff, "the modules' text and data"},
    {0xffffffffff000000, 0xffffffffffdfffff, "the fixmap and vsyscall page"},
}};

struct fill_value {
  uint64_t value;
  std::string_view words;
};

// Linux include/linux/poison.h, x86-64
constexpr std::array<fill_value, 10> fill_values = {{
    {0x6b6b6b6b6b6b6b6b, "0x6b in every byte: slab memory that was freed (POISON_FREE)"},
    {0x5a5a5a5a5a5a5a5a, "0x5a in every byte: slab memory never filled in (POISON_INUSE)"},
    {0xa5a5a5a5a5a5a5a5, "0xa5 in every byte: the end of a slab object (POISON_END)"},
    {0xaaaaaaaaaaaaaaaa, "0xaa in every byte: a page that was freed (PAGE_POISON)"},
    {0xbbbbbbbbbbbbbbbb, "0xbb in every byte: the red zone of a freed slab object"},
    {0xcccccccccccccccc, "0xcc in every byte: the red zone of a slab object, or freed init memory"},
    {0xdead4ead, "0xdead4ead: the magic number of a spinlock, read as an address"},
    {0xdeadbeef, "0xdeadbeef: a filler that means \"nothing here\""},
    {0x6b6b6b6b, "0x6b in every byte of 32 bits: slab memory that was freed (POISON_FREE)"},
    {0x5a5a5a5a, "0x5a in every byte of 32 bits: slab memory never filled in (POISON_INUSE)"},
}};
constexpr unsigned list_poison_bits = 48;
constexpr uint64_t list_poison = 0xdead;

}  // namespace

address_half half_of(uint64_t address) {
  if (address < user_end_4) return address_half::user;
  if (address < user_end_5) return address_half::user_of_5_levels;
  if (address < kernel_first_5) return address_half::not_canonical;
  if (address < kernel_first_4) return address_half::kernel_of_5_levels;
  return address_half::kernel;
}

std::string kernel_region(uint64_t address) {
  for (const kernel_area& r : kernel_areas) {
    if (address < r.first || address > r.last) continue;
    return absl::StrFormat("%s, 0x%x to 0x%x", r.words, r.first, r.last);
  }
  return "";
}

std::string poison_words(uint64_t address) {
  for (const fill_value& p : fill_values) {
    if ((address & page_mask) == (p.value & page_mask)) return std::string(p.words);
  }
  if (address >> list_poison_bits == list_poison) {
    return "0xdead above: the poison of a list element that was taken out (LIST_POISON), or an "
           "offset from it";
  }
  return "";
}

}  // namespace iommulab
