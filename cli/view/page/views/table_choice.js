// SPDX-License-Identifier: GPL-2.0-only
//
// Which device's address the view of the tables follows: what the reader chose, else what the event
// is about, else the mapping that was used last, else the first device and the lowest range.

import { MappingIndex } from "../model/mapping_index.js";

export const tableChoice = {
  /** {unit, device, entry, table, address, why}, or null while there is neither a context entry nor a root table. */
  async at(view) {
    const { state } = view;
    const event = view.p > 0 ? await view.run.event(view.p) : null;
    const hint = this.ofEvent(view, event) ?? this.ofChange(view) ?? this.ofMapping(view) ?? {};
    const entries = state.context ?? [];
    const chosen = view.option("device");
    const byReader = chosen ? { unit: chosen.split(" ")[0], device: chosen.split(" ")[1] } : null;
    const hinted = hint.device ? this.named(view, hint) : null;
    const first = entries[0] ? { unit: entries[0].name.split(" ")[0], device: entries[0].name.split(" ")[1] } : null;
    const of = byReader ?? hinted ?? first;
    if (!of) return null;
    const entry = entries.find((e) => e.name === `${of.unit} ${of.device}`) ?? null;
    const table = this.tableOf(state, of.unit, entry);
    const isHinted = hinted && hinted.device === of.device && hinted.unit === of.unit;
    return { ...of, entry, table, ...this.addressOf(view, table, isHinted ? hint : {}) };
  },

  addressOf(view, table, hint) {
    const written = parsedAddress(view.option("address"));
    if (written !== null) return { address: written, why: "as you wrote it" };
    if (hint.address !== undefined) return { address: hint.address, why: hint.why };
    const lowest = table?.fields.ranges[0];
    if (lowest) return { address: BigInt(lowest.name.split("-")[0]), why: "the lowest that the table translates" };
    return { address: 0n, why: "the table translates nothing, so the lowest there is" };
  },

  /** "00:04.0" as its context entry names it; the unit of the event where it has none. */
  named(view, { device, unit }) {
    const fits = (name) => name.endsWith(`:${device}`) || name.endsWith(` ${device}`);
    const entry = (view.state.context ?? []).find((e) => fits(e.name) && (!unit || e.name.startsWith(`${unit} `)));
    if (entry) return { unit: entry.name.split(" ")[0], device: entry.name.split(" ")[1] };
    const known = (view.state.device ?? []).find((d) => d.name.endsWith(`:${device}`) || d.name === device);
    return unit && known ? { unit, device: known.name } : null;
  },

  /** What a request, a fault, or an entry of the IOTLB is about. */
  ofEvent(view, event) {
    if (!event) return null;
    if (event.kind === "answer") return { unit: event.unit, device: event.source, address: BigInt(event.address), why: "that the device asked for" };
    if (event.kind === "fault") {
      const id = Number(event.value2 ?? 0);
      const device = requesterName(id);
      return event.text?.includes(` by ${device}`) ? { unit: event.unit, device, address: BigInt(event.address), why: "that the fault is about" } : null;
    }
    if (event.kind === "cache" && event.name === "insert" && event.cache !== "context-cache") {
      return this.ofTable(this.tableBy(view.state, event.unit, event.domain), BigInt(event.address), "that went into the cache");
    }
    if (event.kind === "table_write" && event.name === "context") return { device: event.place.split(" ").at(-1) };
    return null;
  },
  /** The first range that the event made or took away. */
  ofChange(view) {
    const { state, before } = view;
    if (state.tables === before.tables) return null;
    for (const table of state.tables ?? []) {
      const old = before.tables?.find((t) => t.name === table.name);
      if (!old || old.fields.ranges === table.fields.ranges) continue;
      const then = new Set(old.fields.ranges.map((r) => r.name));
      const now = new Set(table.fields.ranges.map((r) => r.name));
      const made = [...now].filter((name) => !then.has(name));
      const gone = [...then].filter((name) => !now.has(name));
      const [range] = made.length > 0 ? made : gone;
      if (range) return this.ofTable(table, this.changedAddress(made, gone) ?? BigInt(range.split("-")[0]), "that this event changed");
    }
    return null;
  },
  /** Ranges that touch are one: where one grew, shrank, was split or joined, the part that changed. */
  changedAddress(made, gone) {
    const [one, two] = made.length < gone.length ? [made, gone] : [gone, made];
    if (one.length === 1 && two.length === 2) return BigInt(two[0].split("-")[1]) + 1n;
    if (made.length !== 1 || gone.length !== 1) return null;
    const [a, b] = made[0].split("-").map(BigInt);
    const [c, d] = gone[0].split("-").map(BigInt);
    if (a !== c) return a < c ? a : c;
    return (b < d ? b : d) + 1n;
  },
  ofTable(table, address, why) {
    const device = table?.fields.devices[0]?.name;
    return device ? { unit: table.name.split(":")[0], device, address, why } : null;
  },
  ofMapping(view) {
    const mapping = MappingIndex.of(view.run).lastUsed(view.p);
    return mapping ? { device: mapping.device, address: mapping.first, why: "of the mapping that was used last" } : null;
  },

  tableOf(state, unit, entry) {
    return entry ? this.tableBy(state, unit, Number(entry.fields.DID)) : null;
  },
  tableBy(state, unit, domain) {
    return (state.tables ?? []).find((t) => t.name.startsWith(`${unit}:`) && Number(t.fields.DID) === Number(domain)) ?? null;
  },
};

/** A requester id as "00:04.0". */
export function requesterName(id) {
  const hex = (n) => n.toString(16).padStart(2, "0");
  return `${hex(id >> 8)}:${hex((id >> 3) & 31)}.${id & 7}`;
}

/** What a reader wrote as an address, or null. */
export function parsedAddress(text) {
  const digits = (text ?? "").trim().replace(/^0x/i, "");
  return /^[0-9a-f]{1,16}$/i.test(digits) ? BigInt(`0x${digits}`) : null;
}
