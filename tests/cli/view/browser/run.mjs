// SPDX-License-Identifier: GPL-2.0-only
//
// The page in a browser.
//
//   node run.mjs IOMMULAB FOLDER [NAME…]
//
// FOLDER is for the pages; NAME is a file of tests/ ("moving"), or part of a test's name. A line a
// test; status 1 when one failed, 77 when there is no browser to run them in.

import { mkdirSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { launch, openTab, whatIsMissing } from "./browser.mjs";
import { Pages } from "./pages.mjs";

const SKIPPED = 77;

const [program, folder, ...names] = process.argv.slice(2);
const missing = whatIsMissing();
if (missing) {
  console.log(`skipped: ${missing}`);
  process.exit(SKIPPED);
}
mkdirSync(folder, { recursive: true });
const pages = new Pages(resolve(program), resolve(folder));
const tests = join(dirname(fileURLToPath(import.meta.url)), "tests");
const browser = await launch();
let failed = 0;
let done = 0;
for (const file of readdirSync(tests).filter((name) => name.endsWith(".mjs")).sort()) {
  const room = file.replace(".mjs", "");
  const { cases } = await import(join(tests, file));
  for (const [name, test] of Object.entries(cases)) {
    if (names.length > 0 && !names.some((wanted) => wanted === room || name.includes(wanted))) continue;
    const tabs = [];
    const open = async (page, hash, options) => {
      const tab = await openTab(browser, page.includes("/") ? page : pages.file(page), hash, options);
      tabs.push(tab);
      return tab;
    };
    const since = Date.now();
    let wrong = null;
    try {
      await test({ pages, open, browser });
      const said = tabs.flatMap((tab) => tab.said);
      if (said.length > 0) wrong = `the console says ${said.slice(0, 3).join(" | ")}`;
    } catch (error) {
      wrong = error.message.split("\n").slice(0, 6).join("\n    ");
    }
    for (const tab of tabs) await tab.close().catch(() => {});
    ++done;
    if (wrong) ++failed;
    console.log(`${wrong ? "FAILED" : "ok    "} ${room}: ${name} (${Date.now() - since} ms)${wrong ? `\n    ${wrong}` : ""}`);
  }
}
await browser.close();
console.log(`${done} tests, ${failed} failed`);
process.exit(failed > 0 || done === 0 ? 1 : 0);
