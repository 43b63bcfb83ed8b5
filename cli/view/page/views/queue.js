// SPDX-License-Identifier: GPL-2.0-only
//
// The invalidation queue as a ring: head and tail, and each descriptor's state.

import { h, svg } from "../dom.js";
import { valueNode } from "../values.js";

const RING_SIZE = 260;
const RING_OUTER = 118;
const RING_INNER = 86;

/** What states of a descriptor look like; the letter is for who does not see colours. */
const DESCRIPTOR_STATES = {
  done: { letter: "✓", words: "done" },
  waiting: { letter: "…", words: "handed over, waits" },
  written: { letter: "✎", words: "written, not handed over" },
  refused: { letter: "✗", words: "refused by the unit" },
};

export const queue = {
  id: "queue",
  title: "Queue",
  about: "The invalidation queue: software writes descriptors and moves the tail; the unit fetches them and moves the head.",

  render(view) {
    const rings = view.state.queue ?? [];
    if (rings.length === 0) return h("p", { class: "words" }, "There is no queue yet.");
    return rings.map((ring) => this.unit(view, ring));
  },

  unit(view, ring) {
    const path = ["queue", ring.name ?? ""];
    const { fields } = ring;
    return h(
      "section",
      { class: "unit" },
      h("h3", {}, ring.name),
      h(
        "div",
        { class: "ring-and-list" },
        fields.entries > 0 ? this.ring(fields) : null,
        h(
          "div",
          {},
          h(
            "dl",
            { class: "facts" },
            ["enabled", "base", "entries", "head", "tail"]
              .filter((f) => f in fields)
              .map((f) => [h("dt", {}, f), h("dd", {}, valueNode(view, [...path, f], fields[f]))]),
          ),
        ),
      ),
      this.descriptors(view, path, fields),
    );
  },

  ring({ entries, head, tail, descriptors }) {
    const used = new Map(descriptors.map((d) => [Number(d.name.slice(1, -1)), d.fields.state]));
    const shown = Math.min(entries, 64);
    const scale = entries / shown;
    const angle = (i) => (i / shown) * 2 * Math.PI - Math.PI / 2;
    const at = (i, r) => `${(Math.cos(angle(i)) * r).toFixed(2)} ${(Math.sin(angle(i)) * r).toFixed(2)}`;
    const stateOf = (i) => {
      for (let d = Math.floor(i * scale); d < (i + 1) * scale; ++d) if (used.get(d) && used.get(d) !== "done") return used.get(d);
      return used.get(Math.floor(i * scale)) ?? "empty";
    };
    const cells = Array.from({ length: shown }, (_, i) =>
      svg("path", {
        class: `cell state-${stateOf(i)}`,
        d: `M ${at(i, RING_INNER)} L ${at(i, RING_OUTER)} A ${RING_OUTER} ${RING_OUTER} 0 0 1 ${at(i + 1, RING_OUTER)} L ${at(i + 1, RING_INNER)} A ${RING_INNER} ${RING_INNER} 0 0 0 ${at(i, RING_INNER)} Z`,
      }),
    );
    const mark = (i, text, r, cls) =>
      svg("g", { class: cls }, svg("line", { x1: at(i, RING_INNER - 12).split(" ")[0], y1: at(i, RING_INNER - 12).split(" ")[1], x2: at(i, RING_OUTER + 3).split(" ")[0], y2: at(i, RING_OUTER + 3).split(" ")[1] }), svg("text", { x: at(i + 0.5, r).split(" ")[0], y: at(i + 0.5, r).split(" ")[1], "text-anchor": "middle" }, text));
    return svg(
      "svg",
      { class: "ring", viewBox: `${-RING_SIZE / 2} ${-RING_SIZE / 2} ${RING_SIZE} ${RING_SIZE}`, role: "img", "aria-label": `Ring of ${entries} descriptors: head ${head}, tail ${tail}` },
      cells,
      mark(head / scale, `head ${head}`, 60, "head"),
      mark(tail / scale, `tail ${tail}`, 36, "tail"),
    );
  },

  descriptors(view, path, fields) {
    if (fields.descriptors.length === 0) return h("p", { class: "words" }, "No descriptor has been written.");
    return h(
      "table",
      { class: "plain descriptors" },
      h("thead", {}, h("tr", {}, ["#", "State", "Descriptor"].map((t) => h("th", { scope: "col" }, t)))),
      h(
        "tbody",
        {},
        fields.descriptors.map((d) => {
          const inner = [...path, "descriptors", d.name];
          const state = DESCRIPTOR_STATES[d.fields.state] ?? { letter: "?", words: d.fields.state };
          return h(
            "tr",
            { "data-age": view.age(inner) },
            h("th", { scope: "row" }, d.name.slice(1, -1)),
            h("td", { class: `state state-${d.fields.state}` }, valueNode(view, [...inner, "state"], d.fields.state, `${state.letter} ${state.words}`)),
            h("td", {}, valueNode(view, [...inner, "low"], d.fields.low, d.fields.type_words ?? d.fields.type)),
          );
        }),
      ),
    );
  },
};
