// SPDX-License-Identifier: GPL-2.0-only
//
// The ranges of an I/O address space as the state has them: a kernel's domain lists the nodes of its
// tree by name, a recorded run of an allocator the ranges alone.

import { pathText } from "../values.js";

function pfnText(number) {
  return `0x${number.toString(16)}`;
}

export const IovaRanges = {
  /** [{name, lo, hi, path, fields}] by address; `path` is that of the structure iova. */
  of(space) {
    const { fields } = space;
    const field = Array.isArray(fields.nodes) ? "nodes" : "rbroot";
    const list = Array.isArray(fields[field]) ? fields[field] : [];
    const ranges = list.map((item, i) => ({
      name: item.name ?? `${item.fields.pfn_lo}-${item.fields.pfn_hi}`,
      lo: BigInt(item.fields.pfn_lo),
      hi: BigInt(item.fields.pfn_hi),
      path: ["iova_domain", space.name, field, item.name ?? String(i)],
      isNamed: Boolean(item.name),
      fields: item.fields,
    }));
    return ranges.sort((a, b) => (a.lo < b.lo ? -1 : a.lo > b.lo ? 1 : 0));
  },

  /** A domain whose tree can be drawn: its nodes have colours and links. */
  hasTree: (space) => Array.isArray(space.fields.nodes),

  /** The first and the last page frame that the pictures show. */
  bottom(space, ranges) {
    const start = BigInt(space.fields.start_pfn ?? 0);
    const first = ranges[0]?.lo ?? start;
    return first < start ? first : start;
  },
  top(space, ranges) {
    const limit = BigInt(space.fields.dma_32bit_pfn ?? 0);
    const last = ranges.at(-1)?.hi ?? 0n;
    return last > limit ? last : limit;
  },

  /** Names of ranges that were there before the event and are no longer. */
  gone(ranges, before) {
    const now = new Set(ranges.map(({ name }) => name));
    return [...before].filter((name) => !now.has(name));
  },

  /**
   * The view as the values of a range see it: of a range that is new as a whole every value is lit.
   * Ranges without a name are found by their place, which others change when they come or go: such a
   * range is lit when it is itself new.
   */
  viewFor(view, range, before) {
    const within = (path) => pathText(path).startsWith(pathText(range.path));
    const isNew = !before.has(range.name);
    if (!range.isNamed) return { ...view, age: (path) => (isNew && within(path) ? 0 : null) };
    const age = view.age(range.path);
    const isPart = age === null || Object.keys(range.fields).some((field) => view.age([...range.path, field]) !== null);
    return isPart ? view : { ...view, age: (path) => (within(path) ? age : view.age(path)) };
  },

  /** The range that the pictures are about: the chosen one, else the last that changed, else `last`. */
  focus(view, ranges, before, last) {
    const chosen = ranges.find(({ name }) => name === view.option("range"));
    if (chosen) return chosen;
    for (const age of [0, 1, 2]) {
      const lit = ranges.find((range) => this.viewFor(view, range, before).age([...range.path, "pfn_lo"]) === age);
      if (lit) return lit;
    }
    return ranges.find(({ name }) => name === last) ?? ranges.at(-1) ?? null;
  },

  /** "3 pages", "4 GiB": what so many frames of `granule` bytes are. */
  size(frames, granule) {
    const bytes = frames * BigInt(granule ?? "0x1000");
    const pages = frames === 1n ? "1 frame" : `${pfnText(frames)} frames`;
    for (const [unit, shift] of [["TiB", 40n], ["GiB", 30n], ["MiB", 20n], ["KiB", 10n]]) {
      if (bytes >> shift === 0n) continue;
      const tenths = (bytes * 10n) >> shift;
      return `${pages}, ${tenths % 10n === 0n || tenths >= 1000n ? tenths / 10n : `${tenths / 10n}.${tenths % 10n}`} ${unit}`;
    }
    return pages;
  },
};
