// SPDX-License-Identifier: GPL-2.0-only
//
// The life of mappings as a table: a row a mapping, a column an event at which one of them moves
// on, in each cell the stage that it is at. What lies between unmap and flush is hatched.

import { h, replace } from "../dom.js";
import { MappingIndex } from "../model/mapping_index.js";
import { MAPPING_STAGES, mappingStages } from "../model/mapping_stages.js";
import { stageChoice } from "./stage_choice.js";
import { stageStory } from "./stage_story.js";

const STEP_SIGNS = { map: "map", mapped: "ret", access: "dma", unmap: "unmap", flush: "flush", done: "done", fault: "fault" };

export const stagesView = {
  id: "stages",
  title: "Stages",
  about:
    "Each mapping from the call that makes it to the flush behind its unmap. Hatched is the window between: unmapped for the driver, but not yet flushed for the unit.",

  async render(view) {
    const index = MappingIndex.of(view.run);
    if (index.all.length === 0) return h("p", { class: "words" }, "No driver maps anything in this run.");
    const rows = stageChoice.rows(index, view.p);
    const open = rows.shown.find((m) => String(m.number) === view.option("row")) ?? rows.nearest;
    const columns = await stageChoice.columns(view.run, index, rows.shown, view.p);
    const states = await Promise.all(columns.map(({ p }) => view.run.state(p)));
    const box = this.table(view, rows.shown, columns, states, open);
    const story = await stageStory.of(view, index, open);
    requestAnimationFrame(() => this.showNow(box));
    return [
      h("p", { class: "stage-summary", "aria-live": "polite" }, stageStory.summary(view, index)),
      box,
      this.count(rows),
      story,
      this.legend(),
    ];
  },

  /** The table stays, and of its rows and cells those that read the same. */
  table(view, shown, columns, states, open) {
    const box = view.part(["stages"], () =>
      h("div", { class: "wide stages-box", role: "region", tabindex: 0, "aria-label": "Stages of mappings" }, h("table", { class: "stages" }, h("thead", {}, h("tr", {})), h("tbody", {}))),
    );
    replace(box.querySelector("thead tr"), this.head(view, columns));
    replace(box.querySelector("tbody"), shown.map((mapping) => this.row(view, mapping, columns, states, mapping === open)));
    return box;
  },

  head(view, columns) {
    const column = (p) => {
      const isNow = p === view.p;
      return h("th", { scope: "col", class: isNow ? "now" : null, "aria-current": isNow ? "true" : null }, h("span", { class: "number" }, p), isNow ? h("span", { class: "here" }, "now") : null);
    };
    return [view.alike("head", h("th", { scope: "col" }, "mapping")), columns.map(({ p }) => view.alike(`head ${p}`, column(p)))];
  },

  row(view, mapping, columns, states, isOpen) {
    const { number } = mapping;
    const row = view.part(["stages", String(number)], () => h("tr", {}));
    row.className = isOpen ? "open" : "";
    replace(
      row,
      view.alike(`row ${number}`, this.rowHead(view, mapping, isOpen)),
      columns.map((column, i) => view.alike(`${number} ${column.p}`, this.cell(view, mapping, column, states[i]))),
    );
    return row;
  },
  rowHead(view, { number, name, device }, isOpen) {
    const [first, last] = name.split(" ")[1].split("-");
    return h(
      "th",
      { scope: "row" },
      h(
        "button",
        { type: "button", class: "follow", tabindex: -1, "data-path": `stages:${number}`, "aria-pressed": String(isOpen), onclick: () => view.setOption("row", view.option("row") === String(number) ? "" : String(number)) },
        device,
        h("br"),
        h("span", { class: "range" }, `${first}-${shortRangeEnd(first, last)}`),
      ),
    );
  },

  cell(view, mapping, { p, signs }, state) {
    const { stage, cachedIn } = mappingStages.at(view.run, mapping, p, state);
    const { letter, title } = MAPPING_STAGES[stage];
    const sign = signs.get(mapping.number);
    const isNow = p === view.p;
    if (stage === "none" && !sign) return h("td", { class: isNow ? "now" : null });
    const words = `${mapping.name} at event ${p}: ${title}${cachedIn ? `, ${cachedIn}` : ""}${sign ? `; ${sign}` : ""}`;
    return h(
      "td",
      { class: `${isNow ? "now " : ""}stage-${stage}${sign === "fault" ? " stage-fault" : ""}` },
      h(
        "button",
        { type: "button", class: "follow stage-cell", tabindex: -1, "data-path": `stages:${mapping.number}:${p}`, title: words, onclick: () => view.go(p) },
        h("span", { class: "letter", "aria-hidden": "true" }, sign === "fault" ? "✗" : letter),
        sign ? h("span", { class: "sign", "aria-hidden": "true" }, STEP_SIGNS[sign]) : null,
      ),
    );
  },

  count({ shown, alive, ended, coming }) {
    const hidden = [
      alive > 0 ? `${alive} more alive` : null,
      ended > 0 ? `${ended} that ended before` : null,
      coming > 0 ? `${coming} that come later` : null,
    ].filter(Boolean);
    return hidden.length > 0 ? h("p", { class: "more" }, `The ${shown.length} mappings that move next to this event are shown. Not shown: ${hidden.join(", ")}.`) : null;
  },

  legend() {
    return h(
      "dl",
      { class: "stage-legend" },
      Object.entries(MAPPING_STAGES)
        .filter(([, { letter }]) => letter)
        .map(([stage, { letter, title, words }]) => h("div", {}, h("dt", { class: `stage-${stage}` }, letter), h("dd", {}, h("strong", {}, title), `: ${words}`))),
      h("div", {}, h("dt", { class: "stage-fault" }, "✗"), h("dd", {}, h("strong", {}, "fault"), ": the unit blocked a request for its address")),
    );
  },

  /** Scrolls the table, and nothing else, so that the event's column can be seen. */
  showNow(box) {
    const now = box.querySelector("thead .now");
    if (!now) return;
    const fixed = box.querySelector("thead th").offsetWidth;
    const wanted = now.offsetLeft - fixed - (box.clientWidth - fixed - now.offsetWidth) / 2;
    box.scrollLeft = Math.max(0, wanted);
  },
};

/** Of the last address only the digits that differ: "ffff" of 0xfffff000-0xfffffff. */
function shortRangeEnd(first, last) {
  if (first.length !== last.length) return last;
  let same = 2;
  while (same < first.length - 1 && first[same] === last[same]) ++same;
  return last.slice(same);
}
