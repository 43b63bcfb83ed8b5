// SPDX-License-Identifier: GPL-2.0-only
//
// What lies in the pages of root, context and second-level tables: the last write to a word gives its
// value, and a page is zero when it is taken. The head has all of these (cli/view/table_words.h), so
// that no chunk is unpacked for them.

import { unpackBytes } from "./packed.js";

/** A record: 32-bit words, their place in it, and what the low bits of its address say. */
const RECORD_WORDS = 4;
const RECORD_ORDER = 2;
const RECORD_WHAT = { written: 0, found: 1, taken: 2 };
const RECORD_WHAT_BITS = 3;
const RECORD_MORE = 4;
const WORDS_OF_PAGE = 512;

export class TableMemory {
  /** One of a run, shared by all that look at it. */
  static of(run) {
    TableMemory.made ??= new WeakMap();
    if (!TableMemory.made.has(run)) TableMemory.made.set(run, new TableMemory(run));
    return TableMemory.made.get(run);
  }

  constructor(run) {
    this.run = run;
    this.byFrame = new Map();
  }

  /**
   * An entry of `size` bytes as event p left it: {value, value2: its words (BigInt), setAt: event or
   * 0, why, next: the next event that writes it or takes its page anew, or 0, used: the indices of
   * its table's entries that are not zero}. `why` says what the value rests on: "written", "zeroed"
   * with its page, "before" a later write, or "unseen".
   */
  async entry(address, size, p) {
    const records = await this.recordsOf(Number(address >> 12n));
    const behind = records.countTo(p);
    const { taken, last } = records.before(behind);
    const words = size / 8;
    const first = Number(address & 0xfffn) / 8;
    const next = records.next(behind, first);
    const used = this.used(records, last, words);
    const valueOf = (place) => (place < words ? records.value(last[first + place]) : 0n);
    if (last[first] >= 0) return { value: valueOf(0), value2: valueOf(1), setAt: records.event(last[first]), why: "written", next, used };
    const foundIn = (place) => (place < words ? records.found(behind, first + place) : 0n);
    const [value, value2] = [foundIn(0), foundIn(1)];
    if (value || value2) return { value, value2, setAt: 0, why: "before", next, used };
    return { value: 0n, value2: 0n, setAt: taken, why: taken ? "zeroed" : "unseen", next, used };
  }
  used(records, last, words) {
    const used = [];
    const isUsed = (word) => last[word] >= 0 && !records.isZero(last[word]);
    for (let word = 0; word < WORDS_OF_PAGE; word += words) if (isUsed(word) || (words > 1 && isUsed(word + 1))) used.push(word / words);
    return used;
  }

  async recordsOf(frame) {
    this.reading ??= this.read();
    const all = await this.reading;
    if (!this.byFrame.has(frame)) this.byFrame.set(frame, new PageRecords(all, frame));
    return this.byFrame.get(frame);
  }
  /** {words, values: the records in words of 32 and of 64 bits, events: the event of each}. */
  async read() {
    const { kinds, head } = this.run;
    const { buffer } = await unpackBytes(head.table_words);
    const words = new Uint32Array(buffer);
    const events = new Uint32Array(words.length / RECORD_WORDS);
    const isTold = head.kinds.map((kind) => kind === "table_write" || kind === "page");
    let record = 0;
    for (let p = 1; p <= kinds.length; ++p) {
      if (!isTold[kinds[p - 1]]) continue;
      do events[record] = p;
      while (words[record++ * RECORD_WORDS] & RECORD_MORE);
    }
    return { words, values: new BigUint64Array(buffer), events };
  }
}

/** The records of one page, in the order of events. */
class PageRecords {
  constructor(all, frame) {
    this.all = all;
    const { words } = all;
    const list = [];
    for (let at = 0; at < words.length; at += RECORD_WORDS) {
      const first = words[at + 1] * 2 ** 20 + (words[at] >>> 12);
      const isWord = (words[at] & RECORD_WHAT_BITS) < RECORD_WHAT.taken;
      if (first === frame || (!isWord && first < frame && frame < first + 2 ** words[at + RECORD_ORDER])) list.push(at / RECORD_WORDS);
    }
    this.list = Uint32Array.from(list);
  }

  event(record) {
    return this.all.events[record];
  }
  value(record) {
    return this.all.values[2 * record + 1];
  }
  isZero(record) {
    const { words } = this.all;
    return words[record * RECORD_WORDS + 2] === 0 && words[record * RECORD_WORDS + 3] === 0;
  }
  what(record) {
    return this.all.words[record * RECORD_WORDS] & RECORD_WHAT_BITS;
  }
  /** Which word of the page it is about. */
  word(record) {
    return (this.all.words[record * RECORD_WORDS] & 0xfff) >> 3;
  }

  /** How many are of events up to p. */
  countTo(p) {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.event(this.list[middle]) <= p) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  /** What the first `count` make of the page: {taken: the event that took it, or 0, last: of each word the record of the last write, or -1}. */
  before(count) {
    const last = new Int32Array(WORDS_OF_PAGE).fill(-1);
    for (let i = count - 1; i >= 0; --i) {
      const record = this.list[i];
      const what = this.what(record);
      if (what === RECORD_WHAT.taken) return { taken: this.event(record), last };
      if (what === RECORD_WHAT.written && last[this.word(record)] < 0) last[this.word(record)] = record;
    }
    return { taken: 0, last };
  }
  /** The first event behind `count` records that writes a word, or takes the page anew; 0 for none. */
  next(count, word) {
    for (let i = count; i < this.list.length; ++i) {
      const record = this.list[i];
      const what = this.what(record);
      if (what === RECORD_WHAT.taken || (what === RECORD_WHAT.written && this.word(record) === word)) return this.event(record);
    }
    return 0;
  }
  /** What the first write behind `count` records found in a word that nothing had told of. */
  found(count, word) {
    for (let i = count; i < this.list.length; ++i) {
      const record = this.list[i];
      const what = this.what(record);
      if (what === RECORD_WHAT.taken) return 0n;
      if (what <= RECORD_WHAT.found && this.word(record) === word) return what === RECORD_WHAT.found ? this.value(record) : 0n;
    }
    return 0n;
  }
}

/** "0x3ffd7000" */
export function tableHex(number) {
  return `0x${number.toString(16)}`;
}
