// SPDX-License-Identifier: GPL-2.0-only
//
// The call tree: every event on a line, calls that can be folded. Only the lines that are in sight
// are elements; one whose chunk is still packed shows its function's name until it is there.

import { h, replace } from "../dom.js";
import { classOf, letterOf } from "../kinds.js";
import { NONE } from "../model/calls.js";

const ROW_HEIGHT = 24;
const BEYOND = 12; // rows above and below what is in sight
/** Browsers cut elements that are higher than some millions of pixels. */
const MOST_HEIGHT = 8e6;
const KEPT_EVENTS = 4000;

export class CallPanel {
  constructor(host, page) {
    this.page = page;
    this.opened = new Map(); // by call: whether somebody opened or closed it
    this.follow = new Set();
    this.rows = new Int32Array(0);
    this.events = new Map(); // those that were in sight
    this.drawn = new Map(); // rows in sight: {element, and what it was drawn from}
    this.space = h("div", { class: "space" });
    this.list = h("div", { class: "rows", role: "presentation" });
    this.host = h(
      "div",
      { class: "call-tree", role: "tree", "aria-label": "Events", tabindex: 0, onkeydown: (e) => this.key(e) },
      this.space,
      this.list,
    );
    this.host.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.resized()).observe(this.host);
    host.append(this.host);
  }

  /** Shows the tree around the page's event. */
  show() {
    const { run, p } = this.page;
    const follow = new Set(run.calls.stack(p));
    if (run.calls.caller[p] !== NONE) follow.add(run.calls.caller[p]);
    const isSame = follow.size === this.follow.size && [...follow].every((call) => this.follow.has(call));
    this.follow = follow;
    if (!isSame || this.rows.length === 0) this.collect();
    this.reveal(this.indexOf(p));
    this.draw();
  }
  /** On a narrow screen the tree is not there until it is asked for. */
  resized() {
    const isSeen = this.host.clientHeight > 0;
    if (isSeen && !this.wasSeen) this.reveal(this.indexOf(this.page.p));
    this.wasSeen = isSeen;
    this.draw();
  }
  /** Scrolls to a row, when it is out of sight. */
  reveal(index) {
    const { scrollTop, clientHeight } = this.host;
    const top = index * ROW_HEIGHT - this.offset(scrollTop);
    if (top >= ROW_HEIGHT && top <= clientHeight - 2 * ROW_HEIGHT) return;
    const wanted = Math.max(0, index * ROW_HEIGHT - clientHeight / 2);
    this.host.scrollTop = wanted * this.scale();
  }
  /** Pixels of the scroll bar for a pixel of rows: 1, but for trees that no element could hold. */
  scale() {
    return Math.min(1, MOST_HEIGHT / Math.max(1, this.rows.length * ROW_HEIGHT));
  }
  offset(scrollTop) {
    return scrollTop / this.scale();
  }

  isOpen(p) {
    return this.opened.get(p) ?? this.follow.has(p);
  }
  toggle(p, open = !this.isOpen(p)) {
    this.opened.set(p, open);
    this.collect();
    this.draw();
    this.page.writeAddress();
  }
  /** [call, whether it is open] of those that the reader opened or closed. */
  choices() {
    return [...this.opened];
  }
  choose(list) {
    this.opened = new Map(list);
    this.rows = new Int32Array(0);
  }
  isCall(p) {
    return this.page.run.calls.isCall(p);
  }
  /** A call in which nothing happened. */
  isLeaf(p) {
    return this.page.run.calls.exit[p] === p + 1;
  }

  /** The events that have a row. */
  collect() {
    const { calls, count } = this.page.run;
    const { exit } = calls;
    const rows = new Int32Array(count);
    let used = 0;
    for (let p = 1; p <= count; ) {
      rows[used++] = p;
      // Whatever has an end is a call.
      const end = exit[p];
      p = end !== NONE && (end === p + 1 || !this.isOpen(p)) ? end + 1 : p + 1;
    }
    this.rows = rows.subarray(0, used);
    this.space.style.height = `${Math.ceil(used * ROW_HEIGHT * this.scale())}px`;
  }
  /** The row that event p is on, or in. */
  indexOf(p) {
    let low = 0;
    let high = this.rows.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.rows[middle] <= p) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  draw() {
    const above = this.offset(this.host.scrollTop);
    const first = Math.max(0, Math.floor(above / ROW_HEIGHT) - BEYOND);
    const end = Math.min(this.rows.length, Math.ceil((above + this.host.clientHeight) / ROW_HEIGHT) + BEYOND);
    this.list.style.transform = `translateY(${this.host.scrollTop - above + first * ROW_HEIGHT}px)`;
    const wanted = this.rows.subarray(first, end);
    const here = this.page.p > 0 ? this.indexOf(this.page.p) : -1;
    this.drawn = new Map([...wanted].map((p, i) => [p, this.drawnRow(p, first + i === here)]));
    replace(this.list, [...this.drawn.values()].map(({ element }) => element));
    const current = this.list.querySelector('[aria-selected="true"]');
    if (current) this.host.setAttribute("aria-activedescendant", current.id);
    else this.host.removeAttribute("aria-activedescendant");
    this.fetch([...wanted].filter((p) => !this.events.has(p)));
  }
  /** The lines that were not at hand, once the page has been drawn. */
  async fetch(missing) {
    if (missing.length === 0) return;
    this.missing = missing;
    await this.page.shown;
    for (const p of missing) {
      if (this.missing !== missing) return;
      this.events.set(p, await this.page.run.event(p));
    }
    for (const p of this.events.keys()) {
      if (this.events.size <= KEPT_EVENTS) break;
      this.events.delete(p);
    }
    if (this.missing === missing) this.draw();
  }

  /** The row that was drawn before, where it would read the same. */
  drawnRow(p, isHere) {
    const event = this.events.get(p);
    const old = this.drawn.get(p);
    const drawnFrom = `${isHere} ${this.isOpen(p)} ${event?.line}`;
    return old?.drawnFrom === drawnFrom ? old : { drawnFrom, element: this.row(p, event, isHere) };
  }
  row(p, event, isHere) {
    const { run } = this.page;
    const isCall = this.isCall(p);
    const leaf = isCall && this.isLeaf(p);
    const open = isCall && !leaf && this.isOpen(p);
    const depth = run.calls.depth[p];
    const kind = run.kind(p);
    const line = event?.line ?? (isCall ? `${run.functionName(p)}(…)` : "…");
    const fold = (e) => {
      if (!isCall || leaf) return;
      e.stopPropagation();
      this.toggle(p);
    };
    return h(
      "div",
      {
        role: "treeitem",
        id: `event-${p}`,
        class: `row class-${classOf(kind)}`,
        style: `--depth: ${Math.min(depth, 14)}`,
        "aria-level": depth + 1,
        "aria-selected": String(isHere),
        "aria-expanded": isCall && !leaf ? String(open) : null,
        onclick: () => this.page.go(p),
      },
      h("span", { class: "number", "aria-hidden": "true" }, String(p)),
      h("span", { class: "twisty", "aria-hidden": "true", onclick: fold }, isCall && !leaf ? (open ? "▾" : "▸") : ""),
      h("span", { class: "letter", "aria-hidden": "true" }, letterOf(kind)),
      h("span", { class: "text", title: line }, line, isCall ? (leaf ? ";" : open ? " {" : " { … }") : null),
    );
  }

  key(e) {
    const { run, p } = this.page;
    const at = this.indexOf(p);
    const to = (index) => {
      this.page.stop();
      this.page.go(this.rows[Math.max(0, Math.min(this.rows.length - 1, index))]);
    };
    const screen = Math.max(1, Math.floor(this.host.clientHeight / ROW_HEIGHT) - 1);
    const here = this.rows[at];
    const isFold = this.isCall(here) && !this.isLeaf(here);
    const keys = {
      ArrowDown: () => to(p === 0 ? 0 : at + 1),
      ArrowUp: () => to(at - 1),
      PageDown: () => to(at + screen),
      PageUp: () => to(at - screen),
      Home: () => to(0),
      End: () => to(this.rows.length - 1),
      ArrowRight: () => (isFold && !this.isOpen(here) ? this.toggle(here, true) : to(at + 1)),
      ArrowLeft: () => {
        if (isFold && this.isOpen(here)) this.toggle(here, false);
        else if (run.calls.caller[here] > 0) this.page.go(run.calls.caller[here]);
      },
      Enter: () => isFold && this.toggle(here),
    };
    if (e.ctrlKey || e.metaKey || e.altKey || !keys[e.key]) return;
    e.preventDefault();
    e.stopPropagation();
    keys[e.key]();
  }
}
