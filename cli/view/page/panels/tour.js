// SPDX-License-Identifier: GPL-2.0-only
//
// Tours through the run: a stop tells something, asks what comes next before it shows it, and moves
// the page to where that happens.
//
// What the page carries of them is `head.tours`, those that go through this run, empty without any:
//
//   [{"number": 3, "title": "…", "summary": "…", "stops": [{"heading": "…", "items": [ITEM, …]}]}]
//
// An item is as in cli/tours/tour.h, {"kind", "text"}, in the tour's order:
//
//   "text"       paragraphs, with an empty line between them
//   "question"   asked before what follows it is shown; "answer" follows right behind it
//   "run"        the stepper begins this run
//   "step"       a command of the stepper, and "output", what it printed; "expected": [pieces of
//                lines that matter]; "event": where it has led in this page's run, null when that is
//                another run; "value": the path of the value that it asks for (as in a link,
//                "registers/dmar0/GSTS/TES"), left out where it asks for none
//   "program"    a whole command line; "output" and "expected" as above
//
// The place in a tour is NUMBER.STOP.SHOWN: stop from 1, and how many of its questions are answered.

import { h, replace } from "../dom.js";

export class TourPanel {
  constructor(host, page) {
    this.host = host;
    this.page = page;
    this.tours = page.run.head.tours ?? [];
    this.predictions = new Map();
    const button = document.getElementById("tours");
    button.hidden = this.tours.length === 0;
    button.addEventListener("click", () => this.list());
    this.dialog = h("dialog", { class: "tours", "aria-label": "Tours" });
    if (this.tours.length > 0) document.body.append(this.dialog);
  }

  isOpen() {
    return Boolean(this.tour);
  }
  /** As it stands in a link. */
  place() {
    return this.tour ? [this.tour.number, this.stop + 1, this.answered].join(".") : null;
  }
  take(text) {
    const [number, stop, answered] = (text ?? "").split(".").map(Number);
    this.tour = this.tours.find((tour) => tour.number === number) ?? null;
    this.stop = this.tour ? Math.max(0, Math.min(this.tour.stops.length - 1, (stop || 1) - 1)) : 0;
    this.answered = answered > 0 ? answered : 0;
    this.draw();
  }

  list() {
    const begin = (tour) => {
      this.dialog.close();
      this.enter(`${tour.number}.1.0`);
    };
    replace(
      this.dialog,
      h("h2", {}, "Tours"),
      h("p", {}, "A tour goes through this run stop by stop, and asks what comes next before it shows it."),
      h(
        "ul",
        {},
        this.tours.map((tour) => h("li", {}, h("button", { type: "button", onclick: () => begin(tour) }, `${tour.number}  ${tour.title}`), h("p", { class: "words" }, tour.summary))),
      ),
      h("form", { method: "dialog" }, h("button", {}, "Close")),
    );
    this.dialog.showModal();
  }

  /** To a stop, and the page with it. */
  enter(place, focused = "h2") {
    this.page.stop();
    this.page.address.jump();
    this.take(place);
    this.page.showPart(this.tour ? "tour" : "stage");
    const last = this.seen().findLast((item) => Number.isInteger(item.event));
    if (last) this.moveTo(last);
    [...this.host.querySelectorAll(focused)].at(-1)?.focus();
  }
  leave() {
    this.page.address.jump();
    this.take(null);
    this.page.showPart("stage");
    document.getElementById("tours").focus();
  }
  moveTo(item) {
    if (item.value) this.page.selected = item.value;
    this.page.p = Math.max(0, Math.min(this.page.run.count, item.event));
    this.page.show();
  }

  // --- what is shown -----------------------------------------------------------------------------

  items() {
    return this.tour?.stops[this.stop].items ?? [];
  }
  /** The items up to the first question that has no answer yet, with it. */
  seen() {
    let left = this.answered;
    const items = this.items();
    const end = items.findIndex((item) => item.kind === "question" && left-- === 0);
    return end < 0 ? items : items.slice(0, end + 1);
  }

