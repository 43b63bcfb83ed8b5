// SPDX-License-Identifier: GPL-2.0-only
//
// What lies in the pages of root, context and second-level tables, from the run's events: the last
// write to an entry gives its value, and a page is zero when it is allocated. Chunks that do neither
// to the page that is asked for are not unpacked: the head names each chunk's pages. What was read of
// a chunk is kept.

/** Chunks that a search for a later change unpacks before it gives up. */
const CHUNKS_AHEAD = 160;
const PAGE_BYTES = 4096n;

export class TableMemory {
  /** One of a run, shared by all that look at it. */
  static of(run) {
    TableMemory.made ??= new WeakMap();
    if (!TableMemory.made.has(run)) TableMemory.made.set(run, new TableMemory(run));
    return TableMemory.made.get(run);
  }

  constructor(run) {
    this.run = run;
    this.read = new Map();
  }

  /** Whether events of a chunk write to a page's frame, or take or free it. */
  has(number, frame) {
    const { pages } = this.run.head.chunks[number];
    for (let i = 0; i < pages.length; i += 2) if (pages[i] <= frame && frame < pages[i] + pages[i + 1]) return true;
    return false;
  }

  /**
   * A table's page as event p left it: {allocated: event or 0, freed: event or 0, entries: Map of
   * an entry's physical address to the record of its last write}.
   */
  async pageAt(page, p) {
    const found = { allocated: 0, freed: 0, entries: new Map() };
    const frame = frameOf(page);
    for (let number = this.run.chunkOf(Math.max(p, 1)); number >= 0; --number) {
      if (!this.has(number, frame)) continue;
      const records = (await this.recordsOf(number)).get(page) ?? [];
      for (let i = records.length - 1; i >= 0; --i) {
        const record = records[i];
        if (record.p > p) continue;
        if (record.name === "alloc") return { ...found, allocated: record.p };
        if (record.name === "free") found.freed ||= record.p;
        else if (!found.entries.has(record.address)) found.entries.set(record.address, record);
      }
    }
    return found;
  }

  /**
   * An entry as event p left it: {value, value2 (BigInt), setAt: event or 0, why}. `why` says what
   * the value rests on: "written", "zeroed" with its page, "before" a later write, or "unseen".
   */
  async entry(address, p) {
    const page = await this.pageAt(pageOf(address), p);
    const written = page.entries.get(address);
    if (written) return { value: written.value, value2: written.value2, setAt: written.p, why: "written", page };
    const { record } = await this.following(address, p);
    if (record && record.name !== "alloc" && (record.before !== 0n || record.before2 !== 0n)) {
      return { value: record.before, value2: record.before2, setAt: 0, why: "before", page };
    }
    return { value: 0n, value2: 0n, setAt: page.allocated, why: page.allocated ? "zeroed" : "unseen", page };
  }

  /** {p: the next event that writes the entry or takes its page anew, 0 for none; searchedTo: event}. */
  async nextChange(address, p, most = CHUNKS_AHEAD) {
    const { record, searchedTo } = await this.following(address, p, most);
    return { p: record?.p ?? 0, searchedTo };
  }
  async following(address, p, most = CHUNKS_AHEAD) {
    const { firsts, count } = this.run;
    const page = pageOf(address);
    const frame = frameOf(page);
    let left = most;
    for (let number = this.run.chunkOf(Math.min(p + 1, count)); number < firsts.length; ++number) {
      if (!this.has(number, frame)) continue;
      if (!this.read.has(number) && left-- === 0) return { record: null, searchedTo: firsts[number] };
      const records = (await this.recordsOf(number)).get(page) ?? [];
      const record = records.find((each) => each.p > p && (each.name === "alloc" || each.address === address));
      if (record) return { record, searchedTo: record.p };
    }
    return { record: null, searchedTo: count };
  }

  /** Of a chunk: Map of a page's address to its records, in the order of events. */
  async recordsOf(number) {
    if (!this.read.has(number)) this.read.set(number, this.recordsIn(number));
    return this.read.get(number);
  }
  async recordsIn(number) {
    const { events, first } = await this.run.chunk(number);
    const pages = new Map();
    const add = (page, record) => {
      if (!pages.has(page)) pages.set(page, []);
      pages.get(page).push(record);
    };
    events.forEach((event, i) => {
      const p = first + i + 1;
      if (event.kind === "page") {
        const start = BigInt(event.address);
        const pagesOfIt = 1n << BigInt(event.value ?? 0);
        for (let n = 0n; n < pagesOfIt; ++n) add(tableHex(start + n * PAGE_BYTES), { p, name: event.name });
      } else if (event.kind === "table_write") {
        const words = Object.fromEntries(["value", "value2", "before", "before2"].map((f) => [f, BigInt(event[f] ?? 0)]));
        const address = tableHex(BigInt(event.address));
        add(pageOf(address), { p, name: event.name, address, ...words });
      }
    });
    return pages;
  }
}

/** "0x3ffd7000" */
export function tableHex(number) {
  return `0x${number.toString(16)}`;
}
function frameOf(page) {
  return Number(BigInt(page) / PAGE_BYTES);
}
function pageOf(address) {
  return tableHex(BigInt(address) & ~(PAGE_BYTES - 1n));
}
