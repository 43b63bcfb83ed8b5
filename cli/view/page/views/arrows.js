// SPDX-License-Identifier: GPL-2.0-only
//
// Arrows from the rows of boxes (boxes.js) to the boxes that they point to. An arrow is drawn where
// its way is free and short; where it would run across another box, or where many end at one box, the
// tag at both ends stands for it.

import { h, svg } from "../dom.js";

/** Arrows that may end at one box before their tags are clearer. */
const ARROWS_AT_A_BOX = 4;
/** How far an arrow within a column bows out, in pixels. */
const ARROW_BOW = 15;
const ARROW_SAMPLES = 24;
/** An arrow that goes further up or down is hard to follow. */
const ARROW_LONGEST = 420;

export const Arrows = {
  /** Draws over `picture` whenever its size changes; boxes are opaque and stand in front. */
  over(picture) {
    const sheet = svg("svg", { class: "arrows", "aria-hidden": "true" });
    picture.prepend(sheet);
    let asked = 0;
    new ResizeObserver(() => {
      cancelAnimationFrame(asked);
      asked = requestAnimationFrame(() => this.draw(picture, sheet));
    }).observe(picture);
    return h("div", { class: "boxes-scroll", tabindex: 0, role: "region", "aria-label": "The figure" }, picture);
  },

  draw(picture, sheet) {
    const base = picture.getBoundingClientRect();
    const place = (element) => {
      const { left, right, top, bottom } = element.getBoundingClientRect();
      return { left: left - base.left, right: right - base.left, top: top - base.top, bottom: bottom - base.top };
    };
    const boxes = new Map([...picture.querySelectorAll(".box")].map((box) => [box.dataset.box, place(box)]));
    sheet.setAttribute("viewBox", `0 0 ${base.width} ${base.height}`);
    const isStacked = getComputedStyle(sheet).display === "none";
    const ends = new Map();
    for (const row of picture.querySelectorAll(".row[data-to]")) ends.set(row.dataset.to, (ends.get(row.dataset.to) ?? 0) + 1);
    const drawn = [];
    for (const row of picture.querySelectorAll(".row[data-to]")) {
      const own = row.closest(".box").dataset.box;
      const to = row.dataset.to;
      const crowded = ends.get(to) > ARROWS_AT_A_BOX;
      const way = isStacked || crowded ? null : this.way(place(row), boxes.get(own), boxes.get(to), own, to, boxes);
      row.classList.toggle("drawn", Boolean(way));
      if (way) drawn.push(this.arrow(way, to));
    }
    sheet.replaceChildren(...drawn);
  },

  /** Points of a cubic curve from a row to a box's head, or null where boxes are in its way. */
  way(row, from, target, own, to, boxes) {
    const y = (row.top + row.bottom) / 2;
    const head = target.top + 13;
    if (Math.abs(head - y) > ARROW_LONGEST) return null;
    const away = (start, end, startWay, endWay) => {
      const bow = startWay === endWay ? ARROW_BOW : Math.max(18, Math.abs(end - start) / 2);
      return [start, y, start + startWay * bow, y, end + endWay * bow, head, end, head];
    };
    const tries = [];
    if (target.left >= from.right) tries.push(away(from.right, target.left, 1, -1));
    else if (target.right <= from.left) tries.push(away(from.left, target.right, -1, 1));
    else tries.push(away(from.right, target.right, 1, 1), away(from.left, target.left, -1, -1));
    return tries.find((curve) => this.isFree(curve, own, to, boxes)) ?? null;
  },

  isFree(curve, own, to, boxes) {
    const at = (t, i) => {
      const u = 1 - t;
      return u * u * u * curve[i] + 3 * u * u * t * curve[i + 2] + 3 * u * t * t * curve[i + 4] + t * t * t * curve[i + 6];
    };
    for (let s = 1; s < ARROW_SAMPLES; ++s) {
      const x = at(s / ARROW_SAMPLES, 0);
      const y = at(s / ARROW_SAMPLES, 1);
      for (const [key, box] of boxes) {
        const slack = key === own || key === to ? 1 : -3;
        if (x > box.left + slack && x < box.right - slack && y > box.top + slack && y < box.bottom - slack) return false;
      }
    }
    return true;
  },

  arrow([x0, y0, x1, y1, x2, y2, x3, y3], to) {
    const back = Math.sign(x2 - x3);
    return svg(
      "g",
      { "data-to": to },
      svg("path", { class: "line", d: `M ${x0} ${y0} C ${x1} ${y1} ${x2} ${y2} ${x3 + back * 5} ${y3}` }),
      svg("path", { class: "tip", d: `M ${x3} ${y3} l ${back * 8} -4 v 8 Z` }),
    );
  },
};
