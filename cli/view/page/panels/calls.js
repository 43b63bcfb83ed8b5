// SPDX-License-Identifier: GPL-2.0-only
//
// The call tree: every event on a line, calls that can be folded. Only the lines that are in sight
// are elements.

import { h, replace } from "../dom.js";
import { classOf, letterOf } from "../kinds.js";
import { NONE } from "../model/calls.js";

const ROW_HEIGHT = 24;
const BEYOND = 12; // rows above and below what is in sight

export class CallPanel {
  constructor(host, page) {
    this.page = page;
    this.opened = new Map(); // by call: whether somebody opened or closed it
    this.rows = new Int32Array(0);
    this.space = h("div", { class: "space" });
    this.list = h("div", { class: "rows", role: "presentation" });
    this.host = h(
      "div",
      { class: "call-tree", role: "tree", "aria-label": "Events", tabindex: 0, onkeydown: (e) => this.key(e) },
      this.space,
      this.list,
    );
    this.host.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.host);
    host.append(this.host);
  }

  /** Shows the tree around the page's event. */
  show() {
    const { run, p } = this.page;
    this.follow = new Set(run.calls.stack(p));
    if (run.calls.caller[p] !== NONE) this.follow.add(run.calls.caller[p]);
    this.collect();
    const at = this.indexOf(p);
    const top = at * ROW_HEIGHT;
    const { scrollTop, clientHeight } = this.host;
    if (top < scrollTop + ROW_HEIGHT || top > scrollTop + clientHeight - 2 * ROW_HEIGHT) {
      this.host.scrollTop = Math.max(0, top - clientHeight / 2);
    }
    this.draw();
  }

  isOpen(p) {
    return this.opened.get(p) ?? this.follow.has(p);
  }
  toggle(p, open = !this.isOpen(p)) {
    this.opened.set(p, open);
    this.collect();
    this.draw();
  }
  openAll(open) {
    const { run } = this.page;
    this.opened.clear();
    for (let p = 1; p <= run.count; ++p) if (this.isCall(p)) this.opened.set(p, open);
    this.show();
  }
  isCall(p) {
    return this.page.run.kind(p) === "call_enter";
  }
  /** A call in which nothing happened. */
  isLeaf(p) {
    return this.page.run.calls.exit[p] === p + 1;
  }

  /** The events that have a row. */
  collect() {
    const { run } = this.page;
    const rows = [];
    for (let p = 1; p <= run.count; ) {
      rows.push(p);
      const closed = this.isCall(p) && !this.isOpen(p) && run.calls.exit[p] !== NONE;
      p = closed || (this.isCall(p) && this.isLeaf(p)) ? run.calls.exit[p] + 1 : p + 1;
    }
    this.rows = Int32Array.from(rows);
    this.space.style.height = `${this.rows.length * ROW_HEIGHT}px`;
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

  async draw() {
    const first = Math.max(0, Math.floor(this.host.scrollTop / ROW_HEIGHT) - BEYOND);
    const end = Math.min(this.rows.length, Math.ceil((this.host.scrollTop + this.host.clientHeight) / ROW_HEIGHT) + BEYOND);
    const drawing = (this.drawing = (this.drawing ?? 0) + 1);
    const wanted = [...this.rows.subarray(first, end)];
    const events = await Promise.all(wanted.map((p) => this.page.run.event(p)));
    if (drawing !== this.drawing) return;
    this.list.style.transform = `translateY(${first * ROW_HEIGHT}px)`;
    replace(this.list, wanted.map((p, i) => this.row(p, events[i], first + i)));
    const current = this.list.querySelector('[aria-selected="true"]');
    if (current) this.host.setAttribute("aria-activedescendant", current.id);
    else this.host.removeAttribute("aria-activedescendant");
  }

  row(p, event, index) {
    const { run } = this.page;
    const isCall = this.isCall(p);
    const leaf = isCall && this.isLeaf(p);
    const open = isCall && !leaf && this.isOpen(p);
    const isHere = this.indexOf(this.page.p) === index;
    const depth = run.calls.depth[p];
    return h(
      "div",
      {
        role: "treeitem",
        id: `event-${p}`,
        class: `row class-${classOf(event.kind)}`,
        style: `--depth: ${Math.min(depth, 14)}`,
        "aria-level": depth + 1,
        "aria-selected": String(isHere),
        "aria-expanded": isCall && !leaf ? String(open) : null,
        onclick: () => this.page.go(p),
      },
      h("span", { class: "number", "aria-hidden": "true" }, String(p)),
      h(
        "span",
        {
          class: "twisty",
          "aria-hidden": "true",
          onclick: (e) => {
            if (!isCall || leaf) return;
            e.stopPropagation();
            this.toggle(p);
          },
        },
        isCall && !leaf ? (open ? "▾" : "▸") : "",
      ),
      h("span", { class: "letter", "aria-hidden": "true" }, letterOf(event.kind)),
      h("span", { class: "text", title: event.line }, rowText(event, isCall, leaf, open)),
    );
  }

  key(e) {
    const { run, p } = this.page;
    const at = this.indexOf(p);
    const to = (index) => this.page.go(this.rows[Math.max(0, Math.min(this.rows.length - 1, index))]);
    const page = Math.max(1, Math.floor(this.host.clientHeight / ROW_HEIGHT) - 1);
    const here = this.rows[at];
    const keys = {
      ArrowDown: () => to(at + 1),
      ArrowUp: () => to(at - 1),
      PageDown: () => to(at + page),
      PageUp: () => to(at - page),
      Home: () => to(0),
      End: () => to(this.rows.length - 1),
      ArrowRight: () => (this.isCall(here) && !this.isOpen(here) ? this.toggle(here, true) : to(at + 1)),
      ArrowLeft: () => {
        if (this.isCall(here) && this.isOpen(here) && !this.isLeaf(here)) this.toggle(here, false);
        else if (run.calls.caller[here] !== NONE) this.page.go(run.calls.caller[here]);
      },
    };
    if (e.ctrlKey || e.metaKey || e.altKey || !keys[e.key]) return;
    e.preventDefault();
    e.stopPropagation();
    keys[e.key]();
  }
}

function rowText(event, isCall, leaf, open) {
  if (!isCall) return event.line;
  return event.line + (leaf ? ";" : open ? " {" : " { … }");
}
