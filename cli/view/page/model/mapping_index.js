// SPDX-License-Identifier: GPL-2.0-only
//
// The mappings of a run: a device's range of I/O addresses from the call that maps it to the flush
// behind its unmap. head.mappings has the events that each went through; here they can be asked for
// by event, and each event is told what it was to the mapping.

const TAKES_AWAY = /unmap|free_coherent/;

export class MappingIndex {
  static of(run) {
    MappingIndex.made ??= new WeakMap();
    if (!MappingIndex.made.has(run)) MappingIndex.made.set(run, new MappingIndex(run));
    return MappingIndex.made.get(run);
  }

  constructor(run) {
    this.run = run;
    this.all = run.head.mappings.map(({ name, steps }, number) => {
      const [device, range] = name.split(" ");
      const [first, last] = range.split("-").map(BigInt);
      return { number, name, device, first, last, steps: steps.map((s) => s + 1) };
    });
    this.hasQueue = run.kinds.includes(run.head.kinds.indexOf("descriptor"));
    this.hasRequests = ["answer", "fault"].some((kind) => run.kinds.includes(run.head.kinds.indexOf(kind)));
    this.bySteps = this.all.flatMap((mapping) => mapping.steps.map((p) => ({ p, mapping }))).sort((a, b) => a.p - b.p);
  }

  /** The mapping whose step is the last at or before p; null before the first. */
  lastUsed(p) {
    const end = this.endOf(p);
    return end > 0 ? this.bySteps[end - 1].mapping : null;
  }
  /** Those that event p is a step of. */
  stepOf(p) {
    return this.bySteps.slice(this.endOf(p - 1), this.endOf(p)).map(({ mapping }) => mapping);
  }
  /** All of them, those first that have a step nearest to p; of several the newest. */
  *nearest(p) {
    const { bySteps } = this;
    const seen = new Set();
    let after = this.endOf(p);
    let before = after - 1;
    const distance = (i) => (bySteps[i] ? Math.abs(bySteps[i].p - p) : Infinity);
    while (seen.size < this.all.length) {
      const least = Math.min(distance(before), distance(after));
      const same = [];
      while (distance(before) === least) same.push(bySteps[before--].mapping);
      while (distance(after) === least) same.push(bySteps[after++].mapping);
      for (const mapping of same.sort((a, b) => b.number - a.number)) {
        if (seen.has(mapping)) continue;
        seen.add(mapping);
        yield mapping;
      }
    }
  }
  /** The newest mapping at p of a device ("00:04.0") that an address is in; null for none. */
  holding(device, address, p) {
    const fits = (m) => m.device === device && m.steps[0] <= p && m.first <= address && address <= m.last;
    for (let i = this.all.length - 1; i >= 0; --i) if (fits(this.all[i])) return this.all[i];
    return null;
  }
  /** Whether a newer mapping of the device has taken some of a mapping's addresses by event p. */
  isReused(mapping, p) {
    const { device, first, last, number } = mapping;
    for (let i = number + 1; i < this.all.length && this.all[i].steps[0] <= p; ++i) {
      const other = this.all[i];
      if (other.device === device && other.first <= last && first <= other.last) return true;
    }
    return false;
  }
  /** How many steps lie at or before p. */
  endOf(p) {
    let low = 0;
    let high = this.bySteps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.bySteps[middle].p <= p) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** A mapping's steps: {p, what: "map"|"access"|"unmap"|"flush"|"fault", event}, from a cached reading. */
  stepsOf(mapping) {
    mapping.read ??= this.readSteps(mapping);
    return mapping.read;
  }
  async readSteps(mapping) {
    const steps = [];
    for (const p of mapping.steps) {
      const event = await this.run.event(p);
      steps.push({ p, event, what: this.whatOf(p, event, steps.length) });
    }
    return steps;
  }
  whatOf(p, event, place) {
    if (event.kind === "fault") return "fault";
    if (event.kind === "descriptor") return "flush";
    if (event.kind === "answer") return event.text?.includes("is blocked") ? "fault" : "access";
    return place > 0 && TAKES_AWAY.test(this.run.functionName(p)) ? "unmap" : "map";
  }

  /** When a mapping's life turns: {map, mapped, unmap, flush} as events, 0 for what does not come. */
  turns(mapping) {
    if (mapping.turns) return mapping.turns;
    const { run } = this;
    const [map, ...later] = mapping.steps;
    const unmap = later.find((p) => run.kind(p) === "call_enter") ?? 0;
    const flush = unmap ? (later.find((p) => p > unmap && run.kind(p) === "descriptor") ?? 0) : 0;
    mapping.turns = { map, mapped: run.calls.exit[map], unmap, flush };
    return mapping.turns;
  }
  /** "none", "mapping" (in the call), "live", "unmapping" (in the call), "pending" (its flush still due) or "flushed". */
  phase(mapping, p) {
    const { map, mapped, unmap, flush } = this.turns(mapping);
    if (p < map) return "none";
    if (p < mapped && (!unmap || p < unmap)) return "mapping";
    if (!unmap || p < unmap) return "live";
    if (flush && p >= flush) return "flushed";
    return p < this.run.calls.exit[unmap] ? "unmapping" : "pending";
  }

  /** The event that reserved the mapping's I/O addresses, inside of the call that maps it; 0 where it is not found. */
  async allocation(mapping) {
    const { run } = this;
    const [call] = mapping.steps;
    const end = run.calls.exit[call] > 0 ? run.calls.exit[call] : call;
    const low = `0x${(mapping.first >> 12n).toString(16)}`;
    for (let p = call; p <= end; ++p) {
      if (run.kind(p) !== "iova") continue;
      const event = await run.event(p);
      if (event.name === "alloc" && event.value === low) return p;
    }
    return 0;
  }
}
