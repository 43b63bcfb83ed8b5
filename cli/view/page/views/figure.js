// SPDX-License-Identifier: GPL-2.0-only
//
// The structures of driver, tables and devices with the pointers between them, as far as they exist
// at the event. Columns stand side by side where there is room, and below each other where not.

import { h } from "../dom.js";
import { Arrows } from "./arrows.js";
import { Boxes } from "./boxes.js";
import { FigureParts } from "./figure_parts.js";

export const figure = {
  id: "figure",
  title: "Figure",
  about:
    "The structures and what points to what, as far as they exist at this event. Each box has a tag such as U1; a pointer is an arrow, or the tag of its box where an arrow would cross others.",

  render(view) {
    const columns = FigureParts.columns(view.state).filter(({ boxes }) => boxes.length > 0);
    if (columns.length === 0) return h("p", { class: "words" }, "Nothing of it exists yet: the boxes come with the events that make them.");
    return view.same("figure", this.drawnFrom(view, columns), () => this.picture(view, columns));
  },

  /** All that the picture is drawn from, as text. */
  drawnFrom(view, columns) {
    const lit = (path) => path && [view.age(path), view.isSelected(path)];
    return JSON.stringify(columns.map(({ letter, title, boxes }) => [letter, title, boxes.map((box) => [box, lit(box.path), box.rows.map((row) => lit(row.path))])]));
  },

  picture(view, columns) {
    const tags = new Map();
    for (const { letter, boxes } of columns) boxes.forEach((box, i) => tags.set(box.key, `${letter}${i + 1}`));
    const section = ({ letter, title, boxes }) =>
      h("section", { class: "column", "data-column": letter, "aria-label": title }, h("h2", {}, title), boxes.map((box) => Boxes.node(view, box, tags)));
    const isLast = ({ letter }) => letter === "P" || letter === "G";
    const picture = h(
      "div",
      { class: "boxes figure-columns" },
      columns.filter((column) => !isLast(column)).map(section),
      h("div", { class: "last" }, columns.filter(isLast).map(section)),
    );
    Boxes.wire(picture);
    return h("div", { class: "figure" }, Arrows.over(picture));
  },
};
