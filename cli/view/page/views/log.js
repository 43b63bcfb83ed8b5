// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel's log as far as it has come.

import { h } from "../dom.js";

export const log = {
  id: "log",
  title: "Log",
  about: "What the kernel has printed up to this event. A line leads to the event that printed it.",

  async render(view) {
    const { run, p } = view;
    const number = run.head.kinds.indexOf("log");
    const lines = [];
    for (let q = 1; q <= p; ++q) if (run.kinds[q - 1] === number) lines.push(q);
    const events = await Promise.all(lines.map((q) => run.event(q)));
    if (lines.length === 0) return h("p", { class: "words" }, "Nothing yet.");
    return h(
      "ol",
      { class: "log" },
      lines.map((q, i) => {
        const age = p - q;
        return h(
          "li",
          { "data-age": age < 3 ? age : null, "data-level": events[i].level },
          h("span", { class: "number" }, `[${(events[i].time_ns / 1e9).toFixed(6)}]`),
          h("button", { type: "button", class: "jump", onclick: () => view.go(q) }, events[i].text),
          h("span", { class: "words" }, events[i].level),
        );
      }),
    );
  },
};
