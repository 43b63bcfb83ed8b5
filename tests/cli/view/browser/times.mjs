// SPDX-License-Identifier: GPL-2.0-only
//
// How long it takes until a page is ready, and until the state at an event is shown: at a random
// event, and at the next; and how long the page's main thread works for it.
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

const PLACES = 40;
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

const part = (list, of) => Math.round([...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * of))]);
const inWords = (list) => `${part(list, 0.5)} ms, 95 % below ${part(list, 0.95)}`;

/** How long the page's main thread has worked, in milliseconds: other work on the machine is no part of it. */
async function workOf(tab) {
  const session = await tab.context().newCDPSession(tab);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return 1000 * metrics.find(({ name }) => name === "TaskDuration").value;
  };
}

/** From one event to another: {shown: until the state is there, work: of the main thread until it is drawn}. */
async function go(tab, worked, p) {
  const before = await worked();
  const shown = await tab.evaluate(async (at) => {
    const went = performance.now();
    await iommulab.go(at);
    const there = performance.now() - went;
    await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
    return there;
  }, p);
  return { shown, work: (await worked()) - before };
}

function tell(what, ways) {
  const over = ways.filter(({ shown }) => shown > MOST_MS).length;
  return `${what} ${inWords(ways.map(({ shown }) => shown))}${over ? ` (${over} of ${PLACES} above ${MOST_MS})` : ""}, work ${inWords(ways.map(({ work }) => work))}`;
}

for (const file of files) {
  const since = performance.now();
  const tab = await openTab(browser, file);
  const opened = Math.round(performance.now() - since);
  const inside = await tab.evaluate(() => Math.round(performance.now()));
  const count = await tab.evaluate(() => iommulab.run.count);
  const views = await tab.evaluate(() => [...document.querySelectorAll("#views [role=tab]")].map((e) => e.id.slice(4)));
  const worked = await workOf(tab);
  console.log(`${basename(file)}: ${count} events, ready after ${opened} ms (${inside} in the page)`);
  for (const view of views) {
    const random = randomNumbers(views.indexOf(view) + 1, count);
    const far = [];
    const near = [];
    await tab.evaluate(async (id) => (iommulab.showView(id), await iommulab.shown), view);
    for (let i = 0; i < PLACES; ++i) {
      const p = random.next().value + 1;
      far.push(await go(tab, worked, p));
      near.push(await go(tab, worked, p + 1));
    }
    console.log(`  ${view.padEnd(11)} ${tell("far", far)}; ${tell("a step", near)}`);
  }
  await tab.close();
}
await browser.close();
