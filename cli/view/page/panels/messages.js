// SPDX-License-Identifier: GPL-2.0-only
//
// What is said of the page as a whole: that it cannot be shown, how the run ended, and, for who does
// not see it, where a step has led.

import { h, replace } from "../dom.js";
import { differences } from "../model/state.js";

/** Whoever holds a key down hears only where it ends. */
const SAY_MS = 300;

export const messages = {
  /** Opens the page, or says why that is not possible. */
  async open(opening) {
    if (typeof DecompressionStream === "undefined") {
      this.put("This browser has no DecompressionStream, with which the run is unpacked. Browsers from 2023 on have it: Chrome 80, Firefox 113, Safari 16.4.");
      return;
    }
    try {
      await opening();
    } catch (error) {
      this.put(`The page cannot show this run: ${error.message}. Was the file cut?`);
      throw error;
    }
  },

  put(...words) {
    const host = document.getElementById("message");
    host.hidden = words.length === 0;
    replace(host, words);
  },

  /** A run in which the kernel stopped says so above everything. */
  showEnd(page) {
    const { ended, events } = page.run.head;
    if (!ended) return;
    this.put(
      h("strong", {}, "The kernel stopped in this run: "),
      `${ended} `,
      h("button", { type: "button", class: "jump", onclick: () => page.jump(events) }, `to the last event, ${events}`),
    );
  },

  /** The same of where a value came from, which was asked for just now. */
  saySelected(page) {
    if (this.saidOf === page.selected) return;
    this.saidOf = page.selected;
    const words = page.eventPanel.value.innerText.replace(/\s+/g, " ");
    if (page.selected) document.getElementById("said").textContent = words;
  },

  /** What the page shows when it opens needs no word. */
  beginAt(p) {
    this.said = p;
  },
  /** Tells a screen reader the event, unless it is playing or focus lies where it is told anyway. */
  say(page) {
    clearTimeout(this.saying);
    this.saying = setTimeout(async () => {
      if (page.playing || document.activeElement?.closest("[role=tree], [role=slider]")) return;
      const { p, run } = page;
      if (this.said === p) return;
      this.said = p;
      const [event, state, before] = p > 0 ? await Promise.all([run.event(p), run.state(p), run.state(p - 1)]) : [];
      const changed = event ? differences(before, state).length : 0;
      const values = changed === 1 ? "; 1 value changed" : changed > 1 ? `; ${changed} values changed` : "";
      if (p === page.p) document.getElementById("said").textContent = event ? `Event ${p}: ${event.line}${values}` : "Before the first event";
    }, SAY_MS);
  },
};
