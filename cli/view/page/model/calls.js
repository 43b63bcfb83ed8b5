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
    this.kinds = kinds;
    this.enter = enter;
    this.caller = new Int32Array(count + 1).fill(NONE);
    this.exit = new Int32Array(count + 1).fill(NONE);
    this.depth = new Uint16Array(count + 1);
    let around = NONE;
    let depth = 0;
    for (let p = 1; p <= count; ++p) {
      const kind = kinds[p - 1];
      this.caller[p] = around;
      if (kind === exit && around !== NONE) {
        this.exit[around] = p;
        around = this.caller[around];
        --depth;
      }
      this.depth[p] = depth;
      if (kind === enter) {
        around = p;
        ++depth;
      }
    }
  }

  /** Whether a call begins at p. */
  isCall(p) {
    return this.kinds[p - 1] === this.enter;
  }

  /** The calls that are open behind event p, outermost first. */
  stack(p) {
    const open = [];
    if (p < 1) return open;
    let call = this.caller[p];
    const isExit = call !== NONE && this.exit[call] === p;
    if (isExit) call = this.caller[call];
    else if (this.isCall(p)) call = p;
    for (; call !== NONE; call = this.caller[call]) open.push(call);
    return open.reverse();
  }

  /** Past the whole of a call; else the next event. */
  over(p) {
    return this.exit[p] !== NONE ? this.exit[p] : p + 1;
  }
}
