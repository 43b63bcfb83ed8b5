// SPDX-License-Identifier: GPL-2.0-only
//
// Who called whom, from the kinds of the events alone.

/** No such event. */
export const NONE = -1;

/**
 * Positions count events from 1, as the stepper does. For each event the call around it, and for
 * each call its end.
 */
export class Calls {
  /** @param {Uint8Array} kinds a byte an event; @param {string[]} names of the kinds. */
  constructor(kinds, names) {
    const enter = names.indexOf("call_enter");
    const exit = names.indexOf("call_exit");
    const count = kinds.length;
    this.caller = new Int32Array(count + 1).fill(NONE);
    this.exit = new Int32Array(count + 1).fill(NONE);
    this.depth = new Uint16Array(count + 1);
    const open = [];
    for (let p = 1; p <= count; ++p) {
      const around = open.length ? open[open.length - 1] : NONE;
      this.caller[p] = around;
      if (kinds[p - 1] === exit && around !== NONE) {
        this.exit[around] = p;
        open.pop();
      }
      this.depth[p] = open.length;
      if (kinds[p - 1] === enter) open.push(p);
    }
  }

  /** The calls that are open behind event p, outermost first. */
  stack(p) {
    const open = [];
    if (p < 1) return open;
    let call = this.caller[p];
    const isExit = call !== NONE && this.exit[call] === p;
    if (isExit) call = this.caller[call];
    else if (this.exit[p] !== NONE || this.isOpenCall(p)) call = p;
    for (; call !== NONE; call = this.caller[call]) open.unshift(call);
    return open;
  }

  /** A call that never ends. */
  isOpenCall(p) {
    return p < this.caller.length - 1 && this.caller[p + 1] === p;
  }

  /** Past the whole of a call; else the next event. */
  over(p) {
    return this.exit[p] !== NONE ? this.exit[p] : p + 1;
  }
}
