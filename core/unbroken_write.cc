// SPDX-License-Identifier: GPL-2.0-only
#include "core/unbroken_write.h"

namespace iommulab {
namespace {

/// A signal's handler reaches nothing but this.
volatile std::sig_atomic_t noted_signal = 0;

void note_signal(int number) {
  if (noted_signal == 0) noted_signal = number;
}

}  // namespace

unbroken_write::unbroken_write() {
  noted_signal = 0;
  for (size_t i = 0; i < signals.size(); ++i) {
    sigaction(signals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler == SIG_IGN) continue;  // of a process in the background
    struct sigaction note {};
    note.sa_handler = note_signal;
    note.sa_flags = SA_RESTART;
    sigaction(signals[i], &note, nullptr);
  }
}

unbroken_write::~unbroken_write() {
  for (size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &before_[i], nullptr);
  const int number = noted_signal;
  noted_signal = 0;
  if (number != 0) std::raise(number);
}

bool unbroken_write::interrupted() {
  return noted_signal != 0;
}

}  // namespace iommulab
