// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/clean_buffer.h"

namespace iommulab {

void clean_buffer::pass(std::string_view sequence) {
  finish();
  out_.control(sequence);
}

void clean_buffer::finish() {
  out_.write(clean_.rest());
}

clean_buffer::int_type clean_buffer::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  const char byte = traits_type::to_char_type(c);
  xsputn(&byte, 1);
  return c;
}

std::streamsize clean_buffer::xsputn(const char* text, std::streamsize size) {
  out_.write(clean_({text, static_cast<size_t>(size)}));
  return size;
}

int clean_buffer::sync() {
  out_.flush();
  return 0;
}

void write_control(std::ostream& out, std::string_view sequence) {
  if (auto* buffer = dynamic_cast<clean_buffer*>(out.rdbuf())) {
    buffer->pass(sequence);
    return;
  }
  out << sequence << std::flush;
}

}  // namespace iommulab
