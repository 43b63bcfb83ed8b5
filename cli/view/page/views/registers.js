// SPDX-License-Identifier: GPL-2.0-only
//
// The registers of each unit, by field.

import { h, replace } from "../dom.js";
import { isStructure, isWords } from "../model/state.js";
import { valueNode, valueTree } from "../values.js";

export const registers = {
  id: "registers",
  title: "Registers",
  about: "What each unit's registers hold, field by field. Nothing here is an access: the page reads what the unit has.",

  render(view) {
    return (view.state.registers ?? []).map((unit) => view.kept(["registers", unit.name], unit, () => this.unit(view, unit)));
  },

  unit(view, unit) {
    // A table is laid out as a whole: it stays, and what changed in it is put in place.
    const section = view.part(["registers", unit.name], () =>
      h(
        "section",
        { class: "unit" },
        h("h3", {}, unit.name),
        h(
          "table",
          { class: "plain registers" },
          h("thead", {}, h("tr", {}, ["Register", "Value", "Fields"].map((t) => h("th", { scope: "col" }, t)))),
          h("tbody", {}),
        ),
      ),
    );
    replace(
      section.querySelector("tbody"),
      Object.entries(unit.fields)
        .filter(([name]) => !isWords(name, unit.fields))
        .map(([name, register]) => view.kept(["registers", unit.name, name], register, () => this.row(view, unit, name, register))),
    );
    return section;
  },

  row(view, unit, name, register) {
    const path = ["registers", unit.name, name];
    if (!isStructure(register)) return this.plainRow(view, unit, name, path, register);
    const { fields } = register;
    const parts = Object.keys(fields).filter((f) => f !== "value" && !isWords(f, fields));
    return h(
      "tr",
      { "data-age": view.age([...path, "value"]), "data-register": name },
      h("th", { scope: "row" }, h("abbr", { title: unit.fields[`${name}_words`] ?? name }, name)),
      h("td", { class: "number" }, valueNode(view, [...path, "value"], fields.value)),
      h(
        "td",
        { class: "bits" },
        parts.map((f) => this.field(view, [...path, f], f, fields[f], fields[`${f}_words`])),
        parts.length === 0 && fields.value_words ? h("span", { class: "words" }, fields.value_words) : null,
      ),
    );
  },

  /** A register without fields, or several of a kind. */
  plainRow(view, unit, name, path, value) {
    return h(
      "tr",
      { "data-age": view.age(path), "data-register": name },
      h("th", { scope: "row" }, h("abbr", { title: unit.fields[`${name}_words`] ?? name }, name)),
      h("td", { class: "number", colspan: Array.isArray(value) ? 2 : null }, valueTree(view, path, value)),
      Array.isArray(value) ? null : h("td", { class: "bits" }),
    );
  },

  field(view, path, name, value, words) {
    const isSet = value !== 0 && value !== "0x0";
    return h(
      "span",
      { class: `bit${isSet ? " set" : ""}`, "data-age": view.age(path), title: words ?? name },
      h("span", { class: "name" }, name),
      valueNode(view, path, value),
    );
  },
};
