// SPDX-License-Identifier: GPL-2.0-only
//
// Values of structures as the page shows them: each leads to the event that set it.

import { h } from "./dom.js";
import { elementName, isLink, isStructure, isWords } from "./model/state.js";

/** A path as text, for links and attributes. */
export function pathText(path) {
  return path.map(encodeURIComponent).join("/");
}
export function pathOf(text) {
  return text.split("/").map(decodeURIComponent);
}

/** "0x1", "true", "(struct dmar_domain *) dmar0:1", "NULL", "3 entries". */
export function valueWords(value) {
  if (value === null) return "NULL";
  if (value === undefined) return "(not there)";
  if (Array.isArray(value)) return value.length === 1 ? "1 entry" : `${value.length} entries`;
  if (isStructure(value)) return `struct ${value.struct ?? ""} ${value.name ?? ""}`.trim();
  if (isLink(value)) return value.name;
  if (value === "") return '""';
  return String(value);
}

/**
 * A value that can be asked where it came from. `view` is what is shown (see app.js); `text` stands
 * in its place when it is given.
 */
export function valueNode(view, path, value, text = valueWords(value)) {
  const age = view.age(path);
  return h(
    "button",
    {
      type: "button",
      class: `value${isLink(value) ? " link" : ""}`,
      tabindex: -1,
      "data-path": pathText(path),
      "data-age": age,
      "aria-pressed": String(view.isSelected(path)),
      title: "Where this came from",
      onclick: () => view.select(path),
    },
    text,
    age === 0 ? h("span", { class: "visually-hidden" }, " (changed by this event)") : null,
  );
}

/** A value with its words, structures and lists unfolded below. */
export function valueTree(view, path, value, words, depth = 0) {
  if (isStructure(value)) return structureTree(view, path, value, depth);
  if (Array.isArray(value) && value.length > 0) return h("div", { class: "list" }, listItems(view, path, value, depth));
  const target = isLink(value)
    ? h(
        "button",
        {
          type: "button",
          class: "follow",
          tabindex: -1,
          "aria-label": `to struct ${value.struct} ${value.name}`,
          onclick: () => view.follow(value),
        },
        "→",
      )
    : null;
  return [valueNode(view, path, value), target, words ? h("span", { class: "words" }, words) : null];
}

/** Elements of a list, from which on they are folded by so many. */
const LONG_LIST = 100;

/** The elements of a list; of a long one in parts, of which those with a change are open. */
function listItems(view, path, list, depth) {
  const items = (first, end) =>
    list.slice(first, end).map((item, i) => {
      const inner = [...path, elementName(list, first + i)];
      return h("div", { class: "item" }, valueTree(view, inner, item, null, depth + 1));
    });
  if (list.length <= LONG_LIST) return items(0, list.length);
  const parts = [];
  for (let first = 0; first < list.length; first += LONG_LIST) {
    const end = Math.min(first + LONG_LIST, list.length);
    const isLit = list.slice(first, end).some((_, i) => view.age([...path, elementName(list, first + i)]) !== null);
    const [low, high] = [first, end - 1].map((i) => elementName(list, i));
    const words = low === String(first) ? `${low} to ${high}` : `${first} to ${end - 1}: ${low} to ${high}`;
    const body = () => h("div", { class: "part" }, items(first, end));
    parts.push(foldable(view, [...path, `[${first}]`], { class: "inner" }, isLit, h("summary", {}, words), body));
  }
  return parts;
}

/**
 * What can be folded, as the reader left it or else as `isOpen` says. What `body` makes is made once
 * it is seen.
 */
export function foldable(view, path, attributes, isOpen, summary, body) {
  const open = view.folding(path) ?? isOpen;
  let known = open;
  const element = h("details", { ...attributes, open }, summary, open ? body() : null);
  element.addEventListener("toggle", () => {
    if (element.open === known) return;
    known = element.open;
    if (element.open && element.children.length === 1) element.append(body());
    view.unfold(path, element.open);
  });
  return element;
}

/** A structure as a list of fields. */
export function structureTree(view, path, structure, depth = 0) {
  const { fields } = structure;
  const rows = Object.keys(fields)
    .filter((field) => !isWords(field, fields))
    .map((field) => {
      const inner = [...path, field];
      const value = fields[field];
      const nested = isStructure(value) || (Array.isArray(value) && value.length > 0);
      return h(
        "div",
        { class: nested ? "field nested" : "field", "data-age": nested ? null : view.age(inner) },
        h("dt", {}, field),
        h("dd", {}, valueTree(view, inner, value, fields[`${field}_words`], depth + 1)),
      );
    });
  const head = structure.name ?? structure.struct;
  const body = h("dl", { class: "fields" }, rows);
  if (depth === 0) return body;
  const age = view.age(path);
  const summary = h("summary", {}, head, age === 0 ? h("span", { class: "visually-hidden" }, " (changed by this event)") : null);
  return foldable(view, path, { class: "inner", "data-age": age }, depth < 2 || age !== null, summary, () => body);
}
