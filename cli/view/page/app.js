// SPDX-License-Identifier: GPL-2.0-only
//
// The page: one run, one place in it, one view of the machine.

import { h, replace, rove } from "./dom.js";
import { readLink, writeLink } from "./link.js";
import { Run } from "./model/run.js";
import { differences, findStructure } from "./model/state.js";
import { CallPanel } from "./panels/calls.js";
import { EventPanel } from "./panels/event.js";
import { Help } from "./panels/help.js";
import { SearchBox } from "./panels/search.js";
import { Timeline } from "./panels/timeline.js";
import { pathOf, pathText } from "./values.js";
import { VIEWS } from "./views/all.js";

/** Events over which what one changed fades. */
const FADES_OVER = 3;
const PLAY_MS = 350;

export class Page {
  static async open(document) {
    const head = JSON.parse(document.getElementById("run-0").textContent);
    const packed = document.querySelectorAll('script[data-run="0"]');
    const run = await Run.load(head, (i) => packed[i].textContent);
    const page = new Page(run);
    await page.begin();
    return page;
  }

  constructor(run) {
    this.run = run;
    this.p = 0;
    this.viewName = VIEWS[0].id;
    this.selected = null;
    this.notes = [];
    this.options = {};
    this.unfolded = new Map();
    this.stage = document.getElementById("stage");
    document.title = `${run.head.title} · iommulab`;
    document.getElementById("title").textContent = run.head.title;
    document.getElementById("meta").textContent = run.head.command_line ?? "";
    this.callPanel = new CallPanel(document.getElementById("calls"), this);
    this.eventPanel = new EventPanel(document.getElementById("event"), this);
    this.timeline = new Timeline(document.getElementById("timeline"), this);
    this.searchBox = new SearchBox(this);
    this.help = new Help();
    this.tabs = document.getElementById("views");
    rove(this.stage, "button.value, button.follow");
    this.wire();
  }

  async begin() {
    this.takeLink();
    await this.show();
    document.documentElement.dataset.ready = "true";
  }

  // --- moving -----------------------------------------------------------------------------------

  /** To an event; what lies outside of the run is its first or last. */
  go(p) {
    const next = Math.max(0, Math.min(this.run.count, p));
    if (next === this.p) return this.shown;
    this.p = next;
    return this.show();
  }
  step(by) {
    this.stop();
    return this.go(this.p + by);
  }
  /** Past the call that begins here, or back before the one that ends here. */
  stepOver(by) {
    this.stop();
    const { calls } = this.run;
    if (by > 0) return this.go(calls.exit[this.p] > 0 ? calls.exit[this.p] : this.p + 1);
    const caller = calls.caller[this.p];
    const isExit = caller > 0 && calls.exit[caller] === this.p;
    return this.go(isExit ? caller : this.p - 1);
  }
  /** To the end of the call around. */
  finish() {
    this.stop();
    const caller = this.run.calls.stack(this.p).at(-1);
    return this.go(caller && this.run.calls.exit[caller] > 0 ? this.run.calls.exit[caller] : this.run.count);
  }
  play() {
    if (this.playing) {
      this.stop();
      return;
    }
    if (this.p === this.run.count) this.go(0);
    this.playing = setInterval(() => (this.p < this.run.count ? this.go(this.p + 1) : this.stop()), PLAY_MS);
    this.showPlaying();
  }
  stop() {
    clearInterval(this.playing);
    this.playing = null;
    this.showPlaying();
  }
  showPlaying() {
    const button = document.getElementById("play");
    button.setAttribute("aria-pressed", String(Boolean(this.playing)));
    button.querySelector(".glyph").textContent = this.playing ? "⏸" : "▶";
  }

  // --- what is shown ----------------------------------------------------------------------------

  showView(id) {
    if (!VIEWS.some((view) => view.id === id)) return;
    this.viewName = id;
    this.show();
  }
  /** A structure, in the view of all structures. */
  showStructure(path) {
    this.unfolded.set(pathText(path), true);
    this.viewName = "structures";
    this.options["structures.kind"] = "all";
    this.show().then(() => {
      const element = this.stage.querySelector(`[data-structure="${CSS.escape(`${path[0]}/${path[1]}`)}"]`);
      element?.scrollIntoView({ block: "start" });
      element?.querySelector("summary")?.focus();
    });
  }
  /** A value whose origin is asked for; null for none. */
  select(text) {
    this.selected = text;
    this.show();
  }
  addNote(text) {
    this.notes.push({ event: this.p, text });
    this.show();
  }
  removeNote(i) {
    this.notes.splice(i, 1);
    this.show();
  }

  show() {
    this.shown = this.draw();
    return this.shown;
  }
  async draw() {
    const { p } = this;
    history.replaceState(null, "", writeLink({ event: p, view: this.viewName, value: this.selected, notes: this.notes, options: this.options }));
    this.timeline.show();
    this.callPanel.show();
    const [state, before] = await Promise.all([this.run.state(p), this.run.state(Math.max(0, p - 1))]);
    const ages = await this.agesAt(p);
    if (p !== this.p) return;
    this.state = state;
    const view = this.viewOf(state, before, ages);
    this.drawTabs();
    const content = await VIEWS.find(({ id }) => id === this.viewName).render(view);
    if (p !== this.p) return;
    this.drawStage(content);
    await this.eventPanel.show(view);
  }

