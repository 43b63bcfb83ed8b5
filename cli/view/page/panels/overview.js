// SPDX-License-Identifier: GPL-2.0-only
//
// All views at once, each small and as it is at this event, with how much of it the event changed;
// a picture leads to its view.

import { h, replace } from "../dom.js";
import { VIEWS } from "../views/all.js";

export class Overview {
  constructor(page) {
    this.page = page;
    this.where = h("p", { class: "where" });
    this.grid = h("div", { class: "grid", onkeydown: (e) => this.key(e) });
    this.dialog = h(
      "dialog",
      { class: "overview", "aria-label": "All views" },
      h("div", { class: "top" }, h("h2", {}, "All views"), this.where, h("form", { method: "dialog" }, h("button", {}, "Close"))),
      this.grid,
    );
    document.body.append(this.dialog);
  }

  async open() {
    const { page } = this;
    page.stop();
    await page.shown;
    if (this.dialog.open) return;
    this.where.textContent = `at event ${page.p} of ${page.run.count}`;
    const cards = VIEWS.map((view) => this.card(view));
    replace(this.grid, cards.map(({ frame }) => frame));
    this.dialog.showModal();
    cards.find(({ view }) => view.id === page.viewName)?.button.focus();
    for (const card of cards) await this.fill(card);
  }

  card(view) {
    const paper = h("div", { class: "paper", inert: true, "aria-hidden": "true" });
    const count = h("span", { class: "count" });
    const isShown = view.id === this.page.viewName;
    const show = () => {
      this.dialog.close();
      this.page.showView(view.id);
    };
    const button = h("button", { type: "button", "data-view": view.id, "aria-current": isShown ? "true" : null, onclick: show }, view.title, " ", count);
    const frame = h("div", { class: "card" }, h("div", { class: "frame" }, paper), button);
    return { view, frame, button, paper, count };
  }

  async fill({ view, paper, count }) {
    const content = await view.render(this.page.viewFor(view.id));
    replace(paper, content);
    // No name is there twice, and nothing here is the element that the view itself has.
    for (const element of paper.querySelectorAll("[data-path], [data-structure]")) {
      element.removeAttribute("data-path");
      element.removeAttribute("data-structure");
    }
    const isLit = (element) => !element.querySelector('[data-age="0"]');
    const lit = [...paper.querySelectorAll('[data-age="0"]')].filter(isLit).length;
    count.textContent = lit > 0 ? `${lit} changed` : "";
  }

  key(e) {
    const all = [...this.grid.querySelectorAll("button[data-view]")];
    const at = all.indexOf(document.activeElement);
    const cards = [...this.grid.children];
    const columns = Math.max(1, cards.filter((card) => card.offsetTop === cards[0].offsetTop).length);
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[e.key];
    if (by === undefined || !all[at + by]) return;
    e.preventDefault();
    all[at + by].focus();
  }
}
