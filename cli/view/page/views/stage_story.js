// SPDX-License-Identifier: GPL-2.0-only
//
// What the table of stages says in words: how the mappings stand at the event, and of one mapping
// its steps and how long its window between unmap and flush was.

import { h } from "../dom.js";
import { mappingStages } from "../model/mapping_stages.js";
import { valueNode } from "../values.js";

const MOST_JUMPS = 8;

export const stageStory = {
  /** How many are mapped, how many wait for their flush, and which of these the caches still hold. */
  summary(view, index) {
    const { p, state, run } = view;
    const by = new Map();
    for (const mapping of index.all) {
      const phase = index.phase(mapping, p);
      if (!by.has(phase)) by.set(phase, []);
      by.get(phase).push(mapping);
    }
    const count = (phase) => by.get(phase)?.length ?? 0;
    const parts = [`At event ${p}: ${countedStages(count("live"), "mapping is", "mappings are")} mapped`];
    if (count("mapping") > 0) parts.push(`${count("mapping")} being mapped`);
    if (count("unmapping") > 0) parts.push(`${count("unmapping")} being unmapped`);
    const text = parts.join(", ");
    const pending = [...(by.get("unmapping") ?? []), ...(by.get("pending") ?? [])];
    const silent = index.hasRequests ? "" : " No device makes a request in this run, so the unit's caches stay empty, and what those of the real machine held is not known.";
    if (pending.length === 0) return `${text}; none waits for a flush.${silent}`;
    const held = pending.map((m) => mappingStages.at(run, m, p, state)).filter(({ stage }) => stage === "held");
    const due = index.hasQueue ? "unmapped with the flush still due" : "unmapped";
    const waits = count("pending") > 0 ? `; ${countedStages(count("pending"), "is", "are")} ${due}. ` : ". ";
    if (held.length === 0) return [text, waits, silent || "No cache holds what was unmapped."];
    return [
      text,
      waits,
      h("strong", {}, held.length === 1 ? "A cache still holds one: " : `Caches still hold ${held.length}: `),
      held.slice(0, 3).map(({ path }) => valueNode(view, path, undefined, path.at(-1))),
      ": through it a device still reaches the page.",
    ];
  },

  /** The steps of one mapping as jumps, and its window in a sentence. */
  async of(view, index, mapping) {
    const steps = await index.stepsOf(mapping);
    const allocation = await index.allocation(mapping);
    const jump = (words, p) =>
      h("button", { type: "button", class: "follow jump", tabindex: -1, "data-path": `stages:step:${p}`, onclick: () => view.go(p), "aria-current": p === view.p ? "step" : null }, `${words} ${p}`);
    const jumps = steps.map(({ what, p }) => jump(what, p));
    if (allocation > 0) jumps.splice(1, 0, jump("address taken", allocation));
    const left = jumps.length - MOST_JUMPS;
    // The last steps are the unmap and what came of it.
    const shown = left > 1 ? [...jumps.slice(0, 4), h("span", { class: "words" }, `${left} more`), ...jumps.slice(-4)] : jumps;
    return h(
      "section",
      { class: "stage-story" },
      h("h2", { class: "small-head" }, mapping.name),
      h("ol", { class: "stage-jumps", "aria-label": "Its steps" }, shown.map((each) => h("li", {}, each))),
      h("p", {}, await this.window(view, index, mapping, steps)),
    );
  },

  async window(view, index, mapping, steps) {
    const { map, unmap, flush } = index.turns(mapping);
    if (!unmap) return `It was mapped at event ${map} and is not unmapped in this run.`;
    const [at, to] = await Promise.all([view.run.event(unmap), flush ? view.run.event(flush) : null]);
    const used = steps.filter(({ p, what, event }) => what === "access" && p > unmap && (!flush || p < flush) && event.from !== "tables");
    const through = used.length > 0 ? [" In between a device still got through, answered from a cache, at ", eventsInWords(used.map(({ p }) => p)), "."] : [" In between no device used it."];
    if (!to) return [`It was unmapped at event ${unmap}. No invalidation descriptor of the run is for it.`, used.length > 0 ? through : null];
    const exit = view.run.calls.exit[unmap];
    if (flush < exit) return [`Strict: the unmap at event ${unmap} flushed it before it returned, at event ${flush}.`, used.length > 0 ? through : null];
    return [
      h("strong", {}, "Lazy window: "),
      `unmapped at event ${unmap}, flushed at event ${flush}, ${flush - unmap} events and ${windowTime(to.time_ns - at.time_ns)} later.`,
      through,
    ];
  },
};

function countedStages(number, one, many) {
  return number === 1 ? `1 ${one}` : `${number === 0 ? "no" : number} ${number === 0 ? one : many}`;
}
function eventsInWords(list) {
  const shown = list.slice(0, 4).join(", ");
  return `event${list.length === 1 ? "" : "s"} ${shown}${list.length > 4 ? ` and ${list.length - 4} more` : ""}`;
}
function windowTime(ns) {
  if (ns >= 1e9) return `${(ns / 1e9).toFixed(2)} s`;
  return ns >= 1e6 ? `${Math.round(ns / 1e6)} ms` : `${Math.round(ns / 1e3)} µs`;
}
