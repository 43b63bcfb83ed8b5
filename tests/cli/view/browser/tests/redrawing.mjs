// SPDX-License-Identifier: GPL-2.0-only
//
// A step touches what changed, and leaves the rest of the page as it lies: to lay everything out
// again took a tenth of a second with four units' registers, or a thousand ranges.

import { equal, ok } from "../check.mjs";
import { settled } from "../browser.mjs";

/** How many elements of the stage come while the page goes to an event. */
async function elementsThatCome(tab, event) {
  await tab.evaluate(() => {
    globalThis.come = 0;
    const count = (node) => (node.nodeType === Node.ELEMENT_NODE ? 1 + node.querySelectorAll("*").length : 0);
    globalThis.watching = new MutationObserver((records) => {
      for (const { addedNodes } of records) for (const node of addedNodes) come += count(node);
    });
    watching.observe(iommulab.stage, { childList: true, subtree: true });
  });
  await tab.evaluate((p) => iommulab.go(p), event);
  await settled(tab);
  return tab.evaluate(() => (watching.disconnect(), come));
}

/** The first event that changes a register, and none before it does for some time. */
function firstWrite(tab) {
  return tab.evaluate(async () => {
    for (let p = 1, last = 0; p <= iommulab.run.count; ++p) {
      if (!(await iommulab.run.changes(p))?.registers) continue;
      if (p - last > 10) return p;
      last = p;
    }
    return 0;
  });
}

/** The last event behind a few that change nothing. */
function quietEvent(tab) {
  return tab.evaluate(async () => {
    const { run } = iommulab;
    for (let p = run.count; p > 10; --p) {
      const states = await Promise.all([p, p - 1, p - 2, p - 3, p - 4].map((q) => run.state(q)));
      if (states.every((state) => state === states[0])) return p;
    }
    return 0;
  });
}

export const cases = {
  "of the registers the rows that changed": async ({ open }) => {
    const tab = await open("server", "#view=registers");
    const write = await firstWrite(tab);
    await elementsThatCome(tab, write - 1);
    const all = await tab.evaluate(() => iommulab.stage.querySelectorAll("*").length);
    const come = await elementsThatCome(tab, write);
    ok(come > 0, "the register that is written is drawn again");
    ok(come < all / 20, `${come} of ${all} elements are drawn again`);
    const lit = await tab.evaluate(() => iommulab.stage.querySelectorAll("tr[data-age='0']").length);
    ok(lit > 0, "and lit");
  },

  "of the registers none, from afar, where they have the same values": async ({ open }) => {
    const tab = await open("capture", "#view=registers");
    const { count } = await tab.evaluate(() => ({ count: iommulab.run.count }));
    await elementsThatCome(tab, count - 2000);
    const all = await tab.evaluate(() => iommulab.stage.querySelectorAll("*").length);
    ok((await elementsThatCome(tab, count - 9000)) < all / 3, "most are left");
  },

  "the figure, where nothing of it changed": async ({ open }) => {
    const tab = await open("boot", "#view=figure");
    const { count } = await tab.evaluate(() => ({ count: iommulab.run.count }));
    const quiet = await quietEvent(tab);
    ok(quiet > 0 && quiet <= count, "four events one behind the other change nothing");
    await elementsThatCome(tab, quiet - 1);
    equal(await elementsThatCome(tab, quiet), 0, "elements that come");
  },

  "of the tables and of the stages little, where nothing changed": async ({ open }) => {
    for (const view of ["tables", "stages"]) {
      const tab = await open("capture", `#view=${view}`);
      const quiet = await quietEvent(tab);
      await elementsThatCome(tab, quiet - 1);
      const all = await tab.evaluate(() => iommulab.stage.querySelectorAll("*").length);
      const come = await elementsThatCome(tab, quiet);
      ok(come < all / 2, `${view}: ${come} of ${all} elements are drawn again`);
    }
  },

  "of a long list the part with the change": async ({ open }) => {
    const tab = await open("allocator", "#view=structures");
    const most = await tab.evaluate(async () => {
      const { run } = iommulab;
      let best = { length: 0, p: 0 };
      for (let p = 1; p <= run.count; p += 50) {
        const { length } = (await run.state(p)).iova_domain[0]?.fields.rbroot ?? [];
        if (length > best.length) best = { length, p };
      }
      return best;
    });
    ok(most.length > 100, `there are ${most.length} ranges`);
    const change = await tab.evaluate(async (p) => {
      const ranges = async (q) => (await iommulab.run.state(q)).iova_domain[0].fields.rbroot.length;
      while ((await ranges(p)) <= (await ranges(p - 1))) --p;
      return p;
    }, most.p);
    await tab.evaluate((p) => iommulab.go(p), change);
    await settled(tab);
    const shown = await tab.locator("#stage .item").count();
    ok(shown > 0 && shown <= 200, `${shown} of ${most.length} ranges are drawn`);
    ok((await tab.locator("#stage .item > details[data-age='0']").count()) > 0, "the one that came is among them, and lit");
    const length = await tab.evaluate(() => iommulab.state.iova_domain[0].fields.rbroot.length);
    const folded = tab.locator("#stage .list > details:not([open]) > summary");
    while ((await folded.count()) > 0) await folded.first().click();
    equal(await tab.locator("#stage .list > details > .part > .item").count(), length, "ranges, once all parts are open");
  },
};
