// SPDX-License-Identifier: GPL-2.0-only
//
// The page: one run, one place in it, one view of the machine.

import { agesAt } from "./ages.js";
import { h, replace, rove } from "./dom.js";
import { DrawnElements } from "./drawn.js";
import { keepFocus } from "./focus.js";
import { placeIcons } from "./icons.js";
import { keyDown } from "./keys.js";
import { AddressBar, readLink, writeLink } from "./link.js";
import { Alignment } from "./model/alignment.js";
import { Run } from "./model/run.js";
import { findStructure } from "./model/state.js";
import { CallPanel } from "./panels/calls.js";
import { Comparison } from "./panels/compare.js";
import { EventPanel } from "./panels/event.js";
import { Help } from "./panels/help.js";
import { messages } from "./panels/messages.js";
import { Overview } from "./panels/overview.js";
import { SearchBox } from "./panels/search.js";
import { Timeline } from "./panels/timeline.js";
import { TourPanel } from "./panels/tour.js";
import { pathText } from "./values.js";
import { VIEWS } from "./views/all.js";

const PLAY_MS = 350;

export class Page {
  static async open(document) {
    const load = (number) => {
      const head = document.getElementById(`run-${number}`);
      const packed = document.querySelectorAll(`script[data-run="${number}"]`);
      return head && Run.load(JSON.parse(head.textContent), (i) => packed[i].textContent);
    };
    const [left, right] = await Promise.all([load(0), load(1)]);
    const turned = right && readLink(location.hash).options["compare.lead"] === "right";
    const page = new Page(turned ? right : left);
    globalThis.iommulab = page;
    if (right) {
      const alignment = new Alignment(left.head.alignment);
      page.comparison = new Comparison(page, turned ? left : right, turned ? alignment.turned() : alignment);
    }
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
    this.drawn = new DrawnElements();
    this.scrolled = new Map(); // wide boxes of the stage by their place: how far
    this.stage = document.getElementById("stage");
    this.eventHost = document.getElementById("event");
    document.title = `${run.head.title} · iommulab`;
    document.getElementById("title").textContent = run.head.title;
    document.getElementById("meta").textContent = run.head.command_line ?? "";
    this.showAssumed(run.head.assumed ?? []);
    placeIcons(document);
    this.address = new AddressBar(() => {
      this.stop();
      this.takeLink();
      this.show();
    });
    this.callPanel = new CallPanel(document.getElementById("calls"), this);
    this.eventPanel = new EventPanel(this.eventHost, this);
    this.timeline = new Timeline(document.getElementById("timeline"), this);
    this.searchBox = new SearchBox(this);
    this.overview = new Overview(this);
    this.tourPanel = new TourPanel(document.getElementById("tour"), this);
    this.help = new Help();
    this.tabs = document.getElementById("views");
    rove(this.stage, ".value, button.follow");
    this.wire();
  }

  /** What the answer rests on that nobody said of the machine. */
  showAssumed(assumed) {
    const box = document.getElementById("assumed");
    box.hidden = assumed.length === 0;
    box.querySelector("summary").textContent = `${assumed.length} assumed`;
    box.querySelector("ul").replaceChildren(
      ...assumed.map((sentence) => Object.assign(document.createElement("li"), { textContent: sentence })),
    );
  }

