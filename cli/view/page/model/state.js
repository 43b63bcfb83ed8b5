// SPDX-License-Identifier: GPL-2.0-only
//
// A state is what `iommulab step` prints with `print --json`: {KIND: [STRUCTURE, …]}, a structure
// {"struct", "name", "fields": {FIELD: value, FIELD_words: what it means}}.
//
// States are never changed. A new one shares with the old one whatever stayed the same, so that
// holding a thousand costs little, and `===` tells that nothing changed.

/** The state behind an event: `changes` is {KIND: delta} or null (cli/view/state_delta.h). */
export function applyChanges(state, changes, own = null) {
  if (!changes) return state;
  const next = ownCopy(state, own, (s) => ({ ...s }));
  for (const [kind, delta] of Object.entries(changes)) {
    next[kind] = applyToList(state[kind] ?? [], delta, own);
  }
  return next;
}

/** The state behind many events. What is in between is seen by nobody, and so nothing is copied twice. */
export function applyAll(state, list) {
  const own = new Set();
  return list.reduce((now, changes) => applyChanges(now, changes, own), state);
}

/** A copy; of what is in `own`, which are copies already, itself. */
function ownCopy(value, own, copy) {
  if (own?.has(value)) return value;
  const next = copy(value);
  own?.add(next);
  return next;
}

function applyToList(list, delta, own) {
  const next = ownCopy(list, own, (l) => l.slice());
  if (delta.s) next.splice(delta.s[0], delta.s[1], ...delta.s[2]);
  for (const [index, inner] of Object.entries(delta["~"] ?? {})) {
    next[index] = applyToStructure(next[index], inner, own);
  }
  return next;
}

function applyToStructure(structure, delta, own) {
  const next = ownCopy(structure, own, (s) => ({ ...s }));
  const fields = ownCopy(structure.fields, own, (f) => ({ ...f }));
  for (const [member, value] of Object.entries(delta["="] ?? {})) {
    if (value === null && member.endsWith("_words")) delete fields[member];
    else fields[member] = value;
  }
  for (const [field, inner] of Object.entries(delta["~"] ?? {})) {
    const value = fields[field];
    fields[field] = Array.isArray(value) ? applyToList(value, inner, own) : applyToStructure(value, inner, own);
  }
  next.fields = fields;
  return next;
}

/** Whether a field is no value, but says what the field of the same name means. */
export function isWords(field, fields) {
  return field.endsWith("_words") && field.slice(0, -"_words".length) in fields;
}

/** Whether a value of a field points to a structure. */
export function isLink(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) && !value.fields;
}

/** Whether a value of a field is a structure. */
export function isStructure(value) {
  return value !== null && typeof value === "object" && !!value.fields;
}

/** The structure of a kind by its name; by its place when it has none. */
export function findStructure(state, kind, name) {
  const list = state[kind] ?? [];
  return list.find((s) => (s.name ?? "") === name) ?? null;
}

/**
 * The value at a path: [KIND, NAME, FIELD or ELEMENT, …]. An element of a list is its name, or its
 * index where it has none. Undefined where nothing is there.
 */
export function valueAt(state, path) {
  const [kind, name, ...rest] = path;
  let value = (state[kind] ?? []).find((s) => (s.name ?? "") === name);
  for (const step of rest) {
    if (value === null || value === undefined) return undefined;
    if (Array.isArray(value)) value = value.find((item) => item?.name === step) ?? value[Number(step)];
    else if (isStructure(value)) value = value.fields[step];
    else return undefined;
  }
  return value;
}

/** How an element of a list is called in a path. */
export function elementName(list, index) {
  const item = list[index];
  return isStructure(item) && item.name ? item.name : String(index);
}

/** Whether two values read the same; what they mean is no part of it. */
export function sameValue(a, b) {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((x, i) => sameValue(x, b[i]));
  }
  if (isStructure(a) !== isStructure(b)) return false;
  if (!isStructure(a)) return a.struct === b.struct && a.name === b.name;
  if (a.struct !== b.struct || a.name !== b.name) return false;
  const own = Object.keys(a.fields).filter((f) => !isWords(f, a.fields));
  const other = Object.keys(b.fields).filter((f) => !isWords(f, b.fields));
  return own.length === other.length && own.every((f) => sameValue(a.fields[f], b.fields[f]));
}

/** Whether two values are the same in everything, what they mean included. */
export function isAlike(a, b) {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  const members = Object.keys(a);
  return members.length === Object.keys(b).length && members.every((member) => isAlike(a[member], b[member]));
}

/**
 * The paths of what differs between two states, at most `most`: the smallest values that do.
 * @returns {{path: string[], before: *, after: *}[]}
 */
export function differences(before, after, most = 200) {
  const found = [];
  for (const kind of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (before[kind] === after[kind]) continue;
    differentItems(before[kind] ?? [], after[kind] ?? [], [kind], found, most);
  }
  return found;
}

function differentItems(before, after, path, found, most) {
  // What is the same at either end needs no look; from behind only where names, not places, tell.
  let first = 0;
  while (first < before.length && first < after.length && before[first] === after[first]) ++first;
  let same = 0;
  const least = Math.min(before.length, after.length) - first;
  const isNamed = (item) => isStructure(item) && item.name;
  while (same < least) {
    const item = after[after.length - 1 - same];
    if (before[before.length - 1 - same] !== item) break;
    if (before.length !== after.length && !isNamed(item)) break;
    ++same;
  }
  const named = (list) => {
    const items = new Map();
    // A structure of a kind goes by its name alone, as in valueAt().
    const nameOf = (i) => (path.length === 1 ? (list[i].name ?? "") : elementName(list, i));
    for (let i = first; i < list.length - same; ++i) items.set(nameOf(i), list[i]);
    return items;
  };
  const then = named(before);
  const now = named(after);
  for (const [name, item] of now) differentValues(then.get(name), item, [...path, name], found, most);
  for (const [name, item] of then) {
    if (!now.has(name)) differentValues(item, undefined, [...path, name], found, most);
  }
}

function differentValues(before, after, path, found, most) {
  if (before === after || found.length >= most) return;
  if (Array.isArray(before) && Array.isArray(after)) {
    differentItems(before, after, path, found, most);
  } else if (isStructure(before) && isStructure(after)) {
    for (const field of Object.keys(after.fields)) {
      if (isWords(field, after.fields)) continue;
      differentValues(before.fields[field], after.fields[field], [...path, field], found, most);
    }
  } else if (!sameValue(before, after)) {
    found.push({ path, before, after });
  }
}
