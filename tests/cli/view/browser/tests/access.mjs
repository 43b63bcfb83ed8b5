// SPDX-License-Identifier: GPL-2.0-only
//
// axe-core finds nothing on any view, in either theme.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ok } from "../check.mjs";
import { packageNamed, settled } from "../browser.mjs";

async function findings(tab) {
  const { violations } = await tab.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  return violations.map(({ id, nodes }) => `${id} (${nodes.length}): ${nodes[0].html.slice(0, 120)} ${nodes[0].any[0]?.message?.slice(0, 160) ?? ""}`);
}

const clean = (page, hash, options = {}) => async ({ open }) => {
  const axe = packageNamed("axe-core");
  if (!axe) return;
  const source = readFileSync(join(axe.place, "axe.min.js"), "utf8");
  const wrong = [];
  for (const colorScheme of ["light", "dark"]) {
    const tab = await open(page, hash, { colorScheme, ...options });
    await tab.evaluate(source);
    const look = async (what) => wrong.push(...(await findings(tab)).map((finding) => `${what}, ${colorScheme}: ${finding}`));
    const views = await tab.evaluate(() => [...document.querySelectorAll("#views [role=tab]")].map((e) => e.id.slice(4)));
    for (const view of views) {
      await tab.evaluate((id) => iommulab.showView(id), view);
      await settled(tab);
      await look(view);
    }
    for (const [button, dialog] of [["#overview", ".overview"], ["#help", ".help"], ["#search", ".search"]]) {
      await tab.click(button);
      await tab.locator(`dialog${dialog}`).waitFor();
      if (dialog === ".search") {
        await tab.locator("dialog.search input").fill("iommu");
        await tab.waitForFunction(() => /found|first/.test(document.querySelector("dialog.search .status").textContent));
      }
      await look(dialog);
      await tab.keyboard.press("Escape");
    }
  }
  ok(wrong.length === 0, `${wrong.length} findings:\n${wrong.join("\n")}`);
};

export const cases = {
  "a boot": clean("boot", "#event=533&value=registers/dmar0/GSTS/TES"),
  "a fault": clean("dma", "#event=1116"),
  "a narrow screen": clean("boot", "#event=814", { width: 390, height: 844 }),
};
