// SPDX-License-Identifier: GPL-2.0-only
//
// What the event is, what it changed, where its function stands; and of a value that was chosen,
// which events set it.

import { h, replace, rove } from "../dom.js";
import { differences, valueAt } from "../model/state.js";
import { pathOf, valueNode, valueWords } from "../values.js";
import { mappingStory } from "./story.js";

export class EventPanel {
  constructor(host, page) {
    this.page = page;
    this.line = h("div", { class: "event-line" });
    this.value = h("section", { class: "origin", "aria-label": "Where the value came from" });
    this.changed = h("section", { class: "changed", "aria-label": "What this event changed" });
    this.story = h("section", { class: "story", "aria-label": "The mapping that this event is a step of" });
    this.stack = h("section", { class: "stack", "aria-label": "Open calls" });
    this.source = h("section", { class: "source", "aria-label": "Source" });
    this.notes = h("section", { class: "notes", "aria-label": "Notes" });
    host.append(this.line, this.value, this.changed, this.story, this.stack, this.notes, this.source);
    rove(this.changed, "button.value");
  }

  async show(view) {
    const { run, p } = view;
    const event = p > 0 ? await run.event(p) : null;
    if (p !== this.page.p) return;
    replace(this.line, this.lineOf(view, event));
    replace(this.changed, this.changesOf(view));
    const story = await mappingStory.section(view, event, (to) => this.page.jump(to));
    if (p !== this.page.p) return;
    replace(this.story, story);
    replace(this.stack, await this.stackOf(view));
    replace(this.notes, this.notesOf(view));
    await Promise.all([this.showOrigin(view), this.showSource(view)]);
  }