  drawTabs() {
    if (this.tabs.children.length === 0) {
      replace(
        this.tabs,
        VIEWS.map(({ id, title }) =>
          h("button", { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": "stage", onclick: () => this.showView(id) }, title),
        ),
      );
      rove(this.tabs, '[role="tab"]');
    }
    for (const tab of this.tabs.children) {
      const isShown = tab.id === `tab-${this.viewName}`;
      tab.setAttribute("aria-selected", String(isShown));
      tab.tabIndex = isShown ? 0 : -1;
    }
    this.stage.setAttribute("aria-labelledby", `tab-${this.viewName}`);
  }

  drawStage(content) {
    const shown = VIEWS.find(({ id }) => id === this.viewName);
    const focused = this.stage.contains(document.activeElement) ? document.activeElement.dataset.path : null;
    const top = this.stage.scrollTop;
    replace(this.stage, h("p", { class: "about" }, shown.about), content);
    this.stage.scrollTop = top;
    const again = focused && this.stage.querySelector(`[data-path="${CSS.escape(focused)}"]`);
    const first = again ?? this.stage.querySelector("button.value, button.follow");
    if (first) first.tabIndex = 0;
    again?.focus({ preventScroll: true });
  }

  /** How many events ago each path changed, as far as that is lit. */
  async agesAt(p) {
    const ages = new Map();
    for (let age = FADES_OVER - 1; age >= 0; --age) {
      if (p - age < 1) continue;
      const [after, before] = await Promise.all([this.run.state(p - age), this.run.state(p - age - 1)]);
      for (const { path } of differences(before, after)) {
        for (let length = 2; length <= path.length; ++length) ages.set(pathText(path.slice(0, length)), age);
      }
    }
    return ages;
  }

  /** What views are given. */
  viewOf(state, before, ages) {
    const page = this;
    const name = this.viewName;
    return {
      run: this.run,
      p: this.p,
      state,
      before,
      machine: this.run.head.machine,
      age: (path) => ages.get(pathText(path)) ?? null,
      isSelected: (path) => pathText(path) === page.selected,
      select: (path) => page.select(pathText(path) === page.selected ? null : pathText(path)),
      go: (p) => page.go(p),
      follow: (link) => page.follow(link),
      option: (option) => page.options[`${name}.${option}`] ?? null,
      setOption: (option, value) => {
        page.options[`${name}.${option}`] = value;
        page.show();
      },
      isUnfolded: (path) => page.unfolded.get(pathText(path)) ?? false,
      unfold: (path, open) => page.unfolded.set(pathText(path), open),
    };
  }
  follow(link) {
    const kind = Object.keys(this.state).find((k) => findStructure(this.state, k, link.name)?.struct === link.struct);
    if (kind) this.showStructure([kind, link.name]);
  }

  // --- the reader -------------------------------------------------------------------------------

  takeLink() {
    const link = readLink(location.hash);
    this.p = Math.max(0, Math.min(this.run.count, Number.isInteger(link.event) ? link.event : 0));
    if (VIEWS.some(({ id }) => id === link.view)) this.viewName = link.view;
    this.selected = link.value;
    this.notes = link.notes;
    this.options = link.options;
  }

  wire() {
    const on = (id, action) => document.getElementById(id).addEventListener("click", action);
    on("first", () => this.step(-this.run.count));
    on("back-over", () => this.stepOver(-1));
    on("back", () => this.step(-1));
    on("play", () => this.play());
    on("next", () => this.step(1));
    on("over", () => this.stepOver(1));
    on("finish", () => this.finish());
    on("search", () => this.searchBox.open());
    on("help", () => this.help.open());
    on("theme", () => this.changeTheme());
    for (const tab of document.querySelectorAll("#parts button")) {
      tab.addEventListener("click", () => {
        document.body.dataset.part = tab.dataset.part;
        for (const other of document.querySelectorAll("#parts button")) other.setAttribute("aria-pressed", String(other === tab));
      });
    }
    addEventListener("hashchange", () => {
      this.takeLink();
      this.show();
    });
    addEventListener("keydown", (e) => this.key(e));
  }

  changeTheme() {
    const root = document.documentElement;
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    this.timeline.draw();
    this.show();
  }

  key(e) {
    const typing = e.target.closest?.("input, select, textarea, dialog");
    if (typing || e.ctrlKey || e.metaKey || e.altKey) return;
    const keys = {
      ".": () => this.step(1),
      ",": () => this.step(-1),
      ">": () => this.stepOver(1),
      "<": () => this.stepOver(-1),
      f: () => this.zoomToCall(),
      F: () => this.zoomToCall(),
      "]": () => this.finish(),
      w: () => this.zoomBy(0.6),
      s: () => this.zoomBy(1 / 0.6),
      a: () => this.pan(-0.2),
      d: () => this.pan(0.2),
      "/": () => this.searchBox.open(),
      "?": () => this.help.open(),
      Escape: () => this.select(null),
    };
    if (e.key === " " && !e.target.closest?.("button, summary, [role=treeitem]")) keys[" "] = () => this.play();
    if (!keys[e.key]) return;
    e.preventDefault();
    keys[e.key]();
  }
  /** The call around the event from edge to edge; the whole run when it is so already. */
  zoomToCall() {
    const { calls, count } = this.run;
    const call = calls.exit[this.p] > 0 ? this.p : (calls.stack(this.p).at(-1) ?? 1);
    const end = calls.exit[call] > 0 ? calls.exit[call] : count;
    if (this.timeline.from === call && this.timeline.to === end) this.timeline.zoom(1, count);
    else this.timeline.zoom(call, end);
  }
  zoomBy(factor) {
    const { from, to } = this.timeline;
    this.timeline.zoom(this.p - (this.p - from) * factor, this.p + (to - this.p) * factor);
  }
  pan(part) {
    const { from, to } = this.timeline;
    const by = Math.max(1 - from, Math.min(this.run.count - to, (to - from) * part));
    this.timeline.zoom(from + by, to + by);
  }
}

Page.open(document).then((page) => (globalThis.iommulab = page));
