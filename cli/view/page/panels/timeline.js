// SPDX-License-Identifier: GPL-2.0-only
//
// The whole run from left to right: the calls as nested bars, below them a row for each class of
// events. It is played, dragged, zoomed; the reader's place is the line.

import { h } from "../dom.js";
import { classOf, eventClasses } from "../kinds.js";

/** The least that can be looked at, in events. */
const LEAST_SPAN = 20;

export class Timeline {
  constructor(host, page) {
    this.page = page;
    this.from = 1;
    this.to = page.run.count;
    const classes = eventClasses().filter(([name]) => name !== "call");
    this.classes = classes.map(([name]) => name);
    this.classByKind = page.run.head.kinds.map((kind) => this.classes.indexOf(classOf(kind)));
    this.canvas = h("canvas", { class: "tracks", "aria-hidden": "true" });
    this.drawn = document.createElement("canvas"); // all but the reader's place
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
    const labels = classes.map(([name, { letter, name: title }]) => h("span", { class: `class-${name}` }, letter, h("span", { class: "title" }, ` ${title}`)));
    host.append(h("div", { class: "labels", "aria-hidden": "true" }, h("span", { class: "calls" }, "calls"), labels), this.slider);
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

  // --- what part of the run is shown -------------------------------------------------------------

  /** Shows these events, and no others. */
  zoom(from, to) {
    const { run } = this.page;
    const least = Math.min(LEAST_SPAN, run.count);
    if (to - from < least) {
      const middle = (from + to) / 2;
      from = middle - least / 2;
      to = middle + least / 2;
    }
    this.from = Math.max(1, Math.min(run.count - 1, Math.round(from)));
    this.to = Math.max(this.from + 1, Math.min(run.count, Math.round(to)));
    this.draw();
    this.page.writeAddress();
  }
  /** [from, to] where that is not the whole run. */
  range() {
    return this.from > 1 || this.to < this.page.run.count ? [this.from, this.to] : null;
  }
  setRange(range) {
    const { count } = this.page.run;
    const [from, to] = range ?? [1, count];
    this.from = Math.max(1, Math.min(from, count - 1));
    this.to = Math.max(this.from + 1, Math.min(to, count));
  }
  /** The call around the event from edge to edge; the whole run when it is so already. */
  zoomToCall() {
    const { run, p } = this.page;
    const { calls, count } = run;
    const call = calls.exit[p] > 0 ? p : (calls.stack(p).at(-1) ?? 1);
    const end = calls.exit[call] > 0 ? calls.exit[call] : count;
    if (this.range() && this.call === call) {
      this.call = null;
      this.zoom(1, count);
    } else {
      this.call = call;
      this.zoom(call, end);
    }
  }
  zoomBy(factor) {
    const { p } = this.page;
    this.zoom(p - (p - this.from) * factor, p + (this.to - p) * factor);
  }
  pan(part) {
    const by = Math.max(1 - this.from, Math.min(this.page.run.count - this.to, (this.to - this.from) * part));
    this.zoom(this.from + by, this.to + by);
  }

  x(p) {
    return ((p - this.from + 0.5) / (this.to - this.from + 1)) * this.width;
  }
  eventAt(x) {
    const p = Math.floor((x / this.width) * (this.to - this.from + 1)) + this.from;
    return Math.max(this.from, Math.min(this.to, p));
  }

  // --- drawing ------------------------------------------------------------------------------------

  draw() {
    const ratio = globalThis.devicePixelRatio ?? 1;
    const height = this.slider.clientHeight;
    this.width = this.slider.clientWidth;
    if (this.width === 0 || height === 0) return;
    const style = getComputedStyle(this.slider);
    const accent = style.getPropertyValue("--accent");
    const now = [this.from, this.to, this.width, height, ratio, accent].join();
    if (this.drawnFor !== now) {
      this.drawnFor = now;
      this.drawAll(height, ratio, style);
    }
    const size = [this.drawn.width, this.drawn.height];
    if (this.canvas.width !== size[0] || this.canvas.height !== size[1]) [this.canvas.width, this.canvas.height] = size;
    const c = this.canvas.getContext("2d");
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, ...size);
    c.drawImage(this.drawn, 0, 0);
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.fillStyle = accent;
    c.fillRect(this.x(this.page.p) - 1, 0, 2, height);
    c.beginPath();
    c.arc(this.x(this.page.p), 4, 4, 0, 2 * Math.PI);
    c.fill();
  }

