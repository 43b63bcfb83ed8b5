// SPDX-License-Identifier: GPL-2.0-only
#include "bench/dma/walk_subject.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/trace.h"
#include "platform/interrupt_controller.h"
#include "platform/memory/physical_memory.h"
#include "platform/vtd/spec/first_level_entry.h"
#include "platform/vtd/spec/pasid_entry.h"
#include "platform/vtd/spec/registers.h"
#include "platform/vtd/spec/scalable_entries.h"
#include "platform/vtd/unit.h"

namespace iommulab {
namespace {

using vtd::first_level_entry;
using vtd::second_level_entry;

constexpr source_id device{0, 0, pci_devfn(3, 0)};
constexpr uint64_t ram = uint64_t{64} << 20;
constexpr uint64_t data_page = 0x10000;
constexpr uint64_t near_pages = 64;
constexpr uint64_t many_pages = 4096;
constexpr uint64_t top_items =
    256;  // the upper half of a first-level table is of negative addresses

/// Counts what walks read.
class word_counter final : public unit_observer {
 public:
  void paging_word_read(uint64_t, domain_id, uint64_t) override { ++words; }
  uint64_t words = 0;
};

std::vector<uint64_t> addresses_of(const walk_case& c) {
  std::vector<uint64_t> addresses;
  if (c.how != walk_case::spread::whole) {
    const uint64_t pages = c.how == walk_case::spread::hit ? near_pages : many_pages;
    for (uint64_t i = 0; i < pages; ++i) addresses.push_back(i << page_shift);
    return addresses;
  }
  // The top index changes from one to the next, so that no table on the way was used of late.
  const uint64_t top = second_level_entry::span_of(c.levels);
  const uint64_t next = second_level_entry::span_of(c.levels - 1);
  for (uint64_t i = 0; i < many_pages; ++i) {
    addresses.push_back(i % top_items * top + i / top_items * next);
  }
  return addresses;
}

class walk_subject final : public subject {
 public:
  walk_subject(const walk_case& c, walked_tables tables)
      : tables_(tables),
        memory_(make_memory()),
        unit_(config_of(c.levels), *memory_, interrupts_, trace_),
        addresses_(addresses_of(c)) {
    const uint64_t top = page();
    for (const uint64_t address : addresses_) map(top, c, address);
    put_device(top, c.levels);
    run(addresses_.size(), 0);
    check(c);
  }

  void run(uint64_t operations, unsigned /*thread*/) override {
    dma_request request;
    request.source = device;
    request.length = sizeof(uint64_t);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < operations; ++i) {
      request.address = addresses_[at_];
      if (++at_ == addresses_.size()) at_ = 0;
      sum += unit_.translate(request).address;
    }
    note(sum);
  }

 private:
  static std::unique_ptr<physical_memory> make_memory() {
    const memory_range range{phys_addr(0), ram, memory_range::kind::ram};
    auto memory = physical_memory::create({&range, 1});
    if (!memory.ok()) std::abort();
    return *std::move(memory);
  }
  static vtd_config config_of(unsigned levels) {
    vtd_config config;
    config.set_only_table_width(vtd::first_level_width(levels));
    config.cap.set_first_level_5_levels(true);
    config.ecap.set_scalable_mode(true).set_second_level(true).set_first_level(true).set_pasid_bits(
        20);
    return config;
  }
  uint64_t page() { return std::exchange(next_page_, next_page_ + page_size); }
  uint64_t& word(uint64_t address) { return *memory_->object_at<uint64_t>(phys_addr(address)); }
  template <typename Entry>
  void put(uint64_t at, const Entry& entry) {
    *memory_->object_at<Entry>(phys_addr(at)) = entry;
  }

