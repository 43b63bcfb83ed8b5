// SPDX-License-Identifier: GPL-2.0-only
//
// How long it takes until a page is ready, and until the state at an event is shown.
//
//   node times.mjs IOMMULAB FOLDER [FILE.html…]
//
// For a boot, a capture, the capture's events as often as to a million, and pages made before: a
// run of a million events takes long to make (`view boot --machine server --cmdline "intel_iommu=on iommu=pt"`).

import { mkdirSync } from "node:fs";
import { basename, resolve } from "node:path";
import { randomNumbers } from "../page_file.mjs";
import { launch, openTab, whatIsMissing } from "./browser.mjs";
import { Pages } from "./pages.mjs";

const PLACES = 30;
const MOST_MS = 100;
const TIMES_TO_A_MILLION = 42; // the capture has some 25000

const [program, folder, ...others] = process.argv.slice(2);
const missing = whatIsMissing();
if (missing) {
  console.log(`skipped: ${missing}`);
  process.exit(77);
}
mkdirSync(folder, { recursive: true });
const pages = new Pages(resolve(program), resolve(folder));
const files = [pages.file("boot"), pages.file("capture"), pages.repeated("capture", TIMES_TO_A_MILLION, "million"), ...others.map((file) => pages.renewed(file, `renewed-${basename(file, ".html")}`)).filter(Boolean)];
const browser = await launch();

const middle = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
for (const file of files) {
  const since = performance.now();
  const tab = await openTab(browser, file);
  const opened = Math.round(performance.now() - since);
  const inside = await tab.evaluate(() => Math.round(performance.now()));
  const count = await tab.evaluate(() => iommulab.run.count);
  const views = await tab.evaluate(() => [...document.querySelectorAll("#views [role=tab]")].map((e) => e.id.slice(4)));
  console.log(`${basename(file)}: ${count} events, ready after ${opened} ms (${inside} in the page)`);
  for (const view of views) {
    const random = randomNumbers(views.indexOf(view) + 1, count);
    const far = [];
    const near = [];
    await tab.evaluate(async (id) => (iommulab.showView(id), await iommulab.shown), view);
    for (let i = 0; i < PLACES; ++i) {
      const p = random.next().value + 1;
      const [there, next] = await tab.evaluate(async (at) => {
        const went = performance.now();
        await iommulab.go(at);
        const shown = performance.now();
        await iommulab.go(at + 1);
        return [shown - went, performance.now() - shown];
      }, p);
      far.push(Math.round(there));
      near.push(Math.round(next));
    }
    const over = far.filter((ms) => ms > MOST_MS).length;
    console.log(`  ${view.padEnd(12)} to a random event ${middle(far)} ms, at most ${Math.max(...far)}${over ? ` (${over} of ${PLACES} above ${MOST_MS})` : ""}; a step ${middle(near)} ms, at most ${Math.max(...near)}`);
  }
  await tab.close();
}
await browser.close();
