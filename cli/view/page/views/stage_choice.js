// SPDX-License-Identifier: GPL-2.0-only
//
// Which mappings and which events the table of stages has: where there are hundreds, those that
// move next to the event.

const MOST_STAGE_ROWS = 10;
const COLUMNS_BEFORE = 12;
const COLUMNS_AFTER = 11;
/** Events behind an invalidation in which the unit carries it out. */
const EVENTS_OF_FLUSH = 12;

export const stageChoice = {
  /** {shown, nearest: the mapping that moves nearest to p, and how many of the rest are alive, ended, coming}. */
  rows(index, p) {
    const shown = [];
    for (const mapping of index.nearest(p)) {
      // One whose addresses are another's by now has nothing to show.
      if (!index.isReused(mapping, p)) shown.push(mapping);
      if (shown.length === MOST_STAGE_ROWS) break;
    }
    const counts = new Map();
    const isShown = new Set(shown);
    for (const mapping of index.all) {
      if (isShown.has(mapping)) continue;
      const phase = index.phase(mapping, p);
      counts.set(phase, (counts.get(phase) ?? 0) + 1);
    }
    const of = (...phases) => phases.reduce((sum, phase) => sum + (counts.get(phase) ?? 0), 0);
    const [first] = shown;
    const last = index.stepOf(p)[0] ?? index.lastUsed(p);
    return {
      shown: shown.sort((a, b) => a.number - b.number),
      nearest: shown.includes(last) ? last : first,
      alive: of("mapping", "live", "unmapping", "pending"),
      ended: of("flushed"),
      coming: of("none"),
    };
  },

  /**
   * The columns: {p, signs: Map of a mapping's number to what the event is to it}. Those around p,
   * and the next flush even when it is far.
   */
  async columns(run, index, mappings, p) {
    const columns = new Map([[p, new Map()]]);
    const add = (at, mapping, what) => {
      if (!columns.has(at)) columns.set(at, new Map());
      if (!columns.get(at).has(mapping.number)) columns.get(at).set(mapping.number, what);
    };
    const signs = { call_enter: "unmap", descriptor: "flush", fault: "fault", answer: "access" };
    for (const mapping of mappings) {
      const { map, mapped, unmap, flush } = index.turns(mapping);
      for (const step of mapping.steps) add(step, mapping, step === map ? "map" : signs[run.kind(step)]);
      if (mapped > 0) add(mapped, mapping, "mapped");
      if (unmap > 0 && run.calls.exit[unmap] > 0) add(run.calls.exit[unmap], mapping, null);
      const done = this.carriedOut(run, flush);
      if (done) add(done, mapping, "done");
    }
    const all = [...columns].map(([at, of]) => ({ p: at, signs: of })).sort((a, b) => a.p - b.p);
    const now = all.findIndex((column) => column.p === p);
    const from = Math.max(0, Math.min(now - COLUMNS_BEFORE, all.length - COLUMNS_BEFORE - COLUMNS_AFTER - 1));
    const shown = all.slice(from, from + COLUMNS_BEFORE + COLUMNS_AFTER + 1);
    const next = all.find((column) => column.p > shown.at(-1).p && [...column.signs.values()].includes("flush"));
    if (next) shown.push(next);
    await this.nameBlocked(run, shown);
    return shown;
  },
  /** Behind a descriptor the unit's head moves on when it is carried out. */
  carriedOut(run, flush) {
    for (let p = flush + 1; flush > 0 && p <= Math.min(run.count, flush + EVENTS_OF_FLUSH); ++p) {
      if (run.kind(p) === "reg_change") return p;
    }
    return 0;
  },
  /** An answer may be that the request is blocked. */
  async nameBlocked(run, columns) {
    for (const { p, signs } of columns) {
      if (p < 1 || run.kind(p) !== "answer") continue;
      const event = await run.event(p);
      if (!event.text?.includes("is blocked")) continue;
      for (const number of signs.keys()) signs.set(number, "fault");
    }
  },
};
