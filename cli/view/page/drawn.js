// SPDX-License-Identifier: GPL-2.0-only
//
// Elements of views that were drawn at an earlier event, to be used again: what stays in the document
// is not laid out again.

import { isAlikeElement } from "./dom.js";
import { isAlike } from "./model/state.js";
import { pathText } from "./values.js";

/** Those that were used last are remembered, however many there were. */
const MOST_DRAWN = 3000;

export class DrawnElements {
  constructor() {
    this.all = new Map(); // by view and name: {element, and what it was drawn from}
  }
  get(name) {
    const known = this.all.get(name);
    if (known) this.put(name, known);
    return known;
  }
  put(name, known) {
    this.all.delete(name);
    this.all.set(name, known);
    if (this.all.size > MOST_DRAWN) this.all.delete(this.all.keys().next().value);
  }

  /**
   * What a view asks for its elements with; `selected` is the path of the value that was chosen. Who
   * draws on though the reader is elsewhere by now (`isOld`) has elements of its own.
   */
  of(view, ages, selected, isOld) {
    const own = {
      /** The one that was drawn before, where its value is the same and has no light. */
      kept: (path, value, make) => {
        const text = pathText(path);
        const name = `${view} ${text}`;
        if (ages.has(text) || selected?.startsWith(text)) {
          this.all.delete(name);
          return make();
        }
        const old = this.get(name);
        if (old && isAlike(old.value, value)) return old.element;
        const element = make();
        this.put(name, { value, element });
        return element;
      },
      /** One that is there once and for all; who asks for it fills it. */
      part: (path, make) => {
        const name = `${view} part ${pathText(path)}`;
        const known = this.get(name) ?? { element: make() };
        this.put(name, known);
        return known.element;
      },
      /** The one that was drawn before, where it would be drawn from the same. */
      same: (what, drawnFrom, make) => {
        const name = `${view} same ${what}`;
        if (this.get(name)?.drawnFrom !== drawnFrom) this.put(name, { drawnFrom, element: make() });
        return this.get(name).element;
      },
      /** The one that was drawn before, where it reads the same. What it does when it is pressed is all in what it reads. */
      alike: (what, element) => {
        const name = `${view} alike ${what}`;
        const old = this.get(name);
        if (old && isAlikeElement(old.element, element)) return old.element;
        this.put(name, { element });
        return element;
      },
    };
    const anew = DrawnElements.none();
    const each = (name) => (...words) => (isOld() ? anew[name](...words) : own[name](...words));
    return Object.fromEntries(Object.keys(own).map((name) => [name, each(name)]));
  }

  /** The same for who draws everything anew. */
  static none() {
    return { kept: (path, value, make) => make(), part: (path, make) => make(), same: (what, drawnFrom, make) => make(), alike: (what, element) => element };
  }
}
