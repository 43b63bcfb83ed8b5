// SPDX-License-Identifier: GPL-2.0-only
//
// The whole run from left to right: the calls as nested bars, below them a row for each class of
// events. It is played, dragged, zoomed; the reader's place is the line.

import { h } from "../dom.js";
import { classOf, eventClasses } from "../kinds.js";

const TRACK_HEIGHT = 10;
const CALL_LEVELS = 7; // of nested calls

export class Timeline {
  constructor(host, page) {
    this.page = page;
    this.from = 1;
    this.to = page.run.count;
    this.classes = eventClasses().map(([name]) => name).filter((name) => name !== "call");
    this.classByKind = page.run.head.kinds.map((kind) => this.classes.indexOf(classOf(kind)));
    this.canvas = h("canvas", { class: "tracks", "aria-hidden": "true" });
    this.slider = h(
      "div",
      {
        class: "timeline",
        role: "slider",
        tabindex: 0,
        "aria-label": "Event",
        "aria-valuemin": 0,
        "aria-valuemax": page.run.count,
        onpointerdown: (e) => this.grab(e),
        onpointermove: (e) => this.drag(e),
        onwheel: (e) => this.wheel(e),
        onkeydown: (e) => this.key(e),
      },
      this.canvas,
    );
    this.labels = h(
      "div",
      { class: "labels", "aria-hidden": "true" },
      h("span", { class: "calls" }, "calls"),
      eventClasses()
        .filter(([name]) => name !== "call")
        .map(([name, { letter, name: title }]) => h("span", { class: `class-${name}` }, `${letter} ${title}`)),
    );
    host.append(this.labels, this.slider);
    new ResizeObserver(() => this.draw()).observe(this.slider);
  }

  show() {
    const { p, run } = this.page;
    if (p < this.from || p > this.to) {
      const span = this.to - this.from;
      this.from = Math.max(1, Math.min(run.count - span, p - Math.floor(span / 2)));
      this.to = Math.min(run.count, this.from + span);
    }
    this.slider.setAttribute("aria-valuenow", p);
    this.slider.setAttribute("aria-valuetext", `event ${p} of ${run.count}`);
    this.draw();
  }

  /** Shows these events, and no others. */
  zoom(from, to) {
    const { run } = this.page;
    const least = Math.min(20, run.count);
    if (to - from < least) {
      const middle = (from + to) / 2;
      from = middle - least / 2;
      to = middle + least / 2;
    }
    this.from = Math.max(1, Math.round(from));
    this.to = Math.max(this.from + 1, Math.min(run.count, Math.round(to)));
    this.draw();
  }

  x(p) {
    return ((p - this.from + 0.5) / (this.to - this.from + 1)) * this.width;
  }
  eventAt(x) {
    const p = Math.floor((x / this.width) * (this.to - this.from + 1)) + this.from;
    return Math.max(this.from, Math.min(this.to, p));
  }

  draw() {
    const ratio = globalThis.devicePixelRatio ?? 1;
    this.width = this.slider.clientWidth;
    const height = this.slider.clientHeight;
    if (this.width === 0) return;
    this.canvas.width = this.width * ratio;
    this.canvas.height = height * ratio;
    const c = this.canvas.getContext("2d");
    c.scale(ratio, ratio);
    const style = getComputedStyle(this.slider);
    this.colours = Object.fromEntries(eventClasses().map(([name]) => [name, style.getPropertyValue(`--${name}`)]));
    this.drawCalls(c);
    this.drawEvents(c);
    c.fillStyle = style.getPropertyValue("--accent");
    c.fillRect(this.x(this.page.p) - 1, 0, 2, height);
    c.beginPath();
    c.arc(this.x(this.page.p), 4, 4, 0, 2 * Math.PI);
    c.fill();
  }

  drawCalls(c) {
    const { run } = this.page;
    const { exit, depth, caller } = run.calls;
    c.fillStyle = this.colours.call;
    const bar = (p) => {
      const end = exit[p] > 0 ? exit[p] : run.count;
      const left = this.x(Math.max(p, this.from - 1)) - 0.5;
      const right = this.x(Math.min(end, this.to + 1));
      c.globalAlpha = 0.85 - 0.09 * depth[p];
      c.fillRect(left, depth[p] * TRACK_HEIGHT + 1, Math.max(0.5, right - left), TRACK_HEIGHT - 1.5);
      if (right - left > 44) this.label(c, run.functionName(p), left, depth[p] * TRACK_HEIGHT, right - left);
    };
    for (let call = caller[this.from]; call > 0; call = caller[call]) if (depth[call] < CALL_LEVELS) bar(call);
    const step = Math.max(1, Math.floor((this.to - this.from) / (this.width * 24)));
    for (let p = this.from; p <= this.to; p += step) if (exit[p] > 0 && depth[p] < CALL_LEVELS) bar(p);
    c.globalAlpha = 1;
  }
  label(c, text, left, top, width) {
    c.save();
    c.beginPath();
    c.rect(left, top, width - 3, TRACK_HEIGHT);
    c.clip();
    c.globalAlpha = 1;
    c.fillStyle = getComputedStyle(this.slider).getPropertyValue("--on-call");
    c.font = "8.5px ui-monospace, monospace";
    c.fillText(text, left + 3, top + TRACK_HEIGHT - 2);
    c.restore();
    c.fillStyle = this.colours.call;
  }

  drawEvents(c) {
    const { run } = this.page;
    const top = CALL_LEVELS * TRACK_HEIGHT + 4;
    const seen = new Set();
    const least = Math.max(1, this.width / (this.to - this.from + 1));
    for (let p = this.from; p <= this.to; ++p) {
      const row = this.classByKind[run.kinds[p - 1]];
      if (row < 0) continue;
      const x = Math.floor(this.x(p) - least / 2);
      const key = x * 16 + row;
      if (seen.has(key)) continue;
      seen.add(key);
      c.fillStyle = this.colours[this.classes[row]];
      c.fillRect(x, top + row * TRACK_HEIGHT, Math.max(1, Math.min(6, least - 0.5)), TRACK_HEIGHT - 2);
    }
  }

  // --- the reader's hands -----------------------------------------------------------------------

  grab(e) {
    this.slider.setPointerCapture(e.pointerId);
    this.page.go(this.eventAt(e.offsetX));
  }
  drag(e) {
    if (e.buttons & 1) this.page.go(this.eventAt(e.offsetX));
  }
  wheel(e) {
    e.preventDefault();
    const span = this.to - this.from;
    if (Math.abs(e.deltaX) > Math.abs(e.deltaY) || e.shiftKey) {
      const by = ((e.deltaX || e.deltaY) / this.width) * span;
      const from = Math.max(1, Math.min(this.page.run.count - span, this.from + by));
      this.zoom(from, from + span);
      return;
    }
    const factor = Math.exp(e.deltaY / 400);
    const at = this.eventAt(e.offsetX);
    this.zoom(at - (at - this.from) * factor, at + (this.to - at) * factor);
  }
  key(e) {
    const { run, p } = this.page;
    const page = Math.max(1, Math.floor((this.to - this.from) / 10));
    const to = { ArrowRight: p + 1, ArrowUp: p + 1, ArrowLeft: p - 1, ArrowDown: p - 1, PageUp: p + page, PageDown: p - page, Home: 0, End: run.count };
    if (!(e.key in to) || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    e.stopPropagation();
    this.page.go(to[e.key]);
  }
}
