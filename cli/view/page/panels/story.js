// SPDX-License-Identifier: GPL-2.0-only
//
// Which mappings the event is a step of, and the other steps of each: from a fault back to the
// unmap, the call that mapped, and the event that took the I/O address.

import { h } from "../dom.js";
import { MappingIndex } from "../model/mapping_index.js";

/** Mappings that are told at once: a flush of all is a step of hundreds. */
const MOST_STORIES = 3;
const MOST_ACCESSES = 3;

const STEP_WORDS = { map: "mapped at", access: "accessed at", unmap: "unmapped at", flush: "flushed at", fault: "fault at" };

export const mappingStory = {
  /** The section of the panel, or null where the event is no step of a mapping. `go` leads to an event. */
  async section(view, event, go) {
    const found = this.mappingsOf(view, event);
    if (found.length === 0) return null;
    const stories = await Promise.all(found.slice(0, MOST_STORIES).map((mapping) => this.story(view, mapping, go)));
    return [
      h("h3", {}, found.length === 1 ? "The mapping" : `${found.length} mappings`),
      stories,
      found.length > stories.length ? h("p", { class: "more" }, `and ${found.length - stories.length} more: see the view of stages`) : null,
    ];
  },

  /** Those that the event is a step of, or else the one whose address a request was for. */
  mappingsOf(view, event) {
    const index = MappingIndex.of(view.run);
    const steps = [...new Set(index.stepOf(view.p))];
    if (steps.length > 0 || !event) return steps;
    if (event.kind !== "answer") return [];
    const mapping = index.holding(event.source, BigInt(event.address), view.p);
    return mapping ? [mapping] : [];
  },

  async story(view, mapping, go) {
    const index = MappingIndex.of(view.run);
    const [steps, allocation] = await Promise.all([index.stepsOf(mapping), index.allocation(mapping)]);
    const accesses = steps.filter((s) => s.what === "access");
    const left = accesses.length - MOST_ACCESSES;
    const shown = steps.filter((s) => s.what !== "access" || accesses.indexOf(s) < MOST_ACCESSES || s.p === view.p);
    const items = shown.map((step) => this.step(view, step, go));
    if (allocation > 0) items.splice(1, 0, this.item(view, "I/O address taken at", allocation, "", go));
    return h(
      "div",
      { class: "mapping-story" },
      h("p", { class: "path" }, mapping.name),
      h("ol", {}, items),
      left > 0 ? h("p", { class: "more" }, `${left} more accesses`) : null,
    );
  },
  step(view, { p, what, event }, go) {
    const from = what === "access" ? ` (answered from ${event.from === "IOTLB" ? "the IOTLB" : event.from})` : "";
    return this.item(view, STEP_WORDS[what], p, from, go);
  },
  item(view, words, p, after, go) {
    const isHere = p === view.p;
    return h(
      "li",
      { class: isHere ? "here" : null, "aria-current": isHere ? "step" : null },
      `${words} `,
      isHere ? h("strong", {}, `event ${p}, here`) : h("button", { type: "button", class: "jump", onclick: () => go(p) }, `event ${p}`),
      h("span", { class: "words" }, after),
    );
  },
};