  /// As drivers write them: first-level entries with A and D, so that walks write nothing.
  uint64_t entry_to(uint64_t address) const {
    if (tables_ == walked_tables::second_level) {
      return second_level_entry()
          .set_readable(true)
          .set_writable(true)
          .set_address(phys_addr(address))
          .value;
    }
    return first_level_entry()
        .set_present(true)
        .set_writable(true)
        .set_user(true)
        .set_accessed(true)
        .set_dirty(true)
        .set_address(phys_addr(address))
        .value;
  }
  /// All tables of one level are one table where addresses are far apart.
  void map(uint64_t top, const walk_case& c, uint64_t address) {
    uint64_t table = top;
    for (unsigned level = c.levels; level > 1; --level) {
      uint64_t& slot =
          word(table + second_level_entry::index_of(address, level) * sizeof(uint64_t));
      if (slot == 0) slot = entry_to(c.how == walk_case::spread::whole ? shared(level) : page());
      table = second_level_entry{slot}.address().value();
    }
    word(table + second_level_entry::index_of(address, 1) * sizeof(uint64_t)) = entry_to(data_page);
  }
  uint64_t shared(unsigned level) {
    if (shared_.size() <= level) shared_.resize(level + 1);
    if (shared_[level] == 0) shared_[level] = page();
    return shared_[level];
  }

  void put_device(uint64_t top, unsigned levels) {
    const uint64_t root = page();
    const uint64_t contexts = page();
    const uint64_t directory = page();
    const uint64_t pasids = page();
    vtd::pasid_entry entry;
    entry.set_domain(domain_id(1)).set_present(true);
    if (tables_ == walked_tables::first_level) {
      entry.set_type(vtd::pasid_translation::first_level)
          .set_first_level(phys_addr(top))
          .set_first_level_mode(levels - 4);
    } else {
      entry.set_type(vtd::pasid_translation::second_level)
          .set_second_level(phys_addr(top))
          .set_address_width(levels - 2);
    }
    put(pasids, entry);
    put(directory, vtd::pasid_directory_entry().set_table(phys_addr(pasids)).set_present(true));
    put(contexts + device.devfn * sizeof(vtd::scalable_context_entry),
        vtd::scalable_context_entry().set_directory(phys_addr(directory)).set_present(true));
    word(root) = vtd::scalable_root_entry::make_half(phys_addr(contexts), true);
    unit_.write64(vtd::rtaddr_reg,
                  root | vtd::rtaddr::ttm.make(static_cast<uint64_t>(vtd::table_mode::scalable)));
    unit_.write32(vtd::gcmd_reg, vtd::gcmd::srtp.mask());
    unit_.write32(vtd::gcmd_reg, vtd::gcmd::te.mask());
  }

  /// Reads what the case says, and arrives.
  void check(const walk_case& c) {
    word_counter counter;
    {
      const unit_observation watched = unit_.observe(counter);
      run(addresses_.size(), 0);
    }
    dma_request request;
    request.source = device;
    request.address = addresses_[1];
    const dma_translation answer = unit_.translate(request);
    uint64_t levels = c.how == walk_case::spread::whole ? c.levels : 1;
    if (c.how == walk_case::spread::hit) levels = 0;
    // A cache of tables is small: now and then one on the way has to be looked up again.
    const uint64_t expected = levels * addresses_.size();
    const uint64_t slack = c.how == walk_case::spread::leaf ? expected / 8 : 0;
    if (!answer.ok() || answer.address < data_page || counter.words < expected ||
        counter.words > expected + slack) {
      std::abort();
    }
  }

  walked_tables tables_;
  uint64_t next_page_ = 0x100000;
  std::vector<uint64_t> shared_;
  tracer trace_;
  interrupt_controller interrupts_;
  std::unique_ptr<physical_memory> memory_;
  vtd_unit unit_;
  std::vector<uint64_t> addresses_;
  size_t at_ = 0;
};

}  // namespace

std::vector<walk_case> walk_cases() {
  std::vector<walk_case> cases;
  for (const unsigned levels : {4u, 5u}) {
    cases.push_back({absl::StrCat("walk/", levels), levels, walk_case::spread::whole});
    cases.push_back({absl::StrCat("walk/", levels, "/leaf"), levels, walk_case::spread::leaf});
    cases.push_back({absl::StrCat("walk/", levels, "/hit"), levels, walk_case::spread::hit});
  }
  return cases;
}

std::unique_ptr<subject> make_walk_subject(const walk_case& c, walked_tables tables) {
  return std::make_unique<walk_subject>(c, tables);
}

}  // namespace iommulab