  lineOf(view, event) {
    if (!event) return h("p", {}, "Nothing has happened yet. Step with ", h("kbd", {}, "."), ".");
    const facts = Object.entries(event).filter(
      ([name]) => !["kind", "line", "depth", "time_ns", "arguments", "result", "put_off"].includes(name),
    );
    const values = [...(event.arguments ?? []), ...(event.result ?? [])];
    return [
      h("p", { class: "where" }, `Event ${view.p} of ${view.run.count} · ${event.kind.replace("_", " ")} · ${time(event.time_ns)}`),
      h("pre", { class: "line" }, event.line),
      event.put_off ? h("p", { class: "words" }, "One of a row of entries that were written in one go: what it changed in tables, caches and pages is told behind the last of them.") : null,
      values.length > 0
        ? h("dl", { class: "facts" }, values.map((v) => [h("dt", {}, v.name || "returned"), h("dd", {}, String(v.value))]))
        : null,
      event.kind.startsWith("call")
        ? null
        : h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))])),
    ];
  }

  changesOf(view) {
    const all = differences(view.before, view.state);
    const most = 12;
    if (all.length === 0) return null;
    return [
      h("h3", {}, "Changed"),
      h(
        "ul",
        {},
        all.slice(0, most).map(({ path, before, after }) =>
          h(
            "li",
            {},
            h("span", { class: "path" }, path.slice(1).filter(Boolean).join(" · ")),
            h("span", { class: "then" }, " ", valueWords(before), " → "),
            valueNode(view, path, after),
          ),
        ),
      ),
      all.length > most ? h("p", { class: "more" }, `and ${all.length - most} more`) : null,
    ];
  }

  async stackOf(view) {
    const open = view.run.calls.stack(view.p);
    if (open.length === 0) return null;
    const events = await Promise.all(open.map((call) => view.run.event(call)));
    return [
      h("h3", {}, "Open calls"),
      h(
        "ol",
        {},
        open.map((call, i) =>
          h("li", {}, h("button", { type: "button", class: "jump", onclick: () => this.page.jump(call) }, h("code", {}, events[i].line))),
        ),
      ),
    ];
  }

  // --- where a value came from ------------------------------------------------------------------

  async showOrigin(view) {
    const text = this.page.selected;
    if (!text) {
      replace(this.value);
      return;
    }
    const path = pathOf(text);
    const p = view.p;
    const [set, next] = await Promise.all([view.run.setBy(path, p), view.run.changedNext(path, p)]);
    const earlier = set > 0 ? await view.run.setBy(path, set - 1) : 0;
    const events = await Promise.all([set, next, earlier].map((e) => (e > 0 ? view.run.event(e) : null)));
    if (p !== this.page.p || text !== this.page.selected) return;
    const now = valueAt(view.state, path);
    replace(
      this.value,
      h("h3", {}, "Where this came from"),
      h("p", { class: "path" }, path.filter(Boolean).join(" · ")),
      h("p", { class: "now" }, valueWords(now)),
      set > 0 ? this.origin("Set at", "set", set, events[0], view) : h("p", {}, "It was so from the beginning."),
      earlier > 0 ? this.origin("Before that, at", "earlier", earlier, events[2], view) : null,
      next > 0 ? this.origin("Changes next at", "next", next, events[1], view) : h("p", {}, "It stays so to the end of the run."),
      h("button", { type: "button", class: "quiet", onclick: () => this.page.select(null) }, "Close"),
    );
  }
  origin(words, role, p, event, view) {
    const caller = view.run.calls.caller[p];
    return h(
      "p",
      {},
      `${words} `,
      h("button", { type: "button", class: "jump", "data-origin": role, onclick: () => this.page.jump(p) }, `event ${p}`),
      caller > 0 ? [" in ", h("code", {}, `${view.run.functionName(caller)}()`)] : null,
      h("code", { class: "line" }, event.line),
    );
  }

  // --- sources -----------------------------------------------------------------------------------

  async showSource(view) {
    const open = view.run.calls.stack(view.p);
    const name = view.p > 0 && view.run.functionName(view.p) ? view.run.functionName(view.p) : open.length > 0 ? view.run.functionName(open[open.length - 1]) : "";
    const source = (await view.run.sources())[name];
    if (view.p !== this.page.p || name === this.sourceName) return;
    this.sourceName = name;
    if (!source) {
      replace(this.source, name ? h("p", { class: "words" }, `${name}() is called by tests or hardware: it has no text here.`) : null);
      return;
    }
    replace(
      this.source,
      h("h3", {}, h("code", {}, `${name}()`)),
      h("p", { class: "place" }, `${source.file}:${source.line}`),
      source.kernel_file
        ? h("p", { class: "place" }, `Linux ${source.kernel_version} ${source.kernel_file}: ${source.kernel_function}()`)
        : null,
      h("pre", { class: "text", tabindex: 0, role: "region", "aria-label": `Text of ${name}()` }, h("code", {}, source.text)),
    );
  }

  // --- notes -------------------------------------------------------------------------------------

  notesOf(view) {
    const { page } = this;
    const input = (this.noteInput ??= h("input", { type: "text", "aria-label": "Note on this event", placeholder: "A note on this event, kept in the link" }));
    return [
      h("h3", {}, "Notes"),
      page.notes.length > 0
        ? h(
            "ul",
            {},
            page.notes.map((note, i) =>
              h(
                "li",
                {},
                h("button", { type: "button", class: "jump", onclick: () => page.jump(note.event) }, `event ${note.event}`),
                h("span", { class: "note" }, ` ${note.text} `),
                h("button", { type: "button", class: "quiet", "aria-label": `Remove the note on event ${note.event}`, onclick: () => page.removeNote(i) }, "×"),
              ),
            ),
          )
        : null,
      h(
        "form",
        {
          onsubmit: (e) => {
            e.preventDefault();
            const text = input.value.trim();
            input.value = "";
            if (text) page.addNote(text);
          },
        },
        input,
        h("button", { type: "submit" }, "Add"),
      ),
    ];
  }
}

function time(ns) {
  return `${(ns / 1e9).toFixed(6)} s`;
}