  /** What stays the same while the reader moves. */
  drawAll(height, ratio, style) {
    this.drawn.width = Math.round(this.width * ratio);
    this.drawn.height = Math.round(height * ratio);
    const c = this.drawn.getContext("2d");
    c.scale(ratio, ratio);
    const size = Number.parseFloat(style.getPropertyValue("--track"));
    const levels = Number.parseFloat(style.getPropertyValue("--levels"));
    const colours = Object.fromEntries(["on-call", ...eventClasses().map(([name]) => name)].map((name) => [name, style.getPropertyValue(`--${name}`)]));
    this.drawCalls(c, size, levels, colours);
    this.drawEvents(c, size, levels, colours);
  }

  /** Every call that covers a pixel, and of those that cover less one a pixel. */
  drawCalls(c, size, levels, colours) {
    const { run } = this.page;
    const { exit, depth, caller } = run.calls;
    const drawnTo = new Float64Array(levels).fill(-1);
    const scale = this.width / (this.to - this.from + 1);
    const bar = (p) => {
      const level = depth[p];
      const end = exit[p] > 0 ? exit[p] : run.count;
      const left = (Math.max(p, this.from - 1) - this.from + 0.5) * scale;
      const right = (Math.min(end, this.to + 1) - this.from + 0.5) * scale;
      if (right < drawnTo[level]) return;
      drawnTo[level] = Math.max(right, left + 0.5) + (right - left < 1 ? 0.5 : 0);
      c.fillStyle = colours.call;
      c.globalAlpha = 0.85 - 0.09 * level;
      c.fillRect(left, level * size + 1, Math.max(0.5, right - left), size - 1.5);
      if (right - left > 44) this.label(c, run.functionName(p), Math.max(left, 0), level * size, right - Math.max(left, 0), size, colours);
    };
    for (let call = caller[this.from]; call > 0; call = caller[call]) if (depth[call] < levels) bar(call);
    for (let p = this.from; p <= this.to; ++p) if (depth[p] < levels && run.calls.isCall(p)) bar(p);
    c.globalAlpha = 1;
  }
  label(c, text, left, top, width, size, colours) {
    c.save();
    c.beginPath();
    c.rect(left, top, width - 3, size);
    c.clip();
    c.globalAlpha = 1;
    c.fillStyle = colours["on-call"];
    c.font = "8.5px ui-monospace, monospace";
    c.fillText(text, left + 3, top + size - 2);
    c.restore();
  }

  /** Of each class one mark a pixel. */
  drawEvents(c, size, levels, colours) {
    const { kinds } = this.page.run;
    const top = levels * size + 4;
    const least = Math.max(1, this.width / (this.to - this.from + 1));
    const scale = this.width / (this.to - this.from + 1);
    const last = new Int32Array(this.classes.length).fill(-10);
    const fills = this.classes.map((name) => colours[name]);
    const width = Math.max(1, Math.min(6, least - 0.5));
    for (let p = this.from; p <= this.to; ++p) {
      const row = this.classByKind[kinds[p - 1]];
      if (row < 0) continue;
      const x = Math.floor((p - this.from + 0.5) * scale - least / 2);
      if (last[row] === x) continue;
      last[row] = x;
      c.fillStyle = fills[row];
      c.fillRect(x, top + row * size, width, size - 2);
    }
  }

  // --- the reader's hands -----------------------------------------------------------------------

  grab(e) {
    this.slider.setPointerCapture(e.pointerId);
    this.page.stop();
    this.page.jump(this.eventAt(e.offsetX));
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
    const part = Math.max(1, Math.floor((this.to - this.from) / 10));
    const to = { ArrowRight: p + 1, ArrowUp: p + 1, ArrowLeft: p - 1, ArrowDown: p - 1, PageUp: p + part, PageDown: p - part, Home: 0, End: run.count };
    if (!(e.key in to) || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    e.stopPropagation();
    this.page.stop();
    this.page.go(to[e.key]);
  }
}
