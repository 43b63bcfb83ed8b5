// SPDX-License-Identifier: GPL-2.0-only
//
// Structures as boxes: a head with the structure's name, below it the fields that matter, and beside
// each pointer the tag of the box that it points to. Pictures put boxes in columns (figure.js) and
// draw arrows between them (arrows.js).
//
// A box is {tag, struct, name, path, rows, note}; path may be null where the box stands for no
// structure of the state. A row is {label, path, value, text, to, words}; `to` is the key of the
// box that a pointer leads to.

import { h } from "../dom.js";
import { valueNode } from "../values.js";

export const Boxes = {
  /** "KIND/NAME": how the boxes of a picture are found. */
  key: (kind, name) => `${kind}/${name}`,

  /** A box. `tags` gives the tag of each key; pointers to what has no box have none. */
  node(view, box, tags) {
    const age = box.path ? view.age(box.path) : null;
    return h(
      "section",
      { class: "box", "data-box": box.key, "data-age": age, "aria-label": `${tags.get(box.key)}: ${box.struct} ${box.name}` },
      h(
        "h3",
        {},
        h("span", { class: "struct" }, box.struct, " "),
        h("b", {}, box.name),
        h("span", { class: "tag" }, tags.get(box.key)),
        age === 0 ? h("span", { class: "visually-hidden" }, " (changed by this event)") : null,
      ),
      box.note ? h("p", { class: "note" }, box.note) : null,
      h("dl", {}, box.rows.map((row) => this.row(view, row, tags))),
    );
  },

  row(view, row, tags) {
    const tag = row.to ? tags.get(row.to) : null;
    const value = row.path ? valueNode(view, row.path, row.value, row.text) : row.text;
    return h(
      "div",
      { class: "row", "data-to": tag ? row.to : null },
      h("dt", {}, row.label),
      h(
        "dd",
        {},
        h("span", { class: "what", title: row.words ?? null }, value),
        tag ? this.pointer(row.to, tag, row.label) : null,
      ),
    );
  },

  /** The end of a pointer: leads to the box that has the same tag. */
  pointer(to, tag, label) {
    return h(
      "button",
      {
        type: "button",
        class: "follow pointer",
        tabindex: -1,
        "aria-label": `${label} points to ${tag}: show that box`,
        onclick: (event) => Boxes.show(event.currentTarget.closest(".boxes"), to),
      },
      tag,
    );
  },

  find(picture, key) {
    return picture.querySelector(`[data-box="${CSS.escape(key)}"]`);
  },
  show(picture, key) {
    const box = this.find(picture, key);
    box?.scrollIntoView({ block: "nearest", inline: "nearest" });
    box?.querySelector("button.value, button.follow")?.focus({ preventScroll: true });
    this.point(picture, key);
  },

  /** Marks the box that a pointer leads to, and all pointers that lead to it; null for none. */
  point(picture, key) {
    for (const old of picture.querySelectorAll(".pointed")) old.classList.remove("pointed");
    if (!key) return;
    this.find(picture, key)?.classList.add("pointed");
    for (const end of picture.querySelectorAll(`[data-to="${CSS.escape(key)}"]`)) end.classList.add("pointed");
  },

  /** Lets a picture mark what the reader's pointer or focus is at. */
  wire(picture) {
    const at = (event) => {
      const row = event.target.closest?.("[data-to]");
      const head = event.type === "pointerover" ? event.target.closest?.("h3")?.parentElement : null;
      this.point(picture, row?.dataset.to ?? head?.dataset.box ?? null);
    };
    picture.addEventListener("pointerover", at);
    picture.addEventListener("focusin", at);
    picture.addEventListener("pointerleave", () => this.point(picture, null));
  },
};
