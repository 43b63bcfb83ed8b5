// SPDX-License-Identifier: GPL-2.0-only
//
// The classes of events: their colour (panels/timeline.css), and a letter for who does not see colours.

const CLASSES = {
  call: { letter: "ƒ", name: "calls" },
  register: { letter: "R", name: "registers" },
  table: { letter: "T", name: "tables" },
  queue: { letter: "Q", name: "invalidation queue" },
  unit: { letter: "U", name: "inside the unit" },
  device: { letter: "D", name: "devices and domains" },
  iova: { letter: "I", name: "I/O addresses" },
  page: { letter: "P", name: "pages" },
  fault: { letter: "!", name: "faults" },
  log: { letter: "L", name: "log" },
};

const CLASS_OF_KIND = {
  call_enter: "call",
  call_exit: "call",
  note: "call",
  reg_read: "register",
  reg_write: "register",
  table_write: "table",
  descriptor: "queue",
  fault: "fault",
  interrupt: "fault",
  iova: "iova",
  page: "page",
  log: "log",
  diagnosis: "fault",
  domain: "device",
  group: "device",
  device: "device",
  config: "device",
  reg_change: "unit",
  latch: "unit",
  cache: "unit",
  answer: "unit",
};

/** "register" of "reg_write". */
export function classOf(kind) {
  return CLASS_OF_KIND[kind] ?? "call";
}
export function letterOf(kind) {
  return CLASSES[classOf(kind)].letter;
}
/** [name, {letter, name}] of all classes, in the order of the timeline's rows. */
export function eventClasses() {
  return Object.entries(CLASSES);
}
