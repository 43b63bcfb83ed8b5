// SPDX-License-Identifier: GPL-2.0-only
//
// Chromium, and what its console said.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** No service in the background, nothing that leaves the machine. */
const SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic"];

/** A package out of the folders that IOMMULAB_NODE_MODULES or NODE_PATH name; null where it is not. */
export function packageNamed(name) {
  const folders = [process.env.IOMMULAB_NODE_MODULES, ...(process.env.NODE_PATH ?? "").split(delimiter)].filter(Boolean);
  for (const folder of folders) {
    const require = createRequire(join(folder, "..", "any.js"));
    const place = join(folder, name);
    if (existsSync(place)) return { place, load: () => require(place) };
  }
  return null;
}

/** What is missing for a test in a browser; null for nothing. */
export function whatIsMissing() {
  if (!existsSync(CHROMIUM)) return `${CHROMIUM} is not there`;
  if (!packageNamed("playwright-core")) return "playwright-core is not there (IOMMULAB_NODE_MODULES names the folder with it)";
  return null;
}

export async function launch() {
  const { chromium } = packageNamed("playwright-core").load();
  return chromium.launch({ executablePath: CHROMIUM, args: SWITCHES });
}

/** A tab on a file of the page, once it is ready. `tab.said` has what its console said. */
export async function openTab(browser, file, hash = "", { width = 1280, height = 800, colorScheme = "light", ready = true, ...more } = {}) {
  const tab = await browser.newPage({ viewport: { width, height }, colorScheme, reducedMotion: "reduce", ...more });
  tab.setDefaultTimeout(10000);
  tab.said = [];
  tab.on("console", (message) => tab.said.push(`${message.type()}: ${message.text()}`));
  tab.on("pageerror", (error) => tab.said.push(`error: ${error.message}`));
  await tab.goto(`file://${file}${hash}`);
  if (ready) await tab.waitForFunction(() => document.documentElement.dataset.ready, null, { timeout: 60000 });
  return tab;
}

/** Waits until everything that was asked of the page is drawn, and the address bar knows it. */
export async function settled(tab) {
  await tab.evaluate(async () => {
    for (let shown = null; shown !== iommulab.shown; ) await (shown = iommulab.shown);
    iommulab.address.flush();
  });
}

/** Where a page is. */
export async function placeOf(tab) {
  await settled(tab);
  return tab.evaluate(() => ({ p: iommulab.p, view: iommulab.viewName, value: iommulab.selected }));
}
