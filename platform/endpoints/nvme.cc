// SPDX-License-Identifier: GPL-2.0-only
#include "platform/endpoints/nvme.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "core/bit_field.h"

namespace iommulab {
namespace {

constexpr uint64_t capabilities_low = 0x00;
constexpr uint64_t capabilities_high = 0x04;
constexpr uint64_t register_version = 0x08;
constexpr uint64_t mask_set = 0x0c;
constexpr uint64_t mask_clear = 0x10;
constexpr uint64_t control = 0x14;
constexpr uint64_t controller_status = 0x1c;
constexpr uint64_t admin_queue_sizes = 0x24;
constexpr uint64_t admin_submission = 0x28;
constexpr uint64_t admin_completion = 0x30;
constexpr uint64_t doorbells = 0x1000;
constexpr uint64_t doorbell_bytes = 4;

constexpr uint32_t version_1_1 = 0x00010100;
constexpr field32 largest_queue{15, 0};   // CAP.MQES
constexpr field32 contiguous_queues{16};  // CAP.CQR
constexpr field32 nvm_command_set{5};     // CAP.CSS, upper half
constexpr field32 interrupts_masked{0};   // INTMS, INTMC
constexpr field32 controller_enable{0};
constexpr field32 status_ready{0};
constexpr field32 status_fatal{1};
constexpr field32 submission_size{11, 0};
constexpr field32 completion_size{27, 16};
constexpr field64 queue_address{63, 12};

constexpr uint64_t command_bytes = 64;
constexpr uint64_t completion_bytes = 16;
constexpr uint64_t prp_bytes = 8;
constexpr uint64_t prp_alignment = 4;

constexpr uint8_t admin_delete_submission = 0x00;
constexpr uint8_t admin_create_submission = 0x01;
constexpr uint8_t admin_delete_completion = 0x04;
constexpr uint8_t admin_create_completion = 0x05;
constexpr uint8_t admin_identify = 0x06;
constexpr uint8_t io_flush = 0x00;
constexpr uint8_t io_write = 0x01;
constexpr uint8_t io_read = 0x02;

constexpr uint32_t identify_namespace = 0;
constexpr uint32_t identify_controller = 1;
constexpr uint32_t the_namespace = 1;

// Fields of commands: CDW10 and 11 of the admin ones, CDW12 of read and write
constexpr field32 identify_what{7, 0};
constexpr field32 queue_id{15, 0};
constexpr field32 queue_size{31, 16};
constexpr field32 queue_contiguous{0};
constexpr field32 queue_interrupts{1};
constexpr field32 queue_completion{31, 16};
constexpr field32 block_count{15, 0};

template <typename T>
void put(absl::Span<std::byte> data, size_t offset, T value) {
  std::memcpy(data.data() + offset, &value, sizeof(value));
}

void put_text(absl::Span<std::byte> data, size_t offset, size_t width, std::string_view text) {
  for (size_t i = 0; i < width; ++i) {
    data[offset + i] = static_cast<std::byte>(i < text.size() ? text[i] : ' ');
  }
}

/// One half of an eight-byte register.
void put_half(uint64_t& reg, bool high, uint32_t value) {
  constexpr uint64_t low_half = 0xffffffff;
  reg = high ? (reg & low_half) | uint64_t{value} << 32 : (reg & ~low_half) | value;
  reg &= queue_address.mask();
}

}  // namespace

uint32_t nvme::read32(uint64_t offset) {
  switch (offset) {
    case capabilities_low:
      return largest_queue.make(most_entries - 1) | contiguous_queues.mask();
    case capabilities_high:
      return nvm_command_set.mask();
    case register_version:
      return version_1_1;
    case mask_set:
    case mask_clear:
      return interrupts_masked.make(masked_ ? 1 : 0);
    case control:
      return control_;
    case controller_status:
      return status_ready.make(controller_enable.get(control_)) | status_fatal.make(fatal_ ? 1 : 0);
    case admin_queue_sizes:
      return admin_sizes_;
    case admin_submission:
      return static_cast<uint32_t>(admin_submission_);
    case admin_submission + 4:
      return static_cast<uint32_t>(admin_submission_ >> 32);
    case admin_completion:
      return static_cast<uint32_t>(admin_completion_);
    case admin_completion + 4:
      return static_cast<uint32_t>(admin_completion_ >> 32);
    default:
      return 0;
  }
}

void nvme::write32(uint64_t offset, uint32_t value) {
  if (offset >= doorbells) return doorbell(offset - doorbells, value);
  switch (offset) {
    case mask_set:
      masked_ = masked_ || interrupts_masked.test(value);
      return;
    case mask_clear:
      masked_ = masked_ && !interrupts_masked.test(value);
      return;
    case control:
      return control_written(value);
    case admin_queue_sizes:
      admin_sizes_ = value & mask_of(submission_size, completion_size);
      return;
    case admin_submission:
    case admin_submission + 4:
      return put_half(admin_submission_, offset != admin_submission, value);
    case admin_completion:
    case admin_completion + 4:
      return put_half(admin_completion_, offset != admin_completion, value);
    default:
      return;
  }
}

void nvme::control_written(uint32_t value) {
  const bool was_enabled = controller_enable.test(control_);
  control_ = value;
  if (controller_enable.test(value) == was_enabled) return;
  // Off: the controller forgets its queues. On: the admin queues are there.
  submission_ = {};
  completion_ = {};
  fatal_ = false;
  lower_interrupt();
  if (was_enabled) return;
  submission_[0] = {
      .exists = true, .base = admin_submission_, .entries = submission_size.get(admin_sizes_) + 1};
  completion_[0] = {.exists = true,
                    .base = admin_completion_,
                    .entries = completion_size.get(admin_sizes_) + 1,
                    .interrupts = true};
}

void nvme::doorbell(uint64_t offset, uint32_t value) {
  const uint64_t index = offset / doorbell_bytes;
  const uint64_t id = index / 2;
  if (id >= queues) return;
  queue& rung = index % 2 == 0 ? submission_[id] : completion_[id];
  if (!rung.exists || value >= rung.entries) return;
  if (index % 2 == 0) {
    rung.tail = value;
    return work(static_cast<unsigned>(id));
  }
  rung.head = value;
  if (rung.head == rung.tail) lower_interrupt();
  // Room again: commands may have waited for it.
  for (unsigned s = 0; s < queues; ++s) {
    if (submission_[s].exists && submission_[s].completion == id) work(s);
  }
}

void nvme::fatal(const dma_result& result) {
  fatal_ = true;
  last_failure_ = result;
}

void nvme::work(unsigned id) {
  queue& sq = submission_[id];
  while (!fatal_ && sq.exists && sq.head != sq.tail) {
    const queue& cq = completion_[sq.completion];
    if (cq.after(cq.tail) == cq.head) return;  // the completion queue is full
    command c;
    std::array<std::byte, command_bytes> bytes{};
    const dma_result fetched =
        port().read(sq.base + uint64_t{sq.head} * command_bytes, absl::MakeSpan(bytes));
    if (!fetched.ok()) return fatal(fetched);
    std::memcpy(c.words.data(), bytes.data(), bytes.size());
    sq.head = sq.after(sq.head);
    const nvme_status status = id == 0 ? admin(c) : io(c);
    if (!complete(id, c, status)) return;
  }
}

bool nvme::complete(unsigned id, const command& c, nvme_status status) {
  queue& sq = submission_[id];
  queue& cq = completion_[sq.completion];
  std::array<std::byte, completion_bytes> bytes{};
  const absl::Span<std::byte> entry = absl::MakeSpan(bytes);
  put(entry, 8, static_cast<uint16_t>(sq.head));
  put(entry, 10, static_cast<uint16_t>(id));
  put(entry, 12, c.id());
  put(entry, 14, static_cast<uint16_t>(static_cast<unsigned>(status) << 1 | (cq.phase ? 1 : 0)));
  const dma_result written = port().write(cq.base + uint64_t{cq.tail} * completion_bytes, bytes);
  if (!written.ok()) {
    fatal(written);
    return false;
  }
  cq.tail = cq.after(cq.tail);
  if (cq.tail == 0) cq.phase = !cq.phase;
  if (cq.interrupts && !masked_) raise_interrupt();
  return true;
}

nvme_status nvme::admin(const command& c) {
  switch (c.opcode()) {
    case admin_identify:
      return identify(c);
    case admin_create_completion:
      return create_completion_queue(c);
    case admin_create_submission:
      return create_submission_queue(c);
    case admin_delete_completion:
      return delete_queue(c, completion_);
    case admin_delete_submission:
      return delete_queue(c, submission_);
    default:
      return nvme_status::invalid_opcode;
  }
}

// 5.11: 4096 bytes of which this fills the ones that software needs.
nvme_status nvme::identify(const command& c) {
  std::array<std::byte, page_size> bytes{};
  const absl::Span<std::byte> data = absl::MakeSpan(bytes);
  switch (identify_what.get(c.words[10])) {
    case identify_namespace: {
      if (c.words[1] != the_namespace) return nvme_status::invalid_namespace;
      const uint64_t blocks = disk_.size() / block_size;
      put(data, 0, blocks);          // NSZE
      put(data, 8, blocks);          // NCAP
      put(data, 16, blocks);         // NUSE
      put(data, 130, std::byte{9});  // LBAF0: 2^9 bytes
      break;
    }
    case identify_controller:
      put(data, 0, uint16_t{0x1b36});  // VID
      put_text(data, 4, 20, "1");
      put_text(data, 24, 40, "iommulab namespace");
      put_text(data, 64, 8, "1");
      put(data, 512, std::byte{0x66});  // SQES: 64 bytes
      put(data, 513, std::byte{0x44});  // CQES: 16 bytes
      put(data, 516, uint32_t{1});      // NN
      break;
    default:
      return nvme_status::invalid_field;
  }
  return move_data(c, data, true);
}

nvme_status nvme::create_completion_queue(const command& c) {
  const uint32_t id = queue_id.get(c.words[10]);
  const uint32_t entries = queue_size.get(c.words[10]) + 1;
  if (id == 0 || id >= queues || completion_[id].exists) return nvme_status::invalid_queue_id;
  if (entries < 2 || entries > most_entries) return nvme_status::invalid_queue_size;
  if (!queue_contiguous.test(c.words[11])) return nvme_status::invalid_field;
  completion_[id] = {.exists = true,
                     .base = c.prp1() & queue_address.mask(),
                     .entries = entries,
                     .interrupts = queue_interrupts.test(c.words[11])};
  return nvme_status::success;
}

nvme_status nvme::create_submission_queue(const command& c) {
  const uint32_t id = queue_id.get(c.words[10]);
  const uint32_t entries = queue_size.get(c.words[10]) + 1;
  const uint32_t completion = queue_completion.get(c.words[11]);
  if (id == 0 || id >= queues || submission_[id].exists) return nvme_status::invalid_queue_id;
  if (completion == 0 || completion >= queues || !completion_[completion].exists) {
    return nvme_status::completion_queue_invalid;
  }
  if (entries < 2 || entries > most_entries) return nvme_status::invalid_queue_size;
  if (!queue_contiguous.test(c.words[11])) return nvme_status::invalid_field;
  submission_[id] = {.exists = true,
                     .base = c.prp1() & queue_address.mask(),
                     .entries = entries,
                     .completion = static_cast<uint16_t>(completion)};
  return nvme_status::success;
}

nvme_status nvme::delete_queue(const command& c, std::array<queue, queues>& of) {
  const uint32_t id = queue_id.get(c.words[10]);
  if (id == 0 || id >= queues || !of[id].exists) return nvme_status::invalid_queue_id;
  if (&of == &completion_) {
    for (const queue& sq : submission_) {
      if (sq.exists && sq.completion == id) return nvme_status::completion_queue_invalid;
    }
  }
  of[id] = {};
  return nvme_status::success;
}

nvme_status nvme::io(const command& c) {
  if (c.words[1] != the_namespace) return nvme_status::invalid_namespace;
  if (c.opcode() == io_flush) return nvme_status::success;
  if (c.opcode() != io_write && c.opcode() != io_read) return nvme_status::invalid_opcode;
  const uint64_t first = c.quad(10);
  const uint64_t count = uint64_t{block_count.get(c.words[12])} + 1;
  const uint64_t blocks = disk_.size() / block_size;
  if (first >= blocks || count > blocks - first) return nvme_status::lba_out_of_range;
  const auto data = disk().subspan(first * block_size, count * block_size);
  return move_data(c, data, c.opcode() == io_read);
}

nvme_status nvme::move_page(uint64_t address, absl::Span<std::byte> data, bool to_memory) {
  const dma_result result = to_memory ? port().write(address, data) : port().read(address, data);
  if (result.ok()) return nvme_status::success;
  last_failure_ = result;
  return nvme_status::data_transfer_error;
}

nvme_status nvme::move_data(const command& c, absl::Span<std::byte> data, bool to_memory) {
  // A copy takes what a read of memory brings, so that a command that fails has changed nothing.
  std::vector<std::byte> staged(data.begin(), data.end());
  absl::Span<std::byte> rest = absl::MakeSpan(staged);
  const auto move = [&](uint64_t address) {
    const uint64_t length = std::min<uint64_t>(rest.size(), page_size - (address & ~page_mask));
    const nvme_status status = move_page(address, rest.subspan(0, length), to_memory);
    rest.remove_prefix(length);
    return status;
  };
  const auto finish = [&](nvme_status status) {
    if (status == nvme_status::success && !to_memory) {
      std::copy(staged.begin(), staged.end(), data.begin());
    }
    return status;
  };
  // 1. The first entry may begin within a page; it goes to the page's end.
  if (c.prp1() % prp_alignment != 0) return nvme_status::invalid_prp_offset;
  if (const nvme_status s = move(c.prp1()); s != nvme_status::success || rest.empty()) {
    return finish(s);
  }
  // 2. One page is left: the second entry is its address.
  if (rest.size() <= page_size) {
    if ((c.prp2() & ~page_mask) != 0) return nvme_status::invalid_prp_offset;
    return finish(move(c.prp2()));
  }
  // 3. More are: it is that of a list, whose last entry in a page leads to the next page of it.
  uint64_t list = c.prp2();
  if (list % prp_bytes != 0) return nvme_status::invalid_prp_offset;
  while (!rest.empty()) {
    uint64_t entry = 0;
    std::array<std::byte, prp_bytes> bytes{};
    if (const nvme_status s = move_page(list, absl::MakeSpan(bytes), false);
        s != nvme_status::success) {
      return s;
    }
    std::memcpy(&entry, bytes.data(), sizeof(entry));
    if ((entry & ~page_mask) != 0) return nvme_status::invalid_prp_offset;
    const bool last_of_page = (list & ~page_mask) == page_size - prp_bytes;
    if (last_of_page && rest.size() > page_size) {
      list = entry;
      continue;
    }
    if (const nvme_status s = move(entry); s != nvme_status::success) return s;
    list += prp_bytes;
  }
  return finish(nvme_status::success);
}

}  // namespace iommulab
