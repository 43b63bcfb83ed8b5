// SPDX-License-Identifier: GPL-2.0-only
//
// Two runs beside each other.

import { equal, ok } from "../check.mjs";
import { settled } from "../browser.mjs";

/** What is marked as other on the other side, by path. */
const marked = (tab) => tab.evaluate(() => [...document.querySelectorAll("[data-differs]")].map((value) => value.dataset.path));

export const cases = {
  "both are there, step by step": async ({ open }) => {
    const tab = await open("kernels", "#event=815&view=registers");
    equal(await tab.locator(".two > .side").count(), 2);
    const place = await tab.locator("#compare .place").innerText();
    ok(place.startsWith("event 814 of B is the same step"), place);
    equal((await marked(tab)).length, 0, "both kernels leave the same registers");
  },
  "a difference is led to, and marked": async ({ open }) => {
    const tab = await open("strict", "#event=0&view=structures");
    await tab.click("text=Next difference");
    await settled(tab);
    const p = await tab.evaluate(() => iommulab.p);
    ok(p > 0, "there is one");
    const [here, there] = await tab.evaluate(() => [iommulab.comparison.alignment.there(iommulab.p), iommulab.comparison.alignment.there(iommulab.p - 1)]);
    ok(!here.same || here.event !== there.event + 1, "the runs part there");
    await tab.evaluate(() => iommulab.go(iommulab.run.count));
    await settled(tab);
    const other = () => tab.locator('[data-structure="g_iommus/intel-iommu.c"] summary[data-differs]');
    equal(await other().count(), 2, "the driver's variables differ");
    await other().first().click();
    await other().last().click();
    await tab.keyboard.press(",");
    await settled(tab);
    ok((await marked(tab)).includes("g_iommus/intel-iommu.c/intel_iommu_strict"), "strict is what differs");
  },
  "the other run leads when it is told to": async ({ open }) => {
    const tab = await open("kernels", "#event=300&view=registers");
    const q = await tab.evaluate(() => iommulab.comparison.place().event);
    await tab.click("text=B leads");
    await tab.waitForFunction(() => document.documentElement.dataset.ready && iommulab.run.head.kernel === "v4_4_178");
    equal(await tab.evaluate(() => iommulab.p), q);
    equal(await tab.evaluate(() => iommulab.comparison.place().event), 300);
  },

  "a mark goes from an element that stays when the other run has the same": async ({ open }) => {
    const tab = await open("kernels");
    const marks = await tab.evaluate(() => {
      const two = document.createElement("div");
      for (const words of ["one", "one"]) {
        const side = document.createElement("section");
        side.innerHTML = `<button data-path="registers/dmar0/GSTS/value" data-differs aria-description="differs">${words}</button>`;
        two.append(side);
      }
      iommulab.comparison.mark(two);
      return two.querySelectorAll("[data-differs], [aria-description]").length;
    });
    equal(marks, 0, "marks");
  },
};
