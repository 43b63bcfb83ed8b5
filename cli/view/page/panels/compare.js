// SPDX-License-Identifier: GPL-2.0-only
//
// Two runs beside each other. One leads: its calls, timeline and event are shown, and the reader
// moves in it. The other follows to the same step. Each view stands twice, and values that differ
// are marked.

import { h, replace } from "../dom.js";
import { findStructure, sameValue } from "../model/state.js";

export class Comparison {
  /** @param {Run} other the run that follows; alignment: as the leading run sees it. */
  constructor(page, other, alignment) {
    this.page = page;
    this.other = other;
    this.alignment = alignment;
    this.bar = document.getElementById("compare");
    this.bar.hidden = false;
    document.body.toggleAttribute("data-compare", true);
  }

  place() {
    return this.alignment.there(this.page.p);
  }
  /** The leading run's event for one of the other run. */
  eventHere(q) {
    return this.alignment.turned().there(q).event;
  }
  toDifference(direction) {
    const found = this.alignment.nextDifference(this.page.p, direction, this.page.run.count);
    if (found) this.page.jump(found);
  }

  async drawBar() {
    const { event, same } = this.place();
    const line = event > 0 ? (await this.other.event(event)).line : "nothing has happened yet";
    const button = (text, action) => h("button", { type: "button", onclick: action }, text);
    replace(
      this.bar,
      h("p", { class: "sides" }, h("b", {}, "A "), this.page.run.head.title, h("span", { "aria-hidden": "true" }, " ⇄ "), h("b", {}, "B "), this.other.head.title),
      h("p", { class: "place" }, same ? `event ${event} of B is the same step: ` : `B has no such step; the last that both have is its event ${event}: `, h("code", {}, line)),
      h(
        "p",
        { class: "ways" },
        button("Difference before", () => this.toDifference(-1)),
        button("Next difference", () => this.toDifference(1)),
        button("B leads", () => this.page.swap()),
      ),
    );
  }

  /** The view of both runs, each in a column of its own. */
  columns(content, contentThere, states) {
    const side = (letter, run, what) =>
      h("section", { class: "side", "aria-label": `${letter}: ${run.head.title}` }, h("h3", { class: "side-name" }, `${letter}  ${run.head.title}`), what);
    const two = h("div", { class: "two" }, side("A", this.page.run, content), side("B", this.other, contentThere));
    this.mark(two);
    this.markStructures(two, states);
    return two;
  }

  /** The same of structures that are folded. */
  markStructures(two, [here, there]) {
    for (const details of two.querySelectorAll("[data-structure]")) {
      const [kind, ...name] = details.dataset.structure.split("/");
      const [own, other] = [here, there].map((state) => findStructure(state, kind, name.join("/")));
      details.querySelector("summary").toggleAttribute("data-differs", !(own && other && sameValue(own, other)));
    }
  }

  /** Marks values that read otherwise on the other side, or are not there; some have marks from an earlier step. */
  mark(two) {
    const [here, there] = [...two.children].map((side) => new Map([...side.querySelectorAll("[data-path]")].map((value) => [value.dataset.path, value])));
    for (const [own, others] of [
      [here, there],
      [there, here],
    ]) {
      for (const [path, value] of own) {
        const twin = others.get(path);
        const differs = twin?.textContent !== value.textContent;
        value.toggleAttribute("data-differs", differs);
        if (differs) value.setAttribute("aria-description", twin ? "differs in the other run" : "not in the other run");
        else value.removeAttribute("aria-description");
      }
    }
  }
}
