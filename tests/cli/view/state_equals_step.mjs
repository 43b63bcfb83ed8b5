// SPDX-License-Identifier: GPL-2.0-only
//
// The page's state is the program's: at random events of a run every structure that the stepper
// prints is in the page, the same in every field, and no other is.
//
//   node state_equals_step.mjs IOMMULAB FOLDER COUNT CMD…
//
// FOLDER is for the page, COUNT how many events, CMD what runs.

import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { documentsIn, iommulab, randomNumbers, runOfPage } from "./page_file.mjs";

/** Kinds that the stepper prints unit by unit. */
const OF_UNITS = ["registers", "root", "context", "caches", "queue"];

/** [expression, value]: of context entries a list a unit, of others a structure a unit. */
function unitByUnit(kind, structures) {
  if (kind !== "context") return structures.map((s) => [`${kind} ${s.name}`, s]);
  const units = new Map();
  for (const entry of structures) {
    const unit = entry.name.split(" ")[0];
    units.set(unit, [...(units.get(unit) ?? []), entry]);
  }
  return [...units].map(([unit, entries]) => [`context ${unit}`, entries]);
}

const [program, folder, count, ...cmd] = process.argv.slice(2);
const page = join(folder, "page.html");
iommulab(program, ["view", ...cmd, "-o", page]);
const run = await runOfPage(page);

const random = randomNumbers(1, run.count);
const positions = [...Array(Number(count))].map(() => random.next().value + 1).sort((a, b) => a - b);
positions.push(run.count);

// What the stepper is asked for at each of them, and what the page says.
const script = [];
const expected = [];
for (const p of positions) {
  const state = await run.state(p);
  script.push(`goto ${p}`);
  for (const [kind, structures] of Object.entries(state)) {
    const asked = kind === "pages" ? [[kind, structures[0]]] : OF_UNITS.includes(kind) ? unitByUnit(kind, structures) : [[kind, structures]];
    for (const [expression, value] of asked) {
      if (Array.isArray(value) && value.length === 0) continue;
      script.push(`print --json ${expression}`);
      expected.push({ p, expression, value });
    }
  }
}

const printed = documentsIn(iommulab(program, ["step", ...cmd], `${script.join("\n")}\n`));
let wrong = printed.length === expected.length ? 0 : 1;
if (wrong) console.log(`the stepper printed ${printed.length} documents, the page has ${expected.length} values`);
expected.forEach(({ p, expression, value }, i) => {
  const step = printed[i];
  if (wrong > 10 || (step?.expression === expression && step.event === p && isDeepStrictEqual(step.value, value))) return;
  ++wrong;
  console.log(`event ${p}, ${expression}:\n  step ${JSON.stringify(step?.value)?.slice(0, 400)}\n  page ${JSON.stringify(value).slice(0, 400)}`);
});
console.log(`${run.head.title}: ${expected.length} values at ${positions.length} events, ${wrong} differ`);
process.exit(wrong === 0 ? 0 : 1);