  /** The page has moved: says which command has led here. */
  show() {
    for (const button of this.host.querySelectorAll("[data-event]")) {
      if (Number(button.dataset.event) === this.page.p) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  draw() {
    const { host, tour } = this;
    host.hidden = !tour;
    document.body.toggleAttribute("data-tour", Boolean(tour));
    document.querySelector('#parts button[data-part="tour"]').hidden = !tour;
    if (!tour) {
      replace(host);
      return;
    }
    const { heading } = tour.stops[this.stop];
    const seen = this.seen();
    const isAsking = seen.length < this.items().length;
    replace(
      host,
      h(
        "div",
        { class: "top" },
        h("p", { class: "where" }, `Tour ${tour.number}, stop ${this.stop + 1} of ${tour.stops.length}: ${tour.title}`),
        h("button", { type: "button", class: "quiet", onclick: () => this.leave() }, "Close"),
      ),
      h("progress", { max: tour.stops.length, value: this.stop + 1, "aria-label": "Of the tour" }),
      h("h2", { tabindex: -1 }, heading),
      seen.map((item, i) => this.item(item, isAsking && i === seen.length - 1, i)),
      isAsking ? null : this.ways(),
    );
    host.scrollTop = 0;
    this.show();
  }

  ways() {
    const { tour, stop } = this;
    const to = (by) => () => this.enter(`${tour.number}.${stop + 1 + by}.0`);
    return h(
      "p",
      { class: "ways" },
      stop > 0 ? h("button", { type: "button", onclick: to(-1) }, "Stop before") : null,
      stop + 1 < tour.stops.length
        ? h("button", { type: "button", class: "main", onclick: to(1) }, `Next: ${tour.stops[stop + 1].heading}`)
        : h("button", { type: "button", class: "main", onclick: () => this.leave() }, "End of the tour"),
    );
  }

  item(item, isAsked, i) {
    const made = {
      text: () => tourText(item.text),
      run: () => h("p", { class: "words" }, "The stepper begins: ", h("code", {}, item.text)),
      step: () => this.command(item, "> "),
      program: () => this.command(item, "$ "),
      question: () => this.question(item, isAsked, i),
      answer: () => h("div", { class: "answer", tabindex: -1 }, tourText(item.text)),
    };
    return made[item.kind]?.() ?? null;
  }

  question(item, isAsked, i) {
    const key = `${this.tour.number}.${this.stop}.${i}`;
    const said = this.predictions.get(key);
    if (!isAsked) return h("div", { class: "question" }, tourText(item.text), said ? h("p", { class: "words" }, `You said: ${said}`) : null);
    const input = h("textarea", { rows: 2, "aria-label": "What do you expect?", placeholder: "What do you expect? (kept nowhere)" });
    input.value = said ?? "";
    return h(
      "form",
      {
        class: "question",
        onsubmit: (e) => {
          e.preventDefault();
          this.predictions.set(key, input.value.trim());
          this.enter(`${this.tour.number}.${this.stop + 1}.${this.answered + 1}`, ".answer");
        },
      },
      tourText(item.text),
      input,
      h("button", { type: "submit", class: "main" }, "Show the answer"),
    );
  }

  command(item, prompt) {
    const lines = (item.output ?? "").trimEnd().split("\n");
    const matters = (line) => (item.expected ?? []).some((piece) => line.includes(piece));
    const there = Number.isInteger(item.event)
      ? h("button", { type: "button", class: "jump", "data-event": item.event, onclick: () => this.moveTo(item) }, `event ${item.event}`)
      : null;
    return h(
      "div",
      { class: "command" },
      h("p", {}, h("code", {}, prompt, item.text), " ", there),
      item.output
        ? h("pre", { tabindex: 0, role: "region", "aria-label": `Output of ${item.text}` }, lines.map((line) => [matters(line) ? h("mark", {}, line) : line, "\n"]))
        : null,
    );
  }
}

/** Paragraphs; `code` is set off, and indented lines stay as they are. */
function tourText(text) {
  return text.split(/\n\s*\n/).map((paragraph) => {
    if (/^ {2}/m.test(paragraph)) return h("pre", {}, paragraph);
    const pieces = paragraph.replace(/\s*\n/g, " ").split("`");
    return h("p", {}, pieces.map((piece, i) => (i % 2 === 1 ? h("code", {}, piece) : piece)));
  });
}
