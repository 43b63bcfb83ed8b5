// SPDX-License-Identifier: GPL-2.0-only
//
// One run: its events, and the state behind each of them.
//
// Position p counts events from 1, as the stepper does: the state at p is as event p left it, and at
// 0 nothing has happened. Events and changes lie in chunks, which are unpacked when they are wanted;
// some chunks have the state before their first event, others go on from the chunk before.

import { Calls } from "./calls.js";
import { unpackBytes, unpackText } from "./packed.js";
import { applyAll, applyChanges, sameValue, valueAt } from "./state.js";

/** Chunks that are kept unpacked, those of them with the states of all their events, and states behind chunks. */
const KEPT_CHUNKS = 48;
const KEPT_STATES = 12;
const KEPT_ENDS = 96;

export class Run {
  /** Reads the document's head and packed chunks. `packedChunk(i)` gives the text of one. */
  static async load(head, packedChunk) {
    const run = new Run();
    run.head = head;
    run.count = head.events;
    run.packedChunk = packedChunk;
    run.kinds = await unpackBytes(head.event_kinds);
    const numbers = await unpackBytes(head.event_functions);
    run.functions = new Uint16Array(numbers.buffer, 0, numbers.length / 2);
    run.calls = new Calls(run.kinds, head.kinds);
    run.chunks = new Map();
    run.withStates = new Map();
    run.ends = new Map();
    run.firsts = head.chunks.map((chunk) => chunk.first);
    return run;
  }

  /** "reg_write" */
  kind(p) {
    return this.head.kinds[this.kinds[p - 1]];
  }
  /** The function that is entered or left; "" for other events. */
  functionName(p) {
    const number = this.functions[p - 1];
    return number ? this.head.functions[number - 1] : "";
  }

  /** Which chunk event p lies in. */
  chunkOf(p) {
    let low = 0;
    let high = this.firsts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.firsts[middle] <= p - 1) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Unpacked: {first, events, changes, states}; states[i] is that before event i of the chunk. */
  chunk(number) {
    let wanted = this.chunks.get(number);
    if (!wanted) wanted = this.unpack(number);
    this.chunks.delete(number);
    this.chunks.set(number, wanted);
    for (const old of this.chunks.keys()) {
      if (this.chunks.size <= KEPT_CHUNKS) break;
      this.chunks.delete(old);
    }
    return wanted;
  }
  async unpack(number) {
    const text = await unpackText(this.packedChunk(number));
    const chunk = JSON.parse(text);
    chunk.first = this.firsts[number];
    return chunk;
  }
  async statesOf(number) {
    const chunk = await this.chunk(number);
    chunk.states ??= this.computeStates(number, chunk);
    this.withStates.delete(number);
    this.withStates.set(number, chunk);
    for (const [old, other] of this.withStates) {
      if (this.withStates.size <= KEPT_STATES) break;
      other.states = null;
      this.withStates.delete(old);
    }
    return chunk.states;
  }
  async computeStates(number, chunk) {
    let state = chunk.state ?? (await this.stateBefore(number));
    const states = [state];
    for (const changes of chunk.changes) states.push((state = applyChanges(state, changes)));
    return states;
  }
  /** The state that a chunk goes on from, out of the chunks between it and the last known one. */
  async stateBefore(number) {
    let base = number;
    while (!this.head.chunks[base].state && !this.ends.has(base - 1)) --base;
    let state = this.ends.get(base - 1);
    const passed = [];
    for (let each = base; each < number; ++each) passed.push(this.chunk(each));
    for (let each = base; each < number; ++each) {
      const { state: own, changes } = await passed[each - base];
      state = applyAll(own ?? state, changes);
      this.ends.set(each, state);
    }
    for (const old of this.ends.keys()) {
      if (this.ends.size <= KEPT_ENDS) break;
      this.ends.delete(old);
    }
    return state;
  }

  /** Event p as the program's JSON has it, with its line of the trace. */
  async event(p) {
    const chunk = await this.chunk(this.chunkOf(p));
    return chunk.events[p - 1 - chunk.first];
  }
  /** {KIND: delta} or null. */
  async changes(p) {
    const chunk = await this.chunk(this.chunkOf(p));
    return chunk.changes[p - 1 - chunk.first];
  }
  async state(p) {
    const number = this.chunkOf(Math.max(p, 1));
    const states = await this.statesOf(number);
    return states[p - this.firsts[number]];
  }

  /** Where each function stands: {FUNCTION: {file, line, text, kernel_file, …}}. */
  sources() {
    this.sourceTable ??= unpackText(this.head.sources).then(JSON.parse);
    return this.sourceTable;
  }

  // --- where a value comes from ---------------------------------------------------------------

  /** The last event at or before p that changed the value at a path; 0 when none did. */
  async setBy(path, p) {
    for (let number = this.chunkOf(Math.max(p, 1)); number >= 0; --number) {
      if (!this.touches(number, path)) continue;
      const found = await this.changeIn(number, path, this.firsts[number] + 1, p, true);
      if (found) return found;
    }
    return 0;
  }
  /** The first event behind p that changes the value; 0 when none does. */
  async changedNext(path, p) {
    for (let number = this.chunkOf(Math.min(p + 1, this.count)); number < this.firsts.length; ++number) {
      if (!this.touches(number, path)) continue;
      const found = await this.changeIn(number, path, p + 1, this.count, false);
      if (found) return found;
    }
    return 0;
  }
  /** Whether a chunk changes something of the structure that a path begins with. */
  touches(number, path) {
    this.structureNumbers ??= new Map(this.head.structures.map((name, i) => [name, i]));
    const wanted = this.structureNumbers.get(`${path[0]}/${path[1]}`);
    return wanted !== undefined && this.head.chunks[number].touched.includes(wanted);
  }
  async changeIn(number, path, from, to, last) {
    const chunk = await this.chunk(number);
    const states = await this.statesOf(number);
    const first = Math.max(from, chunk.first + 1);
    const end = Math.min(to, chunk.first + chunk.events.length);
    for (let i = 0; i <= end - first; ++i) {
      const p = last ? end - i : first + i;
      const at = p - chunk.first;
      if (!chunk.changes[at - 1]?.[path[0]]) continue;
      if (!sameValue(valueAt(states[at - 1], path), valueAt(states[at], path))) return p;
    }
    return 0;
  }
}
