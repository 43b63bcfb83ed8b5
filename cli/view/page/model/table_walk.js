// SPDX-License-Identifier: GPL-2.0-only
//
// The way of an address through the tables, as a unit in legacy mode takes it (VT-d specification
// 3.4 to 3.6): root entry by the bus, context entry by device and function, then second-level
// tables, nine bits of the address each. Caches are not asked: this is what the tables say.

import { tableHex, TableMemory } from "./table_memory.js";

const ENTRY_ADDRESS = 0xffffffffff000n; // bits 51:12
const INTERRUPT_FIRST = 0xfee00000n;
const INTERRUPT_LAST = 0xfeefffffn;

/** What ends a walk early: [the condition's number in the specification, its name, in plain words, what is added]. */
const WALK_ENDS = {
  "no root": ["LRT.2", "root_entry_not_present", "The root entry of the bus is not present"],
  "no context": ["LCT.2", "context_entry_not_present", "The context entry of the device is not present"],
  "root reserved": ["LRT.3", "root_entry_reserved", "The root entry has reserved bits set"],
  "context reserved": ["LCT.3", "context_entry_reserved", "The context entry has reserved bits set"],
  "bad context": ["LCT.4", "invalid_context_entry", "The context entry asks for what the unit cannot do"],
  "beyond width": ["LGN.1", "address_beyond_width", "The address has more bits than the tables, or the host, can take"],
  "no page": ["LGN.3", "read_not_permitted", "The entry is not present", ", a write as LGN.2 write_not_permitted"],
  reserved: ["LSS.2", "paging_entry_reserved", "The entry has reserved bits set"],
  "interrupt output": ["LGN.4", "interrupt_range_output", "The tables lead into the interrupt range"],
};

export const tableWalk = {
  /** "0000:00:04.0" as a requester id: {bus, devfn}. */
  requester(name) {
    const [device, fn] = name.split(":").at(-1).split(".");
    return { bus: parseInt(name.split(":").at(-2), 16), devfn: (parseInt(device, 16) << 3) | parseInt(fn, 16) };
  },

  /** The place of the bits that index a table of a level: {high, low}. */
  bits(level) {
    return { high: 12 + 9 * level - 1, low: 12 + 9 * (level - 1) };
  },
  index(address, level) {
    return Number((address >> BigInt(this.bits(level).low)) & 511n);
  },

  /**
   * From a root table on. `unit` is what is known of the unit: {registers: {CAP, ECAP, …} or null,
   * hostBits: how many bits a physical address has, or null}; what is not known is not looked at.
   * @returns {{steps: object[], end: string, words: string[]|null, host: BigInt|null, R, W, levels}}
   * Each step: {level: "root"|"context"|3…, table, index, address, value, value2, to: where it leads or null, …entry}.
   */
  async from(run, p, rootTable, device, address, unit = {}) {
    const registers = unit.registers ?? null;
    const tooHigh = (value) => Boolean(unit.hostBits) && value >> BigInt(unit.hostBits) !== 0n;
    const walk = { steps: [], end: "", words: null, host: null, pageBits: 0, R: 1, W: 1, levels: 0, aw: 0 };
    const memory = TableMemory.of(run);
    const ended = (end) => Object.assign(walk, { end, words: WALK_ENDS[end] ?? null });
    const read = async (level, table, index, size) => {
      const at = table + BigInt(index * size);
      const step = { level, table, index, address: tableHex(at), ...(await memory.entry(at, size, p)), to: null };
      walk.steps.push(step);
      return step;
    };
    if (address >= INTERRUPT_FIRST && address <= INTERRUPT_LAST) return ended("interrupt");
    const { bus, devfn } = this.requester(device);
    const root = await read("root", rootTable, bus, 16);
    if (!(root.value & 1n)) return ended("no root");
    if (root.value & 0xffen || root.value2 || tooHigh(root.value)) return ended("root reserved");
    root.to = root.value & ~0xfffn;
    const context = await read("context", root.to, devfn, 16);
    if (!(context.value & 1n)) return ended("no context");
    if (context.value & 0xff0n || context.value2 >> 24n || tooHigh(context.value)) return ended("context reserved");
    const type = (context.value >> 2n) & 3n;
    walk.aw = Number(context.value2 & 7n);
    walk.levels = walk.aw + 2;
    const cap = registers?.CAP?.fields;
    if (type === 3n || walk.levels < 2 || walk.levels > 6) return ended("bad context");
    if (cap && !((BigInt(cap.SAGAW) >> BigInt(walk.aw)) & 1n)) return ended("bad context");
    const width = Math.min(30 + 9 * walk.aw, cap ? Number(cap.MGAW) + 1 : 64);
    walk.width = width;
    if (type === 2n) {
      if (tooHigh(address)) return ended("beyond width");
      walk.host = address;
      return ended("passed");
    }
    context.to = context.value & ~0xfffn;
    if (address >> BigInt(width)) return ended("beyond width");
    return this.paging(walk, read, ended, context.to, address, registers, tooHigh);
  },

  async paging(walk, read, ended, top, address, registers, tooHigh) {
    let table = top;
    for (let level = walk.levels; level > 0; --level) {
      const step = await read(level, table, this.index(address, level), 8);
      const { value } = step;
      step.R = Number(value & 1n);
      step.W = Number((value >> 1n) & 1n);
      step.leaf = level === 1 || Boolean(value & 0x80n);
      if (!(value & 3n)) return ended("no page");
      const span = 1n << BigInt(this.bits(level).low);
      if (tooHigh(value & ENTRY_ADDRESS) || this.reserved(value, level, step.leaf, span, registers)) return ended("reserved");
      walk.R &= step.R;
      walk.W &= step.W;
      step.to = value & ENTRY_ADDRESS;
      if (step.leaf) {
        walk.host = step.to + (address & (span - 1n));
        walk.pageBits = this.bits(level).low;
        const isInterrupt = walk.host >= INTERRUPT_FIRST && walk.host <= INTERRUPT_LAST;
        return ended(isInterrupt ? "interrupt output" : "translated");
      }
      table = step.to;
    }
    return walk;
  },

  /** Whether reserved bits are set, as far as the registers tell. */
  reserved(value, level, leaf, span, registers) {
    if (leaf && level > 1 && value & ENTRY_ADDRESS & (span - 1n)) return true;
    const cap = registers?.CAP?.fields;
    const ecap = registers?.ECAP?.fields;
    if (!cap || !ecap) return false;
    const isLarge = level > 1 && Boolean(value & 0x80n);
    if (isLarge && !((BigInt(cap.SLLPS) >> BigInt(level - 2)) & 1n)) return true;
    if (value & 0x800n && !(leaf && Number(ecap.SC))) return true;
    return Boolean(value & (1n << 62n)) && !(leaf && Number(ecap.DT));
  },
};
