// SPDX-License-Identifier: GPL-2.0-only
//
// What the last events changed: for each path how many events ago, as far back as that is lit.

import { differences } from "./model/state.js";
import { pathText } from "./values.js";

/** Events over which what one changed fades. */
const FADES_OVER = 3;

/** {path as text: 0 for what event p changed, 1 for what the event before it did, …}. */
export async function agesAt(run, p) {
  const ages = new Map();
  for (let age = FADES_OVER - 1; age >= 0; --age) {
    if (p - age < 1 || !(await run.changes(p - age))) continue;
    const [after, before] = await Promise.all([run.state(p - age), run.state(p - age - 1)]);
    for (const { path } of differences(before, after)) {
      for (let length = 2; length <= path.length; ++length) ages.set(pathText(path.slice(0, length)), age);
    }
  }
  return ages;
}
