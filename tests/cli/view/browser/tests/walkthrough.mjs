// SPDX-License-Identifier: GPL-2.0-only
//
// What the published walk-through shows can be read off the page: at the event to which each command
// of its scripts (tests/cli/tours/walkthrough) leads, the page shows what the stepper prints.

import { readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ok } from "../check.mjs";
import { iommulab } from "../../page_file.mjs";
import { PAGE_PARTS } from "../pages.mjs";
import { settled } from "../browser.mjs";

const SCRIPTS = resolve(dirname(fileURLToPath(import.meta.url)), "../../../tours/walkthrough");

/** The page at an event, in words: its calls, the event, and each view; and each value by its path. */
async function pageAt(tab, event) {
  return tab.evaluate(async (p) => {
    await iommulab.go(p);
    const views = ["figure", "firmware", "devices", "iova", "registers", "tables", "caches", "queue", "memory", "structures", "log"];
    let text = document.getElementById("event").innerText;
    const values = [];
    for (const view of views) {
      iommulab.viewName = view;
      await iommulab.show();
      for (const details of document.querySelectorAll("#stage details:not([open])")) details.open = true;
      await new Promise((done) => setTimeout(done, 0));
      for (const details of document.querySelectorAll("#stage details:not([open])")) details.open = true;
      text += `\n${document.getElementById("stage").innerText}`;
      for (const value of document.querySelectorAll("#stage [data-path]")) values.push([decodeURIComponent(value.dataset.path), value.textContent]);
    }
    return { text, values };
  }, event);
}

/** Without what the stepper's notation adds: quotes, a pointer's type, the blank in front of "(". */
function plain(words) {
  return words
    .trim()
    .replace(/\(struct [\w ]+\*\) /g, "")
    .replace(/^"(.*)"$/, "$1")
    .replace(/^(\w+) \(/, "$1(");
}

/** "reg_phys = 0xfed90000" as [field, value]; "[0] = dmar0" likewise; null for other words. */
function fieldOf(piece) {
  const match = /^\.?\[?([\w.-]+)\]? =\s?(.*?)[,;]?$/.exec(piece.trim());
  return match && [match[1], plain(match[2].replace(/^\{ \[0\] = (.*) \}$/, "$1"))];
}

/** The forms in which the stepper tells something that the page shows as a value elsewhere. */
const FORMS = [
  // A field, or an element of a list.
  (piece, { values }) => {
    const [name, value] = fieldOf(piece) ?? [];
    const inner = (path) => path.split("/");
    return name && values.some(([path, shown]) => (inner(path).at(-1) === name || inner(path).at(-3) === name) && shown.startsWith(value));
  },
  // Elements in a row.
  (piece, { values }) => {
    const [, first, last, value] = /^\[(\d+)-(\d+)\] = (\w+)$/.exec(piece) ?? [];
    const has = (index) => values.some(([path, shown]) => path.endsWith(`/${index}`) && shown === value);
    return value && has(first) && has(last);
  },
  // What a watchpoint tells.
  (piece, { text }) => {
    const [, which, value] = /^(Old|New) value = (\w+)$/.exec(piece) ?? [];
    return value && (which === "Old" ? text.includes(`${value} →`) : new RegExp(`→\\s*${value}\\b`).test(text));
  },
  // A group and its devices.
  (piece, { values }) => {
    const [, group, devices] = /^(\d+): (.*)$/.exec(piece) ?? [];
    return devices?.split(" ").every((device) => values.some(([path, shown]) => path.startsWith(`iommu_group/${group}/`) && shown === device));
  },
  // A value by itself, of the field that the command asks for.
  (piece, { values }, lines, command) => {
    const [, field] = /^print .*?(\w+)(?:\[[^\]]*\])?$/.exec(command) ?? [];
    return field && values.some(([path, shown]) => path.split("/").includes(field) && shown.startsWith(plain(piece)));
  },
  // Words.
  (piece, { text }, lines) => text.includes(plain(piece)) || lines.some((line) => line.includes(plain(piece))),
];

function isShown(piece, page, lines, command) {
  return FORMS.some((form) => form(piece.trim(), page, lines, command));
}

async function readRow({ open, pages }, script) {
  const file = join(pages.folder, `walkthrough-${script}.html`);
  iommulab(pages.program, ["view", "tour", join(SCRIPTS, script), "-o", file, "--page-parts", PAGE_PARTS]);
  const tab = await open(file);
  const { items, lines } = await tab.evaluate(async () => {
    const { run } = iommulab;
    const all = [];
    for (let p = 1; p <= run.count; ++p) all.push((await run.event(p)).line);
    return { items: run.head.tours[0].stops.flatMap((stop) => stop.items), lines: all };
  });
  const missing = [];
  let seen = 0;
  for (const { kind, text, expected, event } of items) {
    if (kind !== "step" || !Number.isInteger(event) || expected.length === 0) continue;
    const page = await pageAt(tab, event);
    await settled(tab);
    for (const piece of expected) {
      ++seen;
      const here = text.startsWith("print") ? [] : lines.slice(Math.max(0, event - 40), event);
      if (!isShown(piece, page, here, text)) missing.push(`${text}: ${piece}`);
    }
  }
  return { seen, missing };
}

/** What needs no run, the machine and its table: the page of the machine's boot shows it. */
const WITHOUT_RUN = {
  "01-machine": ["dmar0 at 0xfed90000", "INCLUDE_PCI_ALL", "I/O APIC ff:00.0"],
  "02-dmar-table": ["signature\tDMAR", "DRHD at 0x0030", "length\t0x18\t24 bytes", "flags\t0x1\tINCLUDE_PCI_ALL", "segment\t0x0", "register_base_address\t0xfed90000", "I/O APIC ff:00.0", "No findings."],
};
const readMachine = (pieces) => async ({ open }) => {
  const tab = await open("boot", "#view=firmware");
  const text = await tab.locator("#stage").innerText();
  const missing = pieces.filter((piece) => !text.includes(piece));
  ok(missing.length === 0, `not on the page: ${missing.join(", ")} of\n${text.slice(0, 600)}`);
};
const scripts = readdirSync(SCRIPTS)
  .map((name) => name.replace(".tour", ""))
  .filter((name) => !(name in WITHOUT_RUN));

export const cases = {
  ...Object.fromEntries(Object.entries(WITHOUT_RUN).map(([name, pieces]) => [`walk-through ${name}`, readMachine(pieces)])),
  ...Object.fromEntries(
    scripts.map((name) => [
      `walk-through ${name}`,
      async (given) => {
        const { seen, missing } = await readRow(given, `${name}.tour`);
        ok(missing.length === 0, `of ${seen} not on the page:\n${missing.join("\n")}`);
      },
    ]),
  ),
};
