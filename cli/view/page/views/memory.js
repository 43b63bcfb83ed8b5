// SPDX-License-Identifier: GPL-2.0-only
//
// Physical memory: the firmware's map, and whose the allocated pages are.

import { h } from "../dom.js";
import { foldable, valueNode } from "../values.js";

/** What a page is for, by the first words of its owner: the class that colours it and a letter. */
const PAGE_OWNERS = [
  ["root table", "root", "R"],
  ["context table", "context", "C"],
  ["second-level tables", "second-level", "S"],
  ["invalidation queue", "queue", "Q"],
  ["tables that wait", "waiting", "W"],
  ["mapped for devices", "mapped", "M"],
  ["small objects", "small", "k"],
];

function ownerOf(words) {
  const [, cls, letter] = PAGE_OWNERS.find(([start]) => words.startsWith(start)) ?? ["", "unknown", "?"];
  return { cls, letter };
}

function sizeWords(bytes) {
  for (const [unit, of] of [["GiB", 30n], ["MiB", 20n], ["KiB", 10n]]) {
    if (bytes >= 1n << of) return `${bytes >> of} ${unit}`;
  }
  return `${bytes} bytes`;
}

/** From how many blocks on those of an owner are folded, and how few are not. */
const MANY_BLOCKS = 64;
const FEW_BLOCKS = 12;
/** Places in a bar of the map that are told apart. */
const MAP_PLACES = 400n;

export const memory = {
  id: "memory",
  title: "Memory",
  about: "Physical memory: the firmware's map, and the pages that the kernel has taken, each with its owner.",

  render(view) {
    const pages = view.state.pages?.[0];
    return [view.machine ? this.map(view) : null, pages ? this.pages(view, pages) : h("p", { class: "words" }, "No page has been taken.")];
  },

  map(view) {
    const blocks = (view.state.pages?.[0]?.fields.blocks ?? []).map((b) => BigInt(b.name.slice(1, -1)));
    return h(
      "section",
      {},
      h("h3", {}, "The firmware's map"),
      h(
        "ol",
        { class: "memory-map" },
        view.machine.memory.map(({ start, end, kind }) => {
          const first = BigInt(start);
          const last = BigInt(end);
          const inside = blocks.filter((b) => b >= first && b <= last);
          const places = new Set(inside.map((b) => Number(((b - first) * MAP_PLACES) / (last - first + 1n))));
          const marks = [...places].map((place) => h("i", { style: `inset-inline-start: ${(place * 100) / Number(MAP_PLACES)}%` }));
          return h(
            "li",
            { class: kind === "usable" ? "usable" : "reserved" },
            h("code", {}, `${start}–${end}`),
            h("span", { class: "bar", "aria-hidden": "true" }, marks),
            h("span", { class: "words" }, `${kind}, ${sizeWords(last - first + 1n)}${inside.length > 0 ? `; ${inside.length} blocks taken` : ""}`),
          );
        }),
      ),
    );
  },

  pages(view, pages) {
    const path = ["pages", pages.name ?? ""];
    const { fields } = pages;
    return h(
      "section",
      {},
      h("h3", {}, "Pages that are taken"),
      h(
        "dl",
        { class: "facts" },
        ["live_pages", "peak_pages", "live_objects"].map((f) => [h("dt", {}, f), h("dd", {}, valueNode(view, [...path, f], fields[f]))]),
      ),
      fields.blocks.length > MANY_BLOCKS ? this.byOwner(view, path, fields.blocks) : this.list(view, path, fields.blocks),
    );
  },

  list(view, path, blocks) {
    return h(
      "ul",
      { class: "blocks" },
      blocks.map((block) => {
        const inner = [...path, "blocks", block.name];
        const { cls, letter } = ownerOf(block.fields.owner);
        return h(
          "li",
          { class: `block ${cls}`, "data-age": view.age(inner) },
          h("span", { class: "letter", "aria-hidden": "true" }, letter),
          h("code", {}, block.name.slice(1, -1)),
          valueNode(view, [...inner, "owner"], block.fields.owner),
          block.fields.pages > 1 ? h("span", { class: "words" }, `${block.fields.pages} pages`) : null,
        );
      }),
    );
  },

  /** Of many blocks those of an owner are folded, with their number. */
  byOwner(view, path, blocks) {
    const owners = new Map();
    for (const block of blocks) {
      const { owner } = block.fields;
      if (!owners.has(owner)) owners.set(owner, []);
      owners.get(owner).push(block);
    }
    return [...owners].map(([owner, own]) => {
      const { cls, letter } = ownerOf(owner);
      const lit = own.some((block) => view.age([...path, "blocks", block.name]) !== null);
      return foldable(
        view,
        [...path, "owners", owner],
        { class: `owner ${cls}`, "data-age": lit ? 0 : null },
        own.length <= FEW_BLOCKS,
        h("summary", {}, h("b", { "aria-hidden": "true" }, `${letter} `), `${owner}: ${own.length} blocks`),
        () => this.list(view, path, own),
      );
    });
  },
};
