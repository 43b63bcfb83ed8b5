// SPDX-License-Identifier: GPL-2.0-only
#include "bench/dma/kernel_subject.h"

#include <cerrno>

#include "absl/strings/str_format.h"
#include "core/status.h"

#ifdef IOMMULAB_KERNEL_DMA_6_12
#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "bench/dma/system_subject.h"
#include "bench/kernel/dma/kernel_dma.h"
#include "core/dma/dma_mapping.h"
#include "intel/v6_12/queue.h"
#include "kernel/v6_12/generation.h"
#include "kernel/v6_12/profile.h"
#endif

namespace iommulab {

#ifdef IOMMULAB_KERNEL_DMA_6_12
namespace {

constexpr std::string_view name_6_12 = "v6_12";
constexpr uint64_t first_other_page = 0x5000;
constexpr uint64_t doorbells_first = 0xfee00;
constexpr uint64_t doorbells_last = 0xfeeff;

class kernel_6_12 : public subject {
 public:
  kernel_6_12(started_system s, const dma_case& c)
      : s_(std::move(s)),
        driver_(static_cast<v6_12::generation&>(s_.system->generation()).driver()),
        phys_(c.phys_page << page_shift),
        size_(c.pages << page_shift) {
    const auto& domain = v6_12::to_dmar_domain(v6_12::iommu_get_dma_domain(*s_.dev));
    iommu_ = v6_12::info_of(*s_.dev).iommu;
    kernel_dma_config config{};
    config.width = domain.gaw;
    config.superpages = domain.iommu_superpage;
    config.first_level = domain.use_first_level;
    config.lazy = c.lazy;
    config.cap = iommu_->cap.value();
    config.ecap = iommu_->ecap.value();
    config.did = v6_12::domain_id_iommu(domain, *iommu_);
    config.dma_mask = dma_get_mask(*s_.dev);
    config.submit = submit;
    config.unit = this;
    dma_ = kernel_dma_create(&config);
    if (dma_ == nullptr) std::abort();
    kernel_dma_reserve(dma_, doorbells_first, doorbells_last);
  }
  kernel_6_12(const kernel_6_12&) = delete;
  kernel_6_12& operator=(const kernel_6_12&) = delete;
  ~kernel_6_12() override { kernel_dma_destroy(dma_); }

 protected:
  kernel_dma* dma() { return dma_; }
  [[nodiscard]] uint64_t phys() const { return phys_; }
  [[nodiscard]] uint64_t size() const { return size_; }

 private:
  static int submit(void* self, const void* descriptors, unsigned count) {
    auto& s = *static_cast<kernel_6_12*>(self);
    std::array<v6_12::qi_desc, v6_12::qi_batch::room> descs;
    std::memcpy(descs.data(), descriptors, count * sizeof(v6_12::qi_desc));
    return v6_12::qi_submit_sync(s.driver_, *s.iommu_, absl::MakeConstSpan(descs).first(count));
  }

  started_system s_;
  v6_12::intel_driver& driver_;
  intel_iommu* iommu_ = nullptr;
  uint64_t phys_;
  uint64_t size_;
  kernel_dma* dma_ = nullptr;
};

class kernel_buffer final : public kernel_6_12 {
 public:
  kernel_buffer(started_system s, const dma_case& c) : kernel_6_12(std::move(s), c) {
    for (unsigned i = 0; i < other_buffers; ++i) {
      kernel_dma_map(dma(), (first_other_page + i) << page_shift, page_size);
    }
  }
  void run(uint64_t operations, unsigned /*thread*/) override {
    for (uint64_t i = 0; i < operations; ++i) {
      const uint64_t address = kernel_dma_map(dma(), phys(), size());
      if (address == UINT64_MAX) std::abort();
      kernel_dma_unmap(dma(), address, size());
      note(address);
    }
  }
};

class kernel_list final : public kernel_6_12 {
 public:
  kernel_list(started_system s, const dma_case& c) : kernel_6_12(std::move(s), c) {
    if (!kernel_dma_set_list(dma(), static_cast<unsigned>(c.pages), phys(), page_size,
                             2 * page_size))
      std::abort();
  }
  void run(uint64_t operations, unsigned /*thread*/) override {
    for (uint64_t i = 0; i < operations; ++i) {
      const uint64_t address = kernel_dma_map_list(dma());
      if (address == UINT64_MAX) std::abort();
      note(address);
      kernel_dma_unmap_list(dma());
    }
  }
};

class kernel_table final : public kernel_6_12 {
 public:
  kernel_table(started_system s, const dma_case& c) : kernel_6_12(std::move(s), c) {
    map(table_neighbour, 1, 1);
    if (c.pages < 512) map(table_frame + 511, 1, 1);
  }
  void run(uint64_t operations, unsigned /*thread*/) override {
    const uint64_t pages = size() >> page_shift;
    for (uint64_t i = 0; i < operations; ++i) {
      map(table_frame, phys() >> page_shift, pages);
      kernel_dma_unmap_table(dma(), table_frame, pages);
    }
  }

 private:
  void map(uint64_t frame, uint64_t phys_frame, uint64_t pages) {
    if (kernel_dma_map_table(dma(), frame, phys_frame, pages) != 0) std::abort();
  }
};

absl::StatusOr<std::unique_ptr<subject>> make_6_12(const dma_case& c) {
  auto s = start_system(v6_12::profile(), c.lazy);
  if (!s.ok()) return s.status();
  switch (c.what) {
    case dma_case::kind::buffer:
      return std::make_unique<kernel_buffer>(*std::move(s), c);
    case dma_case::kind::list:
      return std::make_unique<kernel_list>(*std::move(s), c);
    case dma_case::kind::table:
      return std::make_unique<kernel_table>(*std::move(s), c);
  }
  return errno_status(EINVAL, c.name);
}

}  // namespace
#endif

bool has_kernel_code([[maybe_unused]] std::string_view profile) {
#ifdef IOMMULAB_KERNEL_DMA_6_12
  if (profile == name_6_12) return true;
#endif
  return false;
}

absl::StatusOr<std::unique_ptr<subject>> make_kernel_subject(std::string_view profile,
                                                             [[maybe_unused]] const dma_case& c) {
#ifdef IOMMULAB_KERNEL_DMA_6_12
  if (profile == name_6_12) return make_6_12(c);
#endif
  return errno_status(ENOENT, absl::StrFormat("no code of the kernel's own for %s", profile));
}

}  // namespace iommulab
