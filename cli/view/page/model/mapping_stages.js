// SPDX-License-Identifier: GPL-2.0-only
//
// At which stage a mapping is behind an event. Whether the driver has mapped, unmapped and flushed
// it is known from the events; whether the table has it and a cache holds it, from the state.

import { MappingIndex } from "./mapping_index.js";

/** Each stage's letter, title, and what it says. */
export const MAPPING_STAGES = {
  none: { letter: "", title: "not mapped", words: "not mapped yet, or its addresses are another mapping's by now" },
  begun: { letter: "…", title: "being mapped", words: "the call has begun; the table does not have it" },
  absent: { letter: "–", title: "not in the table", words: "the call has returned, but the table does not have it" },
  mapped: { letter: "M", title: "mapped", words: "the table has it, and no cache holds it" },
  cached: { letter: "MC", title: "mapped, cached", words: "the table has it, and a cache holds it" },
  held: { letter: "C!", title: "unmapped, still cached", words: "the table has it no more, but the IOTLB or a device-TLB holds it: a device still gets through" },
  pending: { letter: "p", title: "unmapped, flush pending", words: "the flush is still due, but at this event no cache holds it: a request would fault" },
  unseen: { letter: "u", title: "unmapped", words: "no cache holds it; the run has no invalidation queue to tell whether it was flushed" },
  flushed: { letter: "F", title: "flushed", words: "unmapped and flushed: a request faults" },
};

export const mappingStages = {
  /** {stage, cachedIn: words or "", path: of the cache's entry or null}. `state` is that behind p. */
  at(run, mapping, p, state) {
    const index = MappingIndex.of(run);
    const phase = index.phase(mapping, p);
    if (phase === "none") return { stage: "none", cachedIn: "", path: null };
    const where = this.domainOf(state, mapping.device);
    const held = where ? this.heldIn(state, where, mapping) : null;
    const inTable = where !== null && this.isInTable(state, where, mapping);
    return { stage: this.stageOf(index, mapping, p, phase, inTable, held), cachedIn: held?.words ?? "", path: held?.path ?? null };
  },
  stageOf(index, mapping, p, phase, inTable, held) {
    if (phase === "flushed") {
      if (index.isReused(mapping, p)) return "none";
      return held && !inTable ? "held" : "flushed";
    }
    if (inTable) return held ? "cached" : "mapped";
    if (held) return "held";
    if (phase === "mapping") return "begun";
    if (phase === "live") return "absent";
    return index.hasQueue ? "pending" : "unseen";
  },

  /** {unit, did} of a device ("00:04.0") by its context entry, or null. */
  domainOf(state, device) {
    const entry = (state.context ?? []).find(({ name }) => name.endsWith(`:${device}`) || name.endsWith(` ${device}`));
    return entry ? { unit: entry.name.split(" ")[0], did: Number(entry.fields.DID) } : null;
  },

  isInTable(state, { unit, did }, { first, last }) {
    const table = (state.tables ?? []).find((t) => t.name.startsWith(`${unit}:`) && Number(t.fields.DID) === did);
    return table ? this.bounds(table.fields.ranges).some(([low, high]) => low <= last && first <= high) : false;
  },
  /** Ranges as numbers, ascending; lists that stayed the same are the same object, and so are ranges. */
  bounds(ranges) {
    return remembered(this.lists, ranges, () => ranges.map((range) => remembered(this.ranges, range, () => range.name.split("-").map(BigInt))));
  },

  /** The entry of a cache that answers for a part of the mapping: {words, path}, or null. */
  heldIn(state, { unit, did }, { device, first, last }) {
    const caches = (state.caches ?? []).find((c) => c.name === unit);
    if (!caches) return null;
    const meets = ([low, high]) => low <= last && first <= high;
    const page = caches.fields.iotlb.find((entry) => {
      const { translates, domain, bounds } = this.page(entry);
      return translates && domain === did && meets(bounds);
    });
    if (page) return { words: "the IOTLB holds it", path: ["caches", unit, "iotlb", page.name] };
    const own = caches.fields.device_tlbs.find(({ fields: f }) => f.device?.name.endsWith(device) && meets(boundsOf(BigInt(f.address), BigInt(f.size))));
    return own ? { words: "the device-TLB holds it", path: ["caches", unit, "device_tlbs", own.name] } : null;
  },
  /** Which addresses of which domain an entry of the IOTLB answers for, read once. */
  page(entry) {
    return remembered(this.pages, entry, () => {
      const { level, address, DID, reason } = entry.fields;
      const size = 1n << BigInt(12 + 9 * (Math.max(1, Number(level)) - 1));
      return { translates: Number(reason ?? 0) === 0, domain: Number(DID), bounds: boundsOf(BigInt(address) & ~(size - 1n), size) };
    });
  },

  lists: new WeakMap(),
  ranges: new WeakMap(),
  pages: new WeakMap(),
};

/** First and last address. */
function boundsOf(address, size) {
  return [address, address + size - 1n];
}

/** What was worked out of an object before; states share the objects that stayed the same. */
function remembered(known, of, work) {
  if (!known.has(of)) known.set(of, work());
  return known.get(of);
}
