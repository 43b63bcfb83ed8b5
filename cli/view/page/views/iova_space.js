// SPDX-License-Identifier: GPL-2.0-only
//
// An I/O address space as a bar: the whole of it to scale, and the part around the range that
// matters with taken ranges and gaps as bars whose length is the logarithm of their size.

import { h, svg } from "../dom.js";
import { valueNode } from "../values.js";
import { IovaRanges } from "./iova_ranges.js";

/** Ranges that are listed to either side of the one in focus. */
const SPACE_RANGES_AROUND = 6;
/** Marks of the bar that is to scale: ranges that fall on the same mark are drawn once. */
const SPACE_MARKS = 800;

export const IovaSpace = {
  render(view, space, ranges, before, focus) {
    return [this.whole(space, ranges, focus), this.around(view, space, ranges, before, focus)];
  },

  whole(space, ranges, focus) {
    const top = IovaRanges.top(space, ranges);
    const bottom = IovaRanges.bottom(space, ranges);
    const at = (pfn) => Number(((pfn - bottom) * BigInt(SPACE_MARKS)) / (top + 1n - bottom));
    const marks = new Map();
    for (const { lo, hi } of ranges) {
      const from = at(lo);
      marks.set(from, Math.max(marks.get(from) ?? 0, at(hi + 1n) - from, 1.5));
    }
    const borders = ["start_pfn", "dma_32bit_pfn"].filter((field) => space.fields[field] !== undefined).map((field) => at(BigInt(space.fields[field])));
    const middle = focus ? (at(focus.lo) + at(focus.hi + 1n)) / 2 : 0;
    return h(
      "div",
      { class: "iova-whole" },
      svg(
        "svg",
        { viewBox: `0 0 ${SPACE_MARKS} 30`, preserveAspectRatio: "none", role: "img", "aria-label": `The space from 0x${bottom.toString(16)} to 0x${top.toString(16)} to scale, with ${ranges.length} taken ranges` },
        svg("rect", { class: "free", x: 0, y: 0, width: SPACE_MARKS, height: 22 }),
        [...marks].map(([x, width]) => svg("rect", { class: "taken", x, y: 0, width, height: 22 })),
        borders.map((x) => svg("line", { class: "border", x1: x, x2: x, y1: 0, y2: 22 })),
        focus ? svg("path", { class: "focus", d: `M ${middle} 23 l 6 7 h -12 Z` }) : null,
      ),
      h("div", { class: "ends", "aria-hidden": "true" }, h("code", {}, `0x${bottom.toString(16)}`), h("span", {}, "page frames, to scale; dashed: start_pfn and dma_32bit_pfn"), h("code", {}, `0x${top.toString(16)}`)),
    );
  },

  around(view, space, ranges, before, focus) {
    if (ranges.length === 0) return h("p", { class: "words" }, "No range is taken.");
    const middle = Math.max(0, ranges.indexOf(focus));
    const first = Math.max(0, middle - SPACE_RANGES_AROUND);
    const last = Math.min(ranges.length - 1, middle + SPACE_RANGES_AROUND);
    const rows = [];
    const fold = (count, words) => (count > 0 ? h("li", { class: "fold" }, `${count} ${count === 1 ? "range" : "ranges"} ${words}`) : null);
    const limit = BigInt(space.fields.dma_32bit_pfn ?? 0);
    if (last === ranges.length - 1 && limit > ranges[last].hi) rows.push(this.gap(space, ranges[last].hi + 1n, limit, `0x${(limit - ranges[last].hi).toString(16)}`, null));
    for (let i = last; i >= first; --i) {
      const range = ranges[i];
      const own = IovaRanges.viewFor(view, range, before);
      rows.push(this.taken(own, space, range, range === focus));
      const from = i > 0 ? ranges[i - 1].hi + 1n : BigInt(space.fields.start_pfn ?? 0);
      if (from < range.lo) rows.push(this.gap(space, from, range.lo - 1n, range.fields.gap_below, own, [...range.path, "gap_below"]));
    }
    return h(
      "div",
      {},
      h("p", { class: "words" }, "From the highest address down, as the allocator searches. A bar grows with the logarithm of its size, so that one frame and a gap of gigabytes are both seen."),
      h("ul", { class: "iova-rows" }, fold(ranges.length - 1 - last, "above"), rows, fold(first, "below")),
    );
  },

  bar(frames) {
    const width = 3 + (Math.log2(Number(frames)) / 24) * 97;
    return h("span", { class: "bar", "aria-hidden": "true" }, h("i", { style: `inline-size: ${Math.min(100, width).toFixed(1)}%` }));
  },
  taken(view, space, range, isFocus) {
    const frames = range.hi - range.lo + 1n;
    return h(
      "li",
      { class: `taken${isFocus ? " focus" : ""}`, "data-age": view.age([...range.path, "pfn_lo"]) },
      h("span", { class: "range" }, valueNode(view, [...range.path, "pfn_lo"], range.fields.pfn_lo), "–", valueNode(view, [...range.path, "pfn_hi"], range.fields.pfn_hi)),
      this.bar(frames),
      h("span", { class: "words" }, IovaRanges.size(frames, space.fields.granule)),
    );
  },
  gap(space, from, to, text, view, path) {
    const known = view && text !== undefined;
    return h(
      "li",
      { class: "gap" },
      h("span", { class: "range" }, "free ", known ? valueNode(view, path, text) : h("code", {}, `0x${(to - from + 1n).toString(16)}`)),
      this.bar(to - from + 1n),
      h("span", { class: "words" }, IovaRanges.size(to - from + 1n, space.fields.granule).replace(/^.*frames?(, )?/, "")),
    );
  },
};
