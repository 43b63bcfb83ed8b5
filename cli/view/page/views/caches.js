// SPDX-License-Identifier: GPL-2.0-only
//
// What a unit has cached, and which of it the tables contradict.

import { h } from "../dom.js";
import { isWords } from "../model/state.js";
import { valueNode } from "../values.js";

const CACHE_LISTS = [
  ["context_cache", "Context cache"],
  ["iotlb", "IOTLB"],
  ["paging_structures", "Paging-structure caches"],
  ["device_tlbs", "Device-TLBs"],
  ["interrupt_entries", "Interrupt entries"],
];

export const caches = {
  id: "caches",
  title: "Caches",
  about:
    "What the unit and the devices answer from without asking the tables. An entry is stale when the tables say otherwise by now: it works on until software invalidates it.",

  render(view) {
    return (view.state.caches ?? []).map((unit) => {
      const path = ["caches", unit.name];
      const lists = CACHE_LISTS.filter(([field]) => unit.fields[field]?.length > 0);
      return h(
        "section",
        { class: "unit" },
        h("h3", {}, unit.name, " ", h("span", { class: "count" }, "stale: "), valueNode(view, [...path, "stale"], unit.fields.stale)),
        lists.length === 0 ? h("p", { class: "words" }, "Nothing is cached.") : null,
        lists.map(([field, title]) => [h("h4", {}, title), this.entries(view, [...path, field], unit.fields[field])]),
      );
    });
  },

  entries(view, path, list) {
    const names = Object.keys(list[0].fields).filter((f) => f !== "stale" && !isWords(f, list[0].fields));
    return h(
      "div",
      { class: "wide", role: "region", tabindex: 0, "aria-label": path[2] },
      h(
        "table",
        { class: "plain" },
        h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)), h("th", { scope: "col" }, "stale?"))),
        h("tbody", {}, list.map((entry) => this.row(view, [...path, entry.name], entry, names))),
      ),
    );
  },

  row(view, path, entry, names) {
    const isStale = Boolean(entry.fields.stale);
    return h(
      "tr",
      { class: isStale ? "stale" : null, "data-age": view.age(path) },
      names.map((name) => h("td", {}, valueNode(view, [...path, name], entry.fields[name] ?? ""))),
      h("td", {}, valueNode(view, [...path, "stale"], entry.fields.stale, isStale ? `⚠ ${entry.fields.stale_words ?? "stale"}` : "no")),
    );
  },
};
