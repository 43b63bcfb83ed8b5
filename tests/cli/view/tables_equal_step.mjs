// SPDX-License-Identifier: GPL-2.0-only
//
// The page's way through the tables is the program's: at random events, of random devices and
// addresses, the page's walk has the same entries, with the same values, and ends as the stepper's
// `print walk` and `print pte` do. The page has the entries from events alone, the stepper from memory.
//
//   node tables_equal_step.mjs IOMMULAB FOLDER COUNT CMD…
//
// FOLDER is for the page, COUNT how many walks, CMD what runs.

import { join } from "node:path";
import { tableWalk } from "../../../cli/view/page/model/table_walk.js";
import { documentsIn, iommulab, randomNumbers, runOfPage } from "./page_file.mjs";

const [program, folder, count, ...cmd] = process.argv.slice(2);
const page = join(folder, "tables.html");
iommulab(program, ["view", ...cmd, "-o", page]);
const run = await runOfPage(page);

const random = randomNumbers(7, 1 << 30);
const below = (n) => random.next().value % n;
const oneOf = (list) => list[below(list.length)];
const last = await run.state(run.count);

/** Devices: those with a context entry at the end, and those of the state that have none. */
const devices = [...new Set([...last.context, ...(last.device ?? [])].map((s) => s.name.split(" ").at(-1)))];

/** An address that a range or a mapping has, one close by, or any. */
function anyAddress(state) {
  const ranges = (state.tables ?? []).flatMap((table) => table.fields.ranges.map((r) => r.name));
  const mappings = run.head.mappings.map((m) => m.name.split(" ")[1]);
  const from = oneOf([ranges, mappings, mappings, []]);
  if (from.length === 0) return BigInt(below(1 << 30)) << BigInt(below(12));
  const [first, end] = oneOf(from).split("-").map(BigInt);
  return first + (BigInt(below(1 << 30)) % (end - first + 0x2000n));
}

/** The unit that a device's context entry is in, or the first. */
function unitOf(state, device) {
  const entry = state.context?.find((s) => s.name.endsWith(` ${device}`));
  return entry ? entry.name.split(" ")[0] : state.root?.[0]?.name;
}

const walks = [];
for (let i = 0; i < Number(count); ++i) {
  // Translation is on in the later part of a run: most walks are there.
  const p = below(5) > 0 ? Math.ceil(run.count / 2) + below(run.count >> 1) : 1 + below(run.count);
  const state = await run.state(p);
  const entries = state.context ?? [];
  const device = entries.length > 0 && below(8) > 0 ? oneOf(entries).name.split(" ")[1] : oneOf(devices);
  const entry = entries.find((s) => s.name.endsWith(` ${device}`))?.fields;
  const address = anyAddress(state);
  // A table's entry can be asked for where a context entry leads to tables that reach so far.
  const width = 30n + 9n * BigInt(entry?.AW ?? 0);
  walks.push({ p, device, address, hasTables: entry?.P === 1 && Number(entry.T) < 2 && address >> width === 0n });
}
walks.sort((a, b) => a.p - b.p);

const script = walks.flatMap(({ p, device, address, hasTables }) => {
  const words = `${device} 0x${address.toString(16)}`;
  return [`goto ${p}`, `print --json walk ${words}`, ...(hasTables ? [`print --json pte ${words}`] : [])];
});
const printed = documentsIn(iommulab(program, ["step", ...cmd], `${script.join("\n")}\n`));
const said = (kind, { p, device, address }) =>
  printed.find((d) => d.event === p && d.expression === `${kind} ${device} 0x${address.toString(16)}`)?.value?.fields;

let wrong = 0;
const ends = {};
for (const each of walks) {
  const step = said("walk", each);
  const state = await run.state(each.p);
  const unit = step?.unit ?? unitOf(state, each.device);
  const registers = state.registers?.find((r) => r.name === unit)?.fields ?? null;
  const root = state.root?.find((r) => r.name === unit)?.fields.table ?? "0x0";
  const isOn = Number(registers?.GSTS?.fields.TES ?? 0) === 1;
  const walk = await tableWalk.from(run, each.p, BigInt(root), each.device, each.address, { registers, hostBits: run.head.machine?.dmar?.host_address_bits });
  const end = !step ? "no unit" : !isOn && walk.end !== "interrupt" ? "translation off" : walk.end;
  ends[end] = (ends[end] ?? 0) + 1;
  const differs = step ? differenceOf(walk, step, said("pte", each), isOn) : null;
  if (!differs) continue;
  ++wrong;
  console.log(`event ${each.p}, ${each.device} 0x${each.address.toString(16)}: ${differs}`);
}
console.log(`${run.head.title}: ${walks.length} walks, ${wrong} differ; ends: ${JSON.stringify(ends)}`);
process.exit(wrong === 0 ? 0 : 1);

/** What the two walks do not agree on, or null. */
function differenceOf(walk, step, pte, isOn) {
  const hex = (n) => `0x${n.toString(16)}`;
  if (isOn) {
    const ours = walk.steps.map((s) => `${hex(s.table)}[${s.index}] ${hex(s.value2)}:${hex(s.value)}`);
    const theirs = step.steps.map(({ fields: f }) => `${f.table}[${f.index}] ${f.high}:${f.low}`);
    // Where reading is denied, the stepper's walk ends; the page's goes on to say what a write finds.
    const denied = theirs.length < ours.length && !walk.R;
    const seen = denied ? ours.slice(0, theirs.length) : ours;
    if (seen.join() !== theirs.join()) return `entries ${ours.join(", ")} / ${theirs.join(", ")}`;
    const outcome = walk.end === "translated" ? (walk.R ? "translated" : "blocked") : walk.end === "passed" ? "passed" : "blocked";
    if (outcome !== step.outcome) return `${walk.end} / ${step.outcome} ${step.fault_words ?? ""}`;
    const reason = step.fault_words?.split(" ");
    if (reason && walk.words && !(walk.words[0].includes(reason[0]) && walk.words[1].includes(reason[1]))) return `${walk.words} / ${reason}`;
    if (outcome === "translated" && hex(walk.host) !== step.host_address) return `${hex(walk.host)} / ${step.host_address}`;
    if (outcome === "translated" && (walk.R !== step.R || walk.W !== step.W)) return `rights ${walk.R}${walk.W} / ${step.R}${step.W}`;
  }
  const lowest = walk.steps.at(-1);
  if (pte && typeof lowest?.level === "number" && (hex(lowest.value) !== pte.value || lowest.level !== pte.level || lowest.index !== pte.index)) {
    return `pte level ${lowest.level} ${hex(lowest.value)} / level ${pte.level} ${pte.value}`;
  }
  return null;
}
