// SPDX-License-Identifier: GPL-2.0-only
//
// What tests expect.

export function equal(is, wanted, what) {
  const [a, b] = [JSON.stringify(is), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: is ${a}, not ${b}`);
}
export function ok(holds, what) {
  if (!holds) throw new Error(what);
}
