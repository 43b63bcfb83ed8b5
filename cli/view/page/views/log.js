// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel's log as far as it has come.

import { h, replace } from "../dom.js";

/** Lines that are shown at once: the last ones, unless all are asked for. */
const LOG_LINES = 200;
/** By run: {where its lines are, the events that were read}. */
const LOGS = new WeakMap();

function logOf(run) {
  let known = LOGS.get(run);
  if (!known) {
    const number = run.head.kinds.indexOf("log");
    known = { places: [], events: new Map() };
    run.kinds.forEach((kind, i) => kind === number && known.places.push(i + 1));
    LOGS.set(run, known);
  }
  return known;
}

export const log = {
  id: "log",
  title: "Log",
  about: "What the kernel has printed up to this event. A line leads to the event that printed it.",

  async render(view) {
    const { run, p } = view;
    const { places, events } = logOf(run);
    const behind = places.findIndex((q) => q > p);
    const all = behind < 0 ? places : places.slice(0, behind);
    if (all.length === 0) return h("p", { class: "words" }, "Nothing yet.");
    const lines = view.option("all") ? all : all.slice(-LOG_LINES);
    await Promise.all(lines.filter((q) => !events.has(q)).map(async (q) => events.set(q, await run.event(q))));
    const left = all.length - lines.length;
    const more = left > 0 ? h("p", {}, h("button", { type: "button", onclick: () => view.setOption("all", "yes") }, `Show the ${left} lines before these`)) : null;
    const list = view.part(["log"], () => h("ol", { class: "log" }));
    replace(list, lines.map((q) => view.alike(q, this.line(view, q, events.get(q)))));
    return [more, list];
  },

  line(view, q, event) {
    const age = view.p - q;
    return h(
      "li",
      { "data-age": age < 3 ? age : null, "data-level": event.level },
      h("span", { class: "number" }, `[${(event.time_ns / 1e9).toFixed(6)}]`),
      h("button", { type: "button", class: "jump", onclick: () => view.go(q) }, event.text),
      h("span", { class: "words" }, event.level),
    );
  },
};