  async begin() {
    this.takeLink();
    messages.showEnd(this);
    messages.beginAt(this.p);
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
  /** The same from afar: Back leads to where the reader was. */
  jump(p) {
    this.address.jump();
    return this.go(p);
  }
  step(by) {
    this.stop();
    return this.go(this.p + by);
  }
  /** Past the call that begins here, or back before the one that ends here. */
  stepOver(by) {
    this.stop();
    const { calls } = this.run;
    if (by > 0) return this.go(calls.over(this.p));
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
    if (!this.playing) return;
    clearInterval(this.playing);
    this.playing = null;
    this.showPlaying();
    messages.say(this);
  }
  showPlaying() {
    document.body.toggleAttribute("data-playing", Boolean(this.playing));
    document.getElementById("play-name").textContent = this.playing ? "Stop" : "Play";
  }

  // --- what is shown ----------------------------------------------------------------------------

  showView(id) {
    if (!VIEWS.some((view) => view.id === id)) return;
    if (id !== this.viewName) this.address.jump();
    this.viewName = id;
    this.showPart("stage");
    this.show();
  }
  /** On a narrow screen, where there is one part at a time: this one. */
  showPart(part) {
    document.body.dataset.part = part;
    for (const tab of document.querySelectorAll("#parts button")) tab.setAttribute("aria-pressed", String(tab.dataset.part === part));
    this.writeAddress();
  }
  /** A structure, in the view of all structures. */
  showStructure(path) {
    this.address.jump();
    this.unfolded.set(pathText(path), true);
    this.viewName = "structures";
    this.options["structures.kind"] = null;
    this.showPart("stage");
    this.show().then(() => {
      const element = this.stage.querySelector(`[data-structure="${CSS.escape(`${path[0]}/${path[1]}`)}"]`);
      element?.scrollIntoView({ block: "start" });
      element?.querySelector("summary")?.focus();
    });
  }
  /** A value whose origin is asked for; null for none. */
  select(text) {
    if (text === this.selected) return;
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
    const drawing = (this.drawing = {});
    const isOld = () => drawing !== this.drawing;
    const { p } = this;
    this.writeAddress();
    this.timeline.show();
    this.callPanel.show();
    const [state, before] = await Promise.all([this.run.state(p), this.run.state(Math.max(0, p - 1))]);
    const ages = await agesAt(this.run, p);
    if (isOld()) return;
    this.state = state;
    this.viewFor = (name) => this.viewOf(state, before, ages, name);
    const view = { ...this.viewFor(this.viewName), ...this.drawn.of(this.viewName, ages, this.selected, isOld) };
    this.drawTabs();
    const shown = VIEWS.find(({ id }) => id === this.viewName);
    const refocusStage = keepFocus(this.stage); // a part of the view may be filled anew while it is rendered
    const content = await shown.render(view);
    const viewThere = this.comparison && (await this.viewThere());
    const there = viewThere && (await shown.render(viewThere));
    if (isOld()) return;
    this.drawStage(viewThere ? this.comparison.columns(content, there, [state, viewThere.state]) : content, refocusStage);
    await this.comparison?.drawBar();
    const refocus = keepFocus(this.eventHost);
    await this.eventPanel.show(view);
    refocus();
    this.tourPanel.show();
    if (isOld()) return;
    messages.saySelected(this);
    messages.say(this);
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
      if (isShown && tab.getAttribute("aria-selected") !== "true") tab.scrollIntoView({ block: "nearest", inline: "nearest" });
      tab.setAttribute("aria-selected", String(isShown));
      if (!this.tabs.contains(document.activeElement)) tab.tabIndex = isShown ? 0 : -1;
    }
    this.stage.setAttribute("aria-labelledby", `tab-${this.viewName}`);
  }

  drawStage(content, refocusThen) {
    const shown = VIEWS.find(({ id }) => id === this.viewName);
    const refocus = this.stage.contains(document.activeElement) ? keepFocus(this.stage) : refocusThen;
    const isOther = this.stageView !== this.viewName;
    if (isOther) {
      this.stageHead = [h("h2", { class: "visually-hidden" }, shown.title), h("p", { class: "about" }, shown.about)];
      this.stageView = this.viewName;
      this.scrolled.clear();
    }
    replace(this.stage, this.stageHead, content);
    if (isOther) this.stage.scrollTop = 0;
    else this.scrollAgain();
    refocus();
  }

  /** Wide boxes that were drawn anew are where the reader had scrolled them. To ask all of them would lay them out. */
  scrollAgain() {
    const boxes = this.stage.querySelectorAll(".wide");
    for (const [i, left] of this.scrolled) if (boxes[i]) boxes[i].scrollLeft = left;
  }
  noteScrolled({ target }) {
    if (!target.classList.contains("wide")) return;
    const i = [...this.stage.querySelectorAll(".wide")].indexOf(target);
    if (target.scrollLeft > 0) this.scrolled.set(i, target.scrollLeft);
    else this.scrolled.delete(i);
  }

