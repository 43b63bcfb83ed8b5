// SPDX-License-Identifier: GPL-2.0-only
//
// From a fault to the call that mapped its address, in at most four clicks: by the story of the
// mapping, and, without it, by the tree of calls.

import { equal, ok } from "../check.mjs";
import { placeOf, settled } from "../browser.mjs";

const MOST_CLICKS = 4;

/** The first fault, and the last entry of a page table that was written for its address. */
async function faultIn(tab) {
  return tab.evaluate(async () => {
    const { run } = iommulab;
    const find = async (fits, from, by) => {
      for (let p = from; p >= 1 && p <= run.count; p += by) if (fits(await run.event(p))) return p;
      return 0;
    };
    const fault = await find((event) => event.kind === "fault", 1, 1);
    const write = await find((event) => event.kind === "table_write" && /^\/\* pte .* RW? \*\/$/.test(event.line), fault, -1);
    return { fault, write };
  });
}

/** Whether the page is at a call that maps, around the write of the entry. */
async function isAtMap(tab, write) {
  const { p } = await placeOf(tab);
  return tab.evaluate(
    async ([at, inside]) => {
      const { calls } = iommulab.run;
      const { line } = await iommulab.run.event(at);
      return /map/.test(line) && at < inside && calls.exit[at] > inside;
    },
    [p, write],
  );
}

async function atFault(open) {
  const tab = await open("dma");
  const { fault, write } = await faultIn(tab);
  ok(fault > 0 && write > 0 && write < fault, `a fault at ${fault}, an entry at ${write}`);
  await tab.evaluate((p) => iommulab.go(p), fault);
  await settled(tab);
  return { tab, write };
}

export const cases = {
  "from the fault to the map by its story": async ({ open }) => {
    const { tab, write } = await atFault(open);
    if ((await tab.locator("#event .story").count()) === 0) return; // the page has none
    let clicks = 0;
    for (; clicks < MOST_CLICKS && !(await isAtMap(tab, write)); ++clicks) {
      await tab.locator("#event .story li", { hasText: "mapped at" }).first().getByRole("button").click();
    }
    equal(await isAtMap(tab, write), true, `at the map after ${clicks} clicks`);
  },

  "from the fault to the map by the tree": async ({ open }) => {
    const { tab, write } = await atFault(open);
    // The call around all of it that can be seen in the tree, folded.
    const call = await tab.evaluate((p) => iommulab.callPanel.rows[iommulab.callPanel.indexOf(p)], write);
    const row = tab.locator(`#event-${call}`);
    const tree = await tab.locator(".call-tree").boundingBox();
    await tab.mouse.move(tree.x + 50, tree.y + 100);
    for (let i = 0; i < 40 && (await row.count()) === 0; ++i) {
      await tab.mouse.wheel(0, -150);
      await tab.waitForTimeout(60);
    }
    await row.click();
    equal(await isAtMap(tab, write), true, "at the map after 1 click");
  },
};
