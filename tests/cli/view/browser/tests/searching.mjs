// SPDX-License-Identifier: GPL-2.0-only
//
// Search finds what has a name, and goes there.

import { equal, ok } from "../check.mjs";
import { placeOf, settled } from "../browser.mjs";

async function searched(tab, words) {
  await tab.keyboard.press("/");
  await tab.locator("dialog.search input").fill(words);
  await tab.waitForFunction(() => /found|nothing|first/.test(document.querySelector("dialog.search .status").textContent));
  const first = await tab.locator("dialog.search [role=option]").first().innerText();
  await tab.keyboard.press("Enter");
  await settled(tab);
  return first;
}

export const cases = {
  "a function": async ({ open }) => {
    const tab = await open("boot");
    ok((await searched(tab, "iommu_enable_transl")).startsWith("iommu_enable_translation()"), "first of the results");
    equal((await placeOf(tab)).p, 530, "its call");
  },
  "a register": async ({ open }) => {
    const tab = await open("boot", "#event=600&view=log");
    ok((await searched(tab, "dmar0.GSTS")).startsWith("dmar0.GSTS"), "first of the results");
    equal(await placeOf(tab), { p: 600, view: "registers", value: "registers/dmar0/GSTS/value" }, "the register");
  },
  "a line of the log": async ({ open }) => {
    const tab = await open("boot");
    await searched(tab, "Virtualization Technology for");
    const { p } = await placeOf(tab);
    ok((await tab.locator("#event .event-line").innerText()).includes("Virtualization Technology"), `event ${p} is the line`);
  },
  "a device": async ({ open }) => {
    const tab = await open("boot", "#event=814");
    await tab.keyboard.press("/");
    await tab.locator("dialog.search input").fill("00:1f.2");
    await tab.locator("dialog.search [role=option]", { hasText: "structure" }).first().click();
    await settled(tab);
    equal((await placeOf(tab)).view, "structures", "the view");
    const focused = await tab.evaluate(() => document.activeElement.closest("[data-structure]")?.dataset.structure ?? "");
    ok(focused.includes("1f.2"), `focus is on the device, not "${focused}"`);
  },
  "what is nowhere": async ({ open }) => {
    const tab = await open("boot");
    await tab.keyboard.press("/");
    await tab.locator("dialog.search input").fill("zqxjkvbp");
    await tab.waitForFunction(() => document.querySelector("dialog.search .status").textContent === "nothing");
    await tab.keyboard.press("Enter");
    await tab.keyboard.press("Escape");
    equal(await tab.locator("dialog.search").isVisible(), false, "closed");
    equal((await placeOf(tab)).p, 0, "where it was");
  },
};
