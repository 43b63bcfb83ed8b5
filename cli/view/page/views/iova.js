// SPDX-License-Identifier: GPL-2.0-only
//
// The I/O address space of a domain: what of it is taken, and the tree that the kernel keeps it in.

import { h } from "../dom.js";
import { valueNode } from "../values.js";
import { IovaRanges } from "./iova_ranges.js";
import { IovaSpace } from "./iova_space.js";
import { IovaTree } from "./iova_tree.js";

export const iova = {
  id: "iova",
  title: "IOVA",
  about:
    "The addresses that a domain has given to its devices, in page frames. Every range that is taken is a node of a red-black tree; the allocator looks for a gap from the highest address down.",

  render(view) {
    const spaces = view.state.iova_domain ?? [];
    if (spaces.length === 0) return h("p", { class: "words" }, "There is no I/O address space yet.");
    const space = this.chosen(view, spaces);
    const ranges = IovaRanges.of(space);
    const old = (view.before.iova_domain ?? []).find(({ name }) => name === space.name);
    const before = new Set(old ? IovaRanges.of(old).map(({ name }) => name) : []);
    const focus = IovaRanges.focus(view, ranges, before, (space.fields.cached32_node ?? space.fields.rbroot)?.name);
    const gone = IovaRanges.gone(ranges, before);
    return [
      this.choices(view, spaces, space, focus),
      this.facts(view, space, ranges),
      gone.length > 0 ? h("p", { class: "iova-gone" }, "✗ Freed by this event: ", gone.slice(0, 8).map((name) => h("code", {}, `${name} `)), gone.length > 8 ? `and ${gone.length - 8} more` : "") : null,
      h("section", { class: "iova-part" }, h("h2", {}, "Address space"), IovaSpace.render(view, space, ranges, before, focus)),
      h(
        "section",
        { class: "iova-part" },
        h("h2", {}, "Tree"),
        IovaRanges.hasTree(space)
          ? IovaTree.render(view, space, ranges, before, focus)
          : h("p", { class: "words" }, "A recorded run of the allocator holds the ranges, not how the tree links and colours them: no tree is drawn."),
      ),
    ];
  },

  /** The space that the reader chose, else the one that changed last, else the last. */
  chosen(view, spaces) {
    const chosen = spaces.find(({ name }) => name === view.option("domain"));
    if (chosen) return chosen;
    for (const age of [0, 1, 2]) {
      const lit = spaces.find(({ name }) => view.age(["iova_domain", name]) === age);
      if (lit) return lit;
    }
    return spaces.at(-1);
  },

  choices(view, spaces, space, focus) {
    const name = (s) => (view.machine ? s.name : `domain ${s.name}`);
    const isChosen = spaces.some((s) => s.name === view.option("domain"));
    return h(
      "div",
      { class: "choices" },
      spaces.length > 1
        ? h(
            "label",
            {},
            "Address space ",
            h(
              "select",
              { onchange: (event) => view.setOption("domain", event.target.value) },
              h("option", { value: "", selected: !isChosen }, isChosen ? "the one that changes" : `the one that changes: ${name(space)}`),
              spaces.map((s) => h("option", { value: s.name, selected: isChosen && s === space }, name(s))),
            ),
          )
        : h("span", {}, "Address space ", h("code", {}, name(space))),
      focus && view.option("range") === focus.name
        ? h("button", { type: "button", onclick: () => view.setOption("range", "") }, "Follow what changes")
        : null,
    );
  },

  facts(view, space, ranges) {
    const path = ["iova_domain", space.name];
    const plain = Object.keys(space.fields).filter((field) => !field.endsWith("_words") && !Array.isArray(space.fields[field]));
    const fact = (field) => {
      const value = space.fields[field];
      const words = value === null && /^cached/.test(field) ? "the search begins at the top" : space.fields[`${field}_words`];
      return h("div", {}, h("dt", {}, field), h("dd", {}, valueNode(view, [...path, field], value), words ? h("span", { class: "words" }, words) : null));
    };
    return h(
      "dl",
      { class: "iova-facts" },
      plain.map(fact),
      h("div", {}, h("dt", {}, "ranges"), h("dd", {}, h("code", {}, String(ranges.length)))),
    );
  },
};
