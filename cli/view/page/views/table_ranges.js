// SPDX-License-Identifier: GPL-2.0-only
//
// What a second-level table translates, range by range; each range leads to its way through the
// tables.

import { h, replace } from "../dom.js";
import { valueNode } from "../values.js";

/** Ranges that are listed at once. */
const MOST_TABLE_RANGES = 40;

export const tableRanges = {
  /** The range of a table that an address is in, or null. */
  holding(table, address) {
    return table?.fields.ranges.find((range) => this.holds(range, address)) ?? null;
  },
  holds(range, address) {
    const [first, last] = range.name.split("-").map(BigInt);
    return first <= address && address <= last;
  },

  render(view, choice) {
    if (!choice.table) return null;
    const { table } = choice;
    const all = table.fields.ranges;
    const path = ["tables", table.name];
    const at = Math.max(0, all.findIndex((r) => BigInt(r.name.split("-")[1]) >= choice.address));
    const from = Math.max(0, Math.min(at - (MOST_TABLE_RANGES >> 1), all.length - MOST_TABLE_RANGES));
    const shown = all.slice(from, from + MOST_TABLE_RANGES);
    return h(
      "section",
      { class: "kind" },
      h("h2", { class: "small-head" }, `All that table ${table.name} translates`),
      h(
        "p",
        { class: "words" },
        "top table ",
        valueNode(view, [...path, "table"], table.fields.table),
        ", ",
        valueNode(view, [...path, "table_pages"], table.fields.table_pages),
        " pages of tables, ",
        valueNode(view, [...path, "ranges"], all),
        shown.length < all.length ? `; the ${shown.length} around the address are listed` : "",
      ),
      all.length === 0 ? h("p", { class: "words" }, "Nothing: each address of its devices faults.") : this.rangeTable(view, choice, [...path, "ranges"], shown),
    );
  },
  /** The table stays, and its rows are put in place: it is laid out as a whole. */
  rangeTable(view, choice, path, shown) {
    const box = view.part(path, () =>
      h(
        "div",
        { class: "wide", role: "region", tabindex: 0, "aria-label": "Ranges of the table" },
        h(
          "table",
          { class: "plain" },
          h("thead", {}, h("tr", {}, ["I/O addresses", "physical", "pages", "R", "W", "SNP"].map((name) => h("th", { scope: "col" }, name)))),
          h("tbody", {}),
        ),
      ),
    );
    // What a row leads to is the device's that is followed.
    const of = `${choice.unit} ${choice.device}`;
    replace(box.querySelector("tbody"), shown.map((range) => view.alike(`${of} ${range.name}`, this.row(view, choice, [...path, range.name], range))));
    return box;
  },
  row(view, choice, path, range) {
    const { fields } = range;
    const isHere = this.holds(range, choice.address);
    return h(
      "tr",
      { class: isHere ? "here" : null, "data-age": view.age(path) },
      h(
        "td",
        {},
        h(
          "button",
          { type: "button", class: "follow", tabindex: -1, "data-path": `tables:${range.name}`, "aria-current": isHere ? "true" : null, onclick: () => this.followRange(view, choice, range) },
          `${isHere ? "▸ " : ""}${range.name}`,
        ),
      ),
      h("td", {}, valueNode(view, [...path, "ADDR"], fields.ADDR)),
      h("td", {}, valueNode(view, [...path, "pages"], fields.pages), " × ", valueNode(view, [...path, "page_size"], fields.page_size)),
      ["R", "W", "SNP"].map((f) => h("td", {}, valueNode(view, [...path, f], fields[f]))),
    );
  },
  followRange(view, choice, range) {
    view.setOption("device", `${choice.unit} ${choice.device}`);
    view.setOption("address", range.name.split("-")[0]);
  },
};