  /** Of the run that follows: the same view, at the same step. */
  async viewThere() {
    const { other } = this.comparison;
    const p = this.comparison.place().event;
    const [state, before] = await Promise.all([other.state(p), other.state(Math.max(0, p - 1))]);
    const view = this.viewOf(state, before, await agesAt(other, p), this.viewName);
    return { ...view, run: other, p, machine: other.head.machine, go: (q) => this.jump(this.comparison.eventHere(q)) };
  }
  /** The other run leads, from the same step on. */
  swap() {
    this.address.jump();
    this.options["compare.lead"] = this.options["compare.lead"] === "right" ? null : "right";
    this.p = this.comparison.place().event;
    this.selected = null;
    this.writeAddress();
    this.address.flush();
    location.reload();
  }

  /** What views are given. */
  viewOf(state, before, ages, name) {
    const page = this;
    return {
      run: this.run,
      p: this.p,
      state,
      before,
      machine: this.run.head.machine,
      age: (path) => ages.get(pathText(path)) ?? null,
      isSelected: (path) => pathText(path) === page.selected,
      select: (path) => page.select(pathText(path) === page.selected ? null : pathText(path)),
      go: (p) => page.jump(p),
      follow: (link) => page.follow(link),
      option: (option) => page.options[`${name}.${option}`] ?? null,
      setOption: (option, value) => {
        page.options[`${name}.${option}`] = value;
        page.show();
      },
      ...DrawnElements.none(),
      // How the reader left it: true, false, or null where it was never touched.
      folding: (path) => page.unfolded.get(pathText(path)) ?? null,
      isUnfolded: (path) => page.unfolded.get(pathText(path)) ?? false,
      unfold: (path, open) => {
        page.unfolded.set(pathText(path), open);
        page.writeAddress();
      },
    };
  }
  follow(link) {
    const kind = Object.keys(this.state).find((k) => findStructure(this.state, k, link.name)?.struct === link.struct);
    if (kind) this.showStructure([kind, link.name]);
  }

  // --- the reader -------------------------------------------------------------------------------

  takeLink() {
    const link = readLink(location.hash);
    this.p = Math.max(0, Math.min(this.run.count, link.event ?? 0));
    this.viewName = VIEWS.some(({ id }) => id === link.view) ? link.view : VIEWS[0].id;
    this.selected = link.value;
    this.notes = link.notes;
    this.options = link.options;
    this.unfolded = new Map(link.open);
    this.callPanel.choose(link.calls);
    this.timeline.setRange(link.zoom);
    this.tourPanel.take(link.tour);
    const isPart = document.querySelector(`#parts button[data-part="${CSS.escape(link.part ?? "")}"]:not([hidden])`);
    this.showPart(isPart ? link.part : this.tourPanel.isOpen() ? "tour" : "stage");
  }
  writeAddress() {
    const { part } = document.body.dataset;
    this.address.write(
      writeLink({
        event: this.p,
        view: this.viewName,
        value: this.selected,
        zoom: this.timeline.range(),
        open: [...this.unfolded],
        calls: this.callPanel.choices(),
        part: part === "stage" ? null : part,
        tour: this.tourPanel.place(),
        notes: this.notes,
        options: this.options,
      }),
    );
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
    on("overview", () => this.overview.open());
    on("search", () => this.searchBox.open());
    on("help", () => this.help.open());
    on("theme", () => this.setTheme(document.documentElement.dataset.theme !== "dark"));
    for (const tab of document.querySelectorAll("#parts button")) tab.addEventListener("click", () => this.showPart(tab.dataset.part));
    this.stage.addEventListener("scroll", (e) => this.noteScrolled(e), true);
    addEventListener("keydown", (e) => keyDown(this, e));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (e) => this.setTheme(e.matches));
  }

  setTheme(dark) {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    this.timeline.draw();
  }
}

messages.open(() => Page.open(document));
