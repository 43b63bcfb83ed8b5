// SPDX-License-Identifier: GPL-2.0-only
//
// The way through the tables as a picture: the parts that the address is cut into, and below them
// table after table, each with the entry that a part is the index of, and an arrow to the next.

import { h, replace, svg } from "../dom.js";
import { tableHex } from "../model/table_memory.js";
import { tableWalk } from "../model/table_walk.js";
import { valueNode } from "../values.js";

const STRIP_HEIGHT = 18;

export const tablePath = {
  /** "R", "C", "3", "+": the letter of a part and of the table that it is the index into. */
  badge(level) {
    const letter = { root: "R", context: "C", offset: "+" }[level] ?? String(level);
    return h("span", { class: `cut cut-${level}`, "aria-hidden": "true" }, letter);
  },
  levelTitle(level) {
    return { root: "Root table", context: "Context table" }[level] ?? `Level-${level} table`;
  },

  // --- the address ------------------------------------------------------------------------------

  anatomy(view, choice, walk) {
    return view.alike("anatomy", this.parts(choice, walk));
  },
  parts(choice, walk) {
    const { bus, devfn } = tableWalk.requester(choice.device);
    const { address } = choice;
    const leaf = walk.steps.at(-1);
    const lowest = leaf?.leaf ? leaf.level : 1;
    const levels = [];
    for (let level = walk.levels; level >= lowest; --level) levels.push(level);
    const offsetBits = tableWalk.bits(lowest).low;
    const offset = address & ((1n << BigInt(offsetBits)) - 1n);
    const above = walk.levels > 0 ? address >> BigInt(tableWalk.bits(walk.levels).high + 1) : 0n;
    return h(
      "div",
      { class: "anatomy" },
      h(
        "section",
        {},
        h("h2", { class: "small-head" }, "Requester id ", h("code", {}, choice.device)),
        h(
          "ol",
          { class: "parts" },
          this.part("root", "15:8", `bus ${indexDigits(bus, 2)}`, bitGroups(BigInt(bus), 8)),
          this.part("context", "7:0", `device ${indexDigits(devfn >> 3, 2)}, function ${devfn & 7}`, bitGroups(BigInt(devfn), 8, 5)),
        ),
      ),
      levels.length === 0
        ? null
        : h(
            "section",
            {},
            h("h2", { class: "small-head" }, "I/O address ", h("code", {}, tableHex(address))),
            h(
              "ol",
              { class: "parts" },
              above > 0n ? this.part("above", `63:${tableWalk.bits(walk.levels).high + 1}`, tableHex(above), "too high") : null,
              levels.map((level) => {
                const { high, low } = tableWalk.bits(level);
                const index = tableWalk.index(address, level);
                return this.part(level, `${high}:${low}`, `index ${index}`, bitGroups(BigInt(index), 9, 3));
              }),
              this.part("offset", `${offsetBits - 1}:0`, "offset in the page", tableHex(offset)),
            ),
          ),
    );
  },
  part(level, bits, words, digits) {
    return h(
      "li",
      { class: `part cut-${level}` },
      h("span", { class: "bits" }, this.badge(level), h("span", { class: "visually-hidden" }, "bits "), bits),
      h("code", {}, digits),
      h("span", { class: "means" }, words),
    );
  },

  // --- the tables -------------------------------------------------------------------------------

  steps(view, choice, walk) {
    const list = view.part(["tables", "steps"], () => h("ol", { class: "table-walk", "aria-label": "The tables, one after the other" }));
    replace(list, walk.steps.map((step) => view.alike(step.level, this.step(view, choice, walk, step))));
    return list;
  },
  step(view, choice, walk, step) {
    return h(
      "li",
      { class: `table-step cut-${step.level}`, "data-age": tableStepAge(view, step) },
      h(
        "div",
        { class: "table-head" },
        h("span", {}, this.badge(step.level), h("strong", {}, this.levelTitle(step.level)), h("span", { class: "table-at" }, "at ", this.tableAddress(view, choice, step))),
        this.strip(step),
        h("span", { class: "count" }, this.fillWords(step)),
      ),
      h(
        "div",
        { class: "table-entry" },
        h("span", {}, h("span", { class: "count" }, `entry ${step.index} at `), h("code", { class: "count" }, step.address), " = ", this.value(view, choice, step)),
        this.meaning(view, choice, step),
        this.origin(view, step),
      ),
      step.to !== null ? this.arrow(step, walk) : null,
    );
  },

  /** Where the root table lies is in the state; the others lie where the entry before says. */
  tableAddress(view, choice, step) {
    if (step.level !== "root") return h("code", {}, tableHex(step.table));
    const root = view.state.root.find((r) => r.name === choice.unit);
    return valueNode(view, ["root", root.name, "table"], root.fields.table);
  },

  /** All the table's entries side by side, those in use marked, the chosen one pointed at. */
  strip(step) {
    const count = typeof step.level === "number" ? 512 : 256;
    const width = 512 / count;
    const at = step.index * width;
    return svg(
      "svg",
      { class: "table-strip", viewBox: `-4 0 520 ${STRIP_HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "all", x: 0, y: 6, width: 512, height: STRIP_HEIGHT - 7 }),
      svg("path", { class: "used", d: usedPath(step.used, width) }),
      svg("path", { class: "pointer", d: `M${at + width / 2 - 4} 0h8l-4 6z` }),
      svg("rect", { class: "chosen", x: at - 0.5, y: 5, width: width + 1, height: STRIP_HEIGHT - 5 }),
    );
  },
  fillWords(step) {
    const count = typeof step.level === "number" ? 512 : 256;
    return ` ${step.used.length} of ${count} in use`;
  },

  /** Root and context entries are in the state, and can be asked; the others are known from the writes alone. */
  value(view, choice, step) {
    const path = this.statePath(view, choice, step);
    if (path) {
      const { fields } = path.entry;
      const same = BigInt(fields.low) === step.value && BigInt(fields.high) === step.value2;
      return [
        valueNode(view, [...path.path, "high"], fields.high),
        " : ",
        valueNode(view, [...path.path, "low"], fields.low),
        same ? null : h("strong", { class: "differs" }, ` The writes of the run add up to ${tableHex(step.value2)}:${tableHex(step.value)}.`),
      ];
    }
    const text = typeof step.level === "number" ? tableHex(step.value) : `${tableHex(step.value2)} : ${tableHex(step.value)}`;
    return h("code", { class: "memory-value", "data-age": tableStepAge(view, step) }, text);
  },
  statePath(view, choice, step) {
    if (step.level === "context" && choice.entry) return { path: ["context", choice.entry.name], entry: choice.entry };
    if (step.level !== "root") return null;
    const root = (view.state.root ?? []).find((r) => r.name === choice.unit);
    const name = `${choice.unit} ${indexDigits(step.index, 2)}`;
    const entry = root?.fields.entries.find((e) => e.name === name);
    return entry ? { path: ["root", root.name, "entries", name], entry } : null;
  },

  meaning(view, choice, step) {
    if (step.level === "context" && choice.entry && step.value & 1n) {
      const path = ["context", choice.entry.name];
      const { fields } = choice.entry;
      return h(
        "span",
        { class: "entry-words" },
        "domain ",
        valueNode(view, [...path, "DID"], fields.DID),
        ", ",
        valueNode(view, [...path, "AW"], fields.AW, `AW ${Number(fields.AW)}: ${fields.AW_words ?? ""}`),
        ", ",
        valueNode(view, [...path, "T"], fields.T, `T ${Number(fields.T)}: ${fields.T_words ?? ""}`),
      );
    }
    if (typeof step.level !== "number") return null;
    const flags = [
      ["R", step.R, "reading"],
      ["W", step.W, "writing"],
      ["PS", step.level > 1 && step.leaf, "a large page, no table"],
      ["SNP", Boolean(step.value & 0x800n), "snooped"],
    ];
    return h(
      "span",
      { class: "entry-flags" },
      flags.map(([name, on, title]) => h("span", { class: on ? "flag on" : "flag", title }, on ? name : h("s", {}, name))),
      h("span", { class: "visually-hidden" }, flags.map(([name, on]) => `${name} ${on ? "set" : "clear"}`).join(", ")),
    );
  },

  origin(view, step) {
    const jump = (p) => h("button", { type: "button", class: "follow jump", tabindex: -1, "data-path": `tables:${step.address}:${p}`, onclick: () => view.go(p) }, `event ${p}`);
    const now = {
      written: () => ["set at ", jump(step.setAt)],
      zeroed: () => ["zero since the page was taken at ", jump(step.setAt)],
      before: () => ["no write before this event; a later one found it so"],
      unseen: () => ["neither written nor taken in this run; shown as zero"],
    }[step.why]();
    const later = step.next > 0 ? [" · changes next at ", jump(step.next)] : " · stays so to the end";
    return h("span", { class: "origin-line" }, now, later);
  },

  arrow(step, walk) {
    const isLast = step === walk.steps.at(-1);
    const to = isLast ? "to the page at " : "to the next table at ";
    return h(
      "p",
      { class: "arrow" },
      svg("svg", { viewBox: "0 0 12 24", width: 12, height: 24, "aria-hidden": "true" }, svg("path", { d: "M6 0v18M1 14l5 8 5-8" })),
      h("span", { class: "visually-hidden" }, to),
      h("code", {}, tableHex(step.to)),
    );
  },
};

function tableStepAge(view, step) {
  const age = step.why === "written" ? view.p - step.setAt : 3;
  return age < 3 ? age : null;
}
/** Entries in use as a path, neighbours as one rectangle. */
function usedPath(used, width) {
  let path = "";
  for (let i = 0; i < used.length; ) {
    const first = i++;
    while (used[i] === used[i - 1] + 1) ++i;
    const wide = (i - first) * width;
    path += `M${used[first] * width} 6h${wide}v${STRIP_HEIGHT - 7}h${-wide}z`;
  }
  return path;
}
function indexDigits(number, digits) {
  return number.toString(16).padStart(digits, "0");
}
/** Binary digits in groups: of three, or the first `group` and the rest. */
function bitGroups(value, digits, group = 4) {
  const text = value.toString(2).padStart(digits, "0");
  if (group === 3) return text.replace(/(...)(?=.)/g, "$1 ");
  return `${text.slice(0, group)} ${text.slice(group)}`;
}
