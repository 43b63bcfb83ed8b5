// SPDX-License-Identifier: GPL-2.0-only
//
// Fuzzy search of everything that has a name: functions, log lines, registers, structures, devices;
// and of the text of all events.

import { h, replace } from "../dom.js";
import { pathText } from "../values.js";

const SHOWN = 40;

/** How well a text fits: the letters in their order, the closer together the better; 0 for no. */
export function fit(pattern, text) {
  const wanted = pattern.toLowerCase();
  const given = text.toLowerCase();
  const whole = given.indexOf(wanted);
  if (whole >= 0) return 1000 - whole - given.length / 100;
  let at = 0;
  let gaps = 0;
  for (const letter of wanted) {
    const next = given.indexOf(letter, at);
    if (next < 0) return 0;
    gaps += next - at;
    at = next + 1;
  }
  return Math.max(1, 500 - 10 * gaps);
}

export class SearchBox {
  constructor(page) {
    this.page = page;
    this.input = h("input", {
      type: "search",
      role: "combobox",
      "aria-expanded": "true",
      "aria-controls": "search-results",
      "aria-label": "Search functions, structures, registers, devices, events",
      placeholder: "Function, register, structure, device, address, text",
      oninput: () => this.search(),
      onkeydown: (e) => this.key(e),
    });
    this.results = h("ul", { id: "search-results", role: "listbox", "aria-label": "Results" });
    this.status = h("p", { class: "status", role: "status" });
    this.dialog = h("dialog", { class: "search", "aria-label": "Search" }, this.input, this.status, this.results);
    document.body.append(this.dialog);
  }

  open() {
    this.dialog.showModal();
    this.input.select();
    this.search();
  }
  close() {
    this.dialog.close();
  }

  async search() {
    const pattern = this.input.value.trim();
    const searching = (this.searching = (this.searching ?? 0) + 1);
    if (!pattern) {
      this.found = [];
      this.draw("");
      return;
    }
    const { run, state } = this.page;
    const named = [...this.functions(run), ...this.structures(state)];
    this.found = best(named, pattern);
    this.draw("searching the events …");
    const lines = [];
    for (let number = 0; number < run.firsts.length && lines.length < SHOWN; ++number) {
      const chunk = await run.chunk(number);
      if (searching !== this.searching) return;
      chunk.events.forEach((event, i) => {
        const text = event.line;
        if (event.kind !== "call_exit" && text.toLowerCase().includes(pattern.toLowerCase())) {
          const p = chunk.first + i + 1;
          lines.push({ text, group: `event ${p}`, go: () => this.page.jump(p) });
        }
      });
    }
    this.found = [...this.found.slice(0, SHOWN / 2), ...lines].slice(0, SHOWN);
    this.draw(this.found.length === 0 ? "nothing" : this.found.length === SHOWN ? `the first ${SHOWN}` : `${this.found.length} found`);
  }

  functions(run) {
    return run.head.functions.map((name, i) => ({
      text: `${name}()`,
      group: "function",
      go: () => {
        const isCalled = (p) => run.functions[p - 1] === i + 1 && run.kind(p) === "call_enter";
        for (let p = this.page.p + 1; p <= run.count; ++p) if (isCalled(p)) return this.page.jump(p);
        for (let p = 1; p <= run.count; ++p) if (isCalled(p)) return this.page.jump(p);
        return undefined;
      },
    }));
  }
  structures(state) {
    const all = [];
    for (const [kind, list] of Object.entries(state)) {
      for (const structure of list) {
        const path = [kind, structure.name ?? ""];
        all.push({ text: `${kind} ${structure.name ?? ""}`, group: "structure", go: () => this.page.showStructure(path) });
        if (kind !== "registers") continue;
        for (const register of Object.keys(structure.fields).filter((f) => !f.endsWith("_words"))) {
          all.push({
            text: `${structure.name}.${register}`,
            group: "register",
            go: () => {
              this.page.showView("registers");
              this.page.select(pathText([kind, structure.name, register, "value"]));
            },
          });
        }
      }
    }
    return all;
  }

  draw(status) {
    this.chosen = 0;
    this.status.textContent = status;
    replace(
      this.results,
      this.found.map((each, i) =>
        h(
          "li",
          { role: "option", id: `result-${i}`, "aria-selected": String(i === 0), onclick: () => this.take(i) },
          h("code", {}, each.text),
          h("span", { class: "group" }, each.group),
        ),
      ),
    );
    this.mark();
  }
  mark() {
    [...this.results.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === this.chosen)));
    const item = this.results.children[this.chosen];
    if (item) {
      item.scrollIntoView({ block: "nearest" });
      this.input.setAttribute("aria-activedescendant", item.id);
    } else {
      this.input.removeAttribute("aria-activedescendant");
    }
  }
  take(i) {
    const taken = this.found[i];
    if (!taken) return;
    this.close();
    taken.go();
  }
  key(e) {
    if (e.key === "Enter") this.take(this.chosen);
    else if (e.key === "ArrowDown") this.chosen = Math.min(this.chosen + 1, this.found.length - 1);
    else if (e.key === "Escape") this.close();
    else if (e.key === "ArrowUp") this.chosen = Math.max(this.chosen - 1, 0);
    else return;
    e.preventDefault();
    this.mark();
  }
}

function best(all, pattern) {
  return all
    .map((each) => ({ ...each, fit: fit(pattern, each.text) }))
    .filter((each) => each.fit > 0)
    .sort((a, b) => b.fit - a.fit)
    .slice(0, SHOWN);
}
