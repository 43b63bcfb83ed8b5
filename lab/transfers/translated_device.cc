// SPDX-License-Identifier: GPL-2.0-only
#include "lab/transfers/translated_device.h"

#include <bit>
#include <utility>

#include "platform/vtd/spec/entries.h"
#include "platform/vtd/spec/registers.h"

namespace iommulab {
namespace {

constexpr uint64_t memory_bytes = uint64_t{1} << 30;
constexpr int table_width = 48;
constexpr domain_id the_domain{1};
constexpr source_id the_device{0, 0, 0};  // the first entry of the first context table
constexpr uint64_t mapped_to = 0x1000;    // frame; where the data lies does not matter

vtd_config unit_config() {
  vtd_config config;
  config.set_only_table_width(table_width);
  return config;
}

}  // namespace

absl::StatusOr<std::unique_ptr<translated_device>> translated_device::create(
    const kernel_profile& profile) {
  auto ground = table_ground::create(profile, memory_bytes);
  if (!ground.ok()) return ground.status();
  auto table = (*ground)->system().generation().make_page_table(table_width, 0);
  page_allocator& pages = (*ground)->system().pages();
  const auto root = pages.alloc_pages(0, gfp_kernel | gfp_zero);
  const auto contexts = pages.alloc_pages(0, gfp_kernel | gfp_zero);
  if (table == nullptr || !root || !contexts) {
    return errno_status(ENOMEM, "no memory for the tables of a domain");
  }
  auto device = std::unique_ptr<translated_device>(
      new translated_device(*std::move(ground), std::move(table)));
  device->write_root_and_context(*root, *contexts);
  return device;
}

translated_device::translated_device(std::unique_ptr<table_ground> ground,
                                     std::unique_ptr<page_table> table)
    : ground_(std::move(ground)),
      table_(std::move(table)),
      unit_(unit_config(), ground_->system().memory(), interrupts_, ground_->system().env().trace) {
}

void translated_device::write_root_and_context(phys_addr root, phys_addr contexts) {
  physical_memory& memory = ground_->system().memory();
  const auto root_entry = vtd::root_entry().set_context_table(contexts).set_present(true);
  *memory.object_at<uint64_t>(root) = root_entry.lo;
  const auto context = vtd::context_entry()
                           .set_address_root(table_->top())
                           .set_address_width(levels - 2)
                           .set_domain(the_domain)
                           .set_type(vtd::translation_type::untranslated_only)
                           .set_present(true);
  *memory.object_at<uint64_t>(contexts) = context.lo;
  *memory.object_at<uint64_t>(contexts + sizeof(uint64_t)) = context.hi;
  unit_.write64(vtd::rtaddr_reg, root.value());
  unit_.write32(vtd::gcmd_reg, vtd::gcmd::srtp.mask());
  unit_.write32(vtd::gcmd_reg, vtd::gcmd::te.mask());
}

bool translated_device::map(uint64_t frame, uint64_t count) {
  const auto both = vtd::second_level_entry().set_readable(true).set_writable(true);
  return table_->map(frame, mapped_to, count, both.value) == 0;
}

bool translated_device::unmap(uint64_t frame, uint64_t count) {
  return table_->unmap(frame, frame + count - 1) != 0;
}

dma_translation translated_device::read(uint64_t frame) {
  dma_request request;
  request.source = the_device;
  request.address = frame << page_shift;
  return unit_.translate(request);
}

void translated_device::invalidate(uint64_t frame, uint64_t count, bool leaves_only) {
  // The smallest aligned power of two that holds them.
  const unsigned mask = static_cast<unsigned>(std::bit_width(frame ^ (frame + count - 1)));
  const uint64_t first = frame >> mask << mask;
  command(static_cast<uint64_t>(vtd::iotlb_granularity::page),
          first << page_shift | vtd::iva::ih.make(leaves_only) | vtd::iva::am.make(mask));
}

void translated_device::invalidate_domain() {
  command(static_cast<uint64_t>(vtd::iotlb_granularity::domain), 0);
}

void translated_device::command(uint64_t granularity, uint64_t address) {
  const uint32_t registers = unit_.config().ecap.iotlb_offset();
  unit_.write64(registers + vtd::iva_reg_relative, address);
  unit_.write64(registers + vtd::iotlb_reg_relative, vtd::iotlb::ivt.make(1) |
                                                         vtd::iotlb::iirg.make(granularity) |
                                                         vtd::iotlb::did.make(the_domain.value()));
}

}  // namespace iommulab
