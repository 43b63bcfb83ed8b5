// SPDX-License-Identifier: GPL-2.0-only
//
// A link leads to what was seen.

import { equal, ok } from "../check.mjs";
import { placeOf, settled } from "../browser.mjs";

const TES = "registers/dmar0/GSTS/TES";

/** What a reader sees, in words. */
async function seen(tab) {
  await settled(tab);
  await tab.waitForTimeout(150);
  return tab.evaluate(() => ({
    ...{ p: iommulab.p, view: iommulab.viewName, value: iommulab.selected, range: iommulab.timeline.range() },
    stage: document.getElementById("stage").innerText,
    event: document.getElementById("event").innerText,
    rows: [...iommulab.callPanel.rows].join(),
    part: document.body.dataset.part,
  }));
}

/** Things that a reader does, each on a page of its own. */
const ACTIONS = {
  "a step": (tab) => tab.keyboard.press("."),
  "a view": (tab) => tab.click("#tab-memory"),
  "a value": (tab) => tab.click(`[data-path="${TES}"]`),
  "a value, then a step": async (tab) => {
    await tab.click(`[data-path="${TES}"]`);
    await tab.keyboard.press(",");
  },
  "the origin": async (tab) => {
    await tab.evaluate(() => iommulab.go(700));
    await settled(tab);
    await tab.click(`[data-path="${TES}"]`);
    await tab.click('[data-origin="set"]');
  },
  "a zoom": (tab) => tab.keyboard.press("w"),
  "a fold of the tree": async (tab) => {
    await tab.locator("[role=tree]").focus();
    await tab.keyboard.press("ArrowUp");
    await tab.keyboard.press("Home");
    await tab.keyboard.press("ArrowDown");
    await tab.keyboard.press("ArrowDown");
    await tab.keyboard.press("Enter");
  },
  "a kind of structures": async (tab) => {
    await tab.click("#tab-structures");
    await tab.selectOption("#stage select", "registers");
  },
  "a structure unfolded": async (tab) => {
    await tab.click("#tab-structures");
    await tab.click("details.structure:not([open]) summary");
  },
  "a note": async (tab) => {
    await tab.fill(".notes input", "here, & <there> \"100%\"");
    await tab.keyboard.press("Enter");
  },
};

const leadsBack = (action) => async ({ open }) => {
  const tab = await open("boot", "#event=533&view=registers");
  await action(tab);
  const there = await seen(tab);
  const fresh = await open("boot", await tab.evaluate(() => location.hash));
  equal(await seen(fresh), there, "the page in a fresh tab");
};

export const cases = {
  ...Object.fromEntries(Object.entries(ACTIONS).map(([name, action]) => [`the link leads back after ${name}`, leadsBack(action)])),

  "a deep link shows what it says": async ({ open }) => {
    const tab = await open("boot", `#event=600&view=registers&value=${TES}`);
    equal(await placeOf(tab), { p: 600, view: "registers", value: TES }, "place");
    equal(await tab.locator(`#stage [data-path="${TES}"]`).getAttribute("aria-pressed"), "true", "the value is chosen");
    ok((await tab.locator(".origin").innerText()).includes("event 533"), "its origin is told");
  },

  "a link that is no use leads somewhere": async ({ open }) => {
    for (const hash of ["#event=abc&view=nothing&value=a/b/c", "#event=99999999", "#notes=%5B%7B", "#zoom=5-1&open=,-&calls=x", "#tour=9.9.9&part=tour"]) {
      const tab = await open("boot", hash);
      const { p } = await placeOf(tab);
      ok(p >= 0 && p <= 814, `${hash}: event ${p}`);
      ok((await tab.locator("#stage").innerText()).length > 50, `${hash}: a view`);
    }
  },

  "Back and Forward": async ({ open }) => {
    const tab = await open("boot", "#event=700&view=registers");
    await tab.click(`[data-path="${TES}"]`);
    await tab.click('[data-origin="set"]');
    equal((await placeOf(tab)).p, 533, "the origin");
    await tab.keyboard.press(".");
    await tab.keyboard.press(".");
    await tab.click("#tab-log");
    equal(await placeOf(tab), { p: 535, view: "log", value: TES }, "the log");
    await tab.goBack();
    equal(await placeOf(tab), { p: 535, view: "registers", value: TES }, "Back from the view");
    await tab.goBack();
    equal((await placeOf(tab)).p, 700, "Back from the origin");
    await tab.goForward();
    equal((await placeOf(tab)).p, 535, "Forward");
  },

  "another link in the address bar": async ({ open }) => {
    const tab = await open("boot", "#event=10");
    await tab.evaluate(() => (location.hash = "#event=222&view=memory"));
    await tab.waitForFunction(() => iommulab.p === 222);
    equal(await placeOf(tab), { p: 222, view: "memory", value: null }, "place");
  },

  "notes live in the link": async ({ open }) => {
    const tab = await open("boot", "#event=533");
    const text = "TES is set: & # % \" <b> ü 译";
    await tab.fill(".notes input", text);
    await tab.click(".notes [type=submit]");
    await tab.evaluate(() => iommulab.go(100));
    await settled(tab);
    const fresh = await open("boot", await tab.evaluate(() => location.hash));
    equal((await fresh.locator(".notes .note").innerText()).trim(), text, "the note");
    await fresh.locator(".notes .jump").click();
    equal((await placeOf(fresh)).p, 533, "its event");
    await fresh.locator(".notes li .quiet").click();
    await settled(fresh);
    equal(await fresh.locator(".notes .note").count(), 0, "removed");
    ok(!(await fresh.evaluate(() => location.hash)).includes("notes"), "out of the link");
  },

  "a note that is being written outlives a step": async ({ open }) => {
    const tab = await open("boot", "#event=533");
    await tab.fill(".notes input", "half a");
    await tab.click("#next");
    await settled(tab);
    equal(await tab.inputValue(".notes input"), "half a", "the text");
  },
};
