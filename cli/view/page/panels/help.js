// SPDX-License-Identifier: GPL-2.0-only
//
// The keys.

import { h } from "../dom.js";

const KEYS = [
  [". ,", "next event, event before"],
  ["> <", "past a call, back before a call"],
  ["]", "to the end of the function"],
  ["Space", "play, stop"],
  ["F", "the timeline shows the function around the event; again: the whole run"],
  ["W S", "zoom the timeline in, out"],
  ["A D", "move the timeline left, right"],
  ["V", "all views at once"],
  ["/", "search"],
  ["Tab", "from panel to panel; arrow keys move within one"],
  ["Enter", "on a value: where it came from"],
  ["Esc", "close"],
  ["?", "these keys"],
];

export class Help {
  constructor() {
    this.dialog = h(
      "dialog",
      { class: "help", "aria-label": "Keys" },
      h("h2", {}, "Keys"),
      h("dl", {}, KEYS.map(([keys, words]) => [h("dt", {}, keys.split(" ").map((k) => h("kbd", {}, k))), h("dd", {}, words)])),
      h("p", {}, "Every value is a button: it leads to the event that set it, and to the next that changes it. What an event changed is marked, and fades over the next two."),
      h("form", { method: "dialog" }, h("button", {}, "Close")),
    );
    document.body.append(this.dialog);
  }
  open() {
    this.dialog.showModal();
  }
}
