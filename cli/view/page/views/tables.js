// SPDX-License-Identifier: GPL-2.0-only
//
// How one address of one device is translated: requester id and address cut into indices, and the
// tables that these lead through, down to the page or to the entry that is not present.

import { h } from "../dom.js";
import { tableHex } from "../model/table_memory.js";
import { tableWalk } from "../model/table_walk.js";
import { valueNode } from "../values.js";
import { parsedAddress, tableChoice } from "./table_choice.js";
import { tablePath } from "./table_path.js";
import { tableRanges } from "./table_ranges.js";

export const tablesView = {
  id: "tables",
  title: "Tables",
  about:
    "How an address that a device puts on the bus is translated: its bits, cut into indices, lead from table to table to a page. An entry that is not present ends the way with a fault.",

  async render(view) {
    const choice = await tableChoice.at(view);
    if (!choice) return [this.roots(view), h("p", { class: "words" }, "No device has a context entry yet, so there is no way to follow.")];
    const { registers, root } = this.unitOf(view, choice.unit);
    if (!root || BigInt(root.fields.table) === 0n) return [this.roots(view), this.controls(view, choice)];
    const walk = await tableWalk.from(view.run, view.p, BigInt(root.fields.table), choice.device, choice.address, { registers, hostBits: view.machine?.dmar?.host_address_bits });
    return [
      this.controls(view, choice),
      this.notTranslating(view, choice.unit, registers),
      walk.end === "interrupt" ? null : tablePath.anatomy(view, choice, walk),
      tablePath.steps(view, choice, walk),
      this.end(view, choice, walk),
      this.cached(view, choice),
      tableRanges.render(view, choice),
    ];
  },

  unitOf(view, unit) {
    const named = (list) => (list ?? []).find((s) => s.name === unit);
    return { registers: named(view.state.registers)?.fields ?? null, root: named(view.state.root) };
  },

  // --- what is followed -------------------------------------------------------------------------

  controls(view, choice) {
    const named = (view.state.context ?? []).map((e) => e.name);
    const chosen = view.option("device");
    if (chosen && !named.includes(chosen)) named.push(chosen);
    const input = h("input", {
      type: "text",
      "data-path": "tables:address",
      spellcheck: "false",
      autocomplete: "off",
      value: tableHex(choice.address),
      onchange: () => view.setOption("address", parsedAddress(input.value) === null ? "" : input.value.trim()),
    });
    const select = h(
      "select",
      {
        "data-path": "tables:device",
        onchange: () => {
          view.setOption("address", "");
          view.setOption("device", select.value);
        },
      },
      h("option", { value: "", selected: !chosen }, `follow the run (${choice.device})`),
      named.map((name) => h("option", { value: name, selected: chosen === name }, name)),
    );
    return h(
      "div",
      { class: "table-controls" },
      h("label", {}, "Device ", select),
      h("label", {}, "I/O address ", input),
      view.option("address") ? h("button", { type: "button", onclick: () => view.setOption("address", "") }, "Follow the run") : null,
      h("span", { class: "words" }, choice.why),
    );
  },

  /** The units, each with what the state says of its root table. */
  roots(view) {
    const roots = view.state.root ?? [];
    if (roots.length === 0) return h("p", { class: "words" }, "There is no unit yet.");
    return h(
      "ul",
      { class: "root-line" },
      roots.map((root) => {
        const path = ["root", root.name, "table"];
        const { table, table_words: words } = root.fields;
        const isNone = BigInt(table) === 0n;
        return h(
          "li",
          {},
          `Root table of ${root.name}: `,
          valueNode(view, path, table),
          h("span", { class: "words" }, words ?? (isNone ? "none: the unit has not been given one" : "")),
        );
      }),
    );
  },

  notTranslating(view, unit, registers) {
    const tes = registers?.GSTS?.fields.TES;
    if (tes === undefined || Number(tes) === 1) return null;
    return h(
      "p",
      { class: "walk-note" },
      "Translation is off (GSTS.TES is ",
      valueNode(view, ["registers", unit, "GSTS", "TES"], tes),
      "): the unit passes each address as it is. Below is what the tables would say.",
    );
  },

  // --- how it ends ------------------------------------------------------------------------------

  end(view, choice, walk) {
    if (walk.end === "interrupt") {
      return h("p", { class: "walk-end fault" }, h("strong", {}, "Interrupt range"), " 0xfee00000 to 0xfeefffff is never memory: a write of four bytes there is an interrupt, and no table is asked.");
    }
    if (walk.end === "passed") {
      return h("p", { class: "walk-end" }, h("strong", {}, "✓ Passed through"), " The context entry lets this device's addresses pass as they are: ", h("code", {}, tableHex(walk.host)), ".", view.machine ? null : " How many bits the host's addresses have is not in this run: those beyond would fault.");
    }
    if (walk.end !== "translated") {
      const [number, name, sentence, more] = walk.words;
      const isAbsent = walk.end.startsWith("no ");
      return h(
        "p",
        { class: "walk-end fault" },
        h("strong", {}, isAbsent ? "✗ not present: fault" : "✗ fault"),
        more
          ? ` ${sentence}. A read is blocked as ${number} ${name}${more}.`
          : ` ${sentence}. A request that comes this way is blocked as ${number} ${name}.`,
      );
    }
    const mask = (1n << BigInt(walk.pageBits)) - 1n;
    const rights = [walk.R ? "a device may read" : "reading faults (LGN.3)", walk.W ? "a device may write" : "writing faults (LGN.2)"].join(", ");
    return [
      h(
        "p",
        { class: "walk-end" },
        h("strong", {}, `✓ ${walkPageWords(walk.pageBits)} page `),
        h("code", {}, tableHex(walk.host & ~mask)),
        " + offset ",
        h("code", {}, tableHex(walk.host & mask)),
        " = physical ",
        h("code", { class: "host" }, tableHex(walk.host)),
        h("span", { class: "words" }, ` ${rights}`),
      ),
      this.disagreement(choice, walk),
    ];
  },

  /** The state's own reading of the table is the test of the picture. */
  disagreement(choice, walk) {
    const range = tableRanges.holding(choice.table, choice.address);
    const [first] = range ? range.name.split("-").map(BigInt) : [];
    const host = range ? BigInt(range.fields.ADDR) + (choice.address - first) : null;
    if (!choice.table || host === walk.host) return null;
    const words = host === null ? "does not have the address" : `leads to ${tableHex(host)}`;
    return h("p", { class: "walk-note differs" }, `The list of the table's ranges ${words}: the writes of the run do not account for it.`);
  },

  /** What the unit would answer without asking the tables. */
  cached(view, choice) {
    const unit = (view.state.caches ?? []).find((c) => c.name === choice.unit);
    if (!unit || !choice.entry) return null;
    const did = Number(choice.entry.fields.DID);
    const held = unit.fields.iotlb.find((e) => {
      const low = BigInt(tableWalk.bits(Math.max(1, Number(e.fields.level))).low);
      return Number(e.fields.DID) === did && BigInt(e.fields.address) >> low === choice.address >> low;
    });
    if (!held) return h("p", { class: "walk-note" }, "The IOTLB holds nothing for this address: a request takes the way above.");
    const path = ["caches", unit.name, "iotlb", held.name];
    const isStale = Boolean(Number(held.fields.stale));
    return h(
      "p",
      { class: isStale ? "walk-note stale-note" : "walk-note" },
      isStale ? "⚠ The IOTLB still holds this address and leads to " : "The IOTLB holds this address too and leads to ",
      valueNode(view, [...path, "page"], held.fields.page),
      isStale ? ", though " : ": it ",
      valueNode(view, [...path, "stale"], held.fields.stale, isStale ? (held.fields.stale_words ?? "the tables say otherwise") : "agrees with the tables"),
      isStale ? ". Until it is invalidated, a request is answered from there, not by the way above." : ".",
    );
  },
};

function walkPageWords(bits) {
  return { 12: "4 KiB", 21: "2 MiB", 30: "1 GiB", 39: "512 GiB" }[bits] ?? `2^${bits} byte`;
}
