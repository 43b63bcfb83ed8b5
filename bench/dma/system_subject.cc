// SPDX-License-Identifier: GPL-2.0-only
#include "bench/dma/system_subject.h"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/dma/dma_mapping.h"
#include "core/status.h"
#include "platform/machine/builtin.h"
#include "platform/vtd/spec/entries.h"

namespace iommulab {
namespace {

constexpr auto both = dma_data_direction::bidirectional;
constexpr uint64_t read_write =
    vtd::mask_of(vtd::second_level_entry::r, vtd::second_level_entry::w);
constexpr uint64_t first_other_page = 0x5000;

class buffer_subject final : public subject {
 public:
  buffer_subject(started_system s, const dma_case& c)
      : s_(std::move(s)), phys_(c.phys_page << page_shift), size_(c.pages << page_shift) {
    for (unsigned i = 0; i < other_buffers; ++i) {
      dma_map_single(*s_.dev, phys_addr((first_other_page + i) << page_shift), page_size, both);
    }
  }
  void run(uint64_t operations, unsigned /*thread*/) override {
    for (uint64_t i = 0; i < operations; ++i) {
      const dma_addr address = dma_map_single(*s_.dev, phys_, size_, both);
      if (dma_mapping_error(*s_.dev, address)) std::abort();
      dma_unmap_single(*s_.dev, address, size_, both);
      note(address.value());
    }
  }

 private:
  started_system s_;
  phys_addr phys_;
  uint64_t size_;
};

class list_subject final : public subject {
 public:
  list_subject(started_system s, const dma_case& c) : s_(std::move(s)), list_(c.pages) {
    for (size_t i = 0; i < list_.size(); ++i) {
      list_[i].page = phys_addr((c.phys_page + 2 * i) << page_shift);
      list_[i].length = page_size;
    }
  }
  void run(uint64_t operations, unsigned /*thread*/) override {
    for (uint64_t i = 0; i < operations; ++i) {
      if (dma_map_sg(*s_.dev, absl::MakeSpan(list_), both) == 0) std::abort();
      note(list_[0].dma_address.value());
      dma_unmap_sg(*s_.dev, absl::MakeSpan(list_), both);
    }
  }

 private:
  started_system s_;
  std::vector<scatterlist> list_;
};

class table_subject final : public subject {
 public:
  table_subject(started_system s, const dma_case& c)
      : s_(std::move(s)),
        phys_page_(c.phys_page),
        pages_(c.pages),
        table_(s_.system->generation().make_page_table(39, 2)) {
    if (table_->map(table_neighbour, 1, 1, read_write) != 0) std::abort();
    // Others in its table of level 1, unless it takes the whole.
    if (pages_ < 512 && table_->map(table_frame + 511, 1, 1, read_write) != 0) std::abort();
  }
  void run(uint64_t operations, unsigned /*thread*/) override {
    for (uint64_t i = 0; i < operations; ++i) {
      if (table_->map(table_frame, phys_page_, pages_, read_write) != 0) std::abort();
      table_->unmap(table_frame, table_frame + pages_ - 1);
    }
  }

 private:
  started_system s_;
  uint64_t phys_page_;
  uint64_t pages_;
  std::unique_ptr<page_table> table_;
};

}  // namespace

absl::StatusOr<started_system> start_system(const kernel_profile& profile, bool lazy) {
  kernel_options options;
  options.profile = &profile;
  options.command_line = lazy ? "intel_iommu=on" : "intel_iommu=on,strict";
  auto made = kernel::create(q35_machine(), std::move(options));
  if (!made.ok()) return made.status();
  started_system s{*std::move(made)};
  const boot_outcome outcome = s.system->start_up();
  if (outcome.intel_iommu_init != 0 || !outcome.panic.empty()) {
    return errno_status(EIO,
                        absl::StrFormat("%s does not start: %s", profile.name(), outcome.panic));
  }
  s.system->finish_boot();
  s.system->pci().for_each_pci_dev([&s](pci_dev& pdev) {
    if (pdev.class_code >> 16 != 0x06 && s.dev == nullptr) s.dev = &pdev.dev;
  });
  return s;
}

absl::StatusOr<std::unique_ptr<subject>> make_system_subject(const kernel_profile& profile,
                                                             const dma_case& c) {
  auto s = start_system(profile, c.lazy);
  if (!s.ok()) return s.status();
  switch (c.what) {
    case dma_case::kind::buffer:
      return std::make_unique<buffer_subject>(*std::move(s), c);
    case dma_case::kind::list:
      return std::make_unique<list_subject>(*std::move(s), c);
    case dma_case::kind::table:
      return std::make_unique<table_subject>(*std::move(s), c);
  }
  return errno_status(EINVAL, c.name);
}

}  // namespace iommulab
