// SPDX-License-Identifier: GPL-2.0-only
//
// The page by keyboard alone.

import { equal, ok } from "../check.mjs";
import { placeOf, settled } from "../browser.mjs";

const MOST_TABS = 120;
const PANELS = ["header", "#timeline", "#calls", "#views", "#stage", "#event"];

/** Where focus is, and whether it can be seen. */
const focusOf = (tab) =>
  tab.evaluate((panels) => {
    const e = document.activeElement;
    if (!e || e === document.body) return null;
    const { outlineStyle, outlineWidth } = getComputedStyle(e);
    const box = e.getBoundingClientRect();
    return {
      panel: panels.find((selector) => e.closest(selector)) ?? "other",
      what: e.id || e.dataset.path || e.getAttribute("aria-label") || e.textContent.slice(0, 30),
      isOutlined: outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2,
      isThere: box.width > 0 && box.height > 0,
    };
  }, PANELS);

async function tabThrough(tab, key) {
  const met = [];
  for (let i = 0; i < MOST_TABS; ++i) {
    await tab.keyboard.press(key);
    const focus = await focusOf(tab);
    if (!focus) return { met, left: true };
    met.push(focus);
  }
  return { met, left: false };
}

export const cases = {
  "Tab reaches every panel, and leaves each": async ({ open }) => {
    const tab = await open("boot", "#event=533&view=registers");
    const { met, left } = await tabThrough(tab, "Tab");
    ok(left, `Tab comes out at the end, last at ${met.at(-1)?.what}`);
    for (const panel of PANELS) ok(met.some((focus) => focus.panel === panel), `${panel} is reached`);
    for (const focus of met) ok(focus.isThere && (focus.isOutlined || focus.what === "To the machine"), `focus is seen at ${focus.panel} ${focus.what}`);
    const back = await tabThrough(tab, "Shift+Tab");
    const names = ({ met: list }) => [...new Set(list.map(({ panel, what }) => `${panel} ${what}`))].sort();
    equal(names(back), names({ met }), "Shift+Tab meets the same");
  },

  "Tab reaches the values of each view, and leaves it": async ({ open }) => {
    const tab = await open("boot", "#event=814");
    const views = await tab.evaluate(() => [...document.querySelectorAll("#views [role=tab]")].map((e) => e.id.slice(4)));
    for (const view of views) {
      await tab.evaluate((id) => iommulab.showView(id), view);
      await settled(tab);
      await tab.locator(`#tab-${view}`).focus();
      let inside = 0;
      for (let i = 0; i < MOST_TABS; ++i) {
        await tab.keyboard.press("Tab");
        const focus = await focusOf(tab);
        if (focus?.panel === "#event" || !focus) break;
        ++inside;
      }
      const least = (await tab.locator("#stage .value").count()) > 0 ? 1 : 0;
      ok(inside >= least && inside < MOST_TABS, `${view}: ${inside} stops of Tab`);
    }
  },

  "arrow keys go through the tree": async ({ open }) => {
    const tab = await open("boot", "#event=530");
    await tab.locator("[role=tree]").focus();
    for (const [key, p] of [["ArrowDown", 531], ["ArrowDown", 532], ["ArrowUp", 531], ["ArrowLeft", 530]]) {
      await tab.keyboard.press(key);
      equal((await placeOf(tab)).p, p, key);
    }
    const expanded = () => tab.locator("#event-530").getAttribute("aria-expanded");
    equal(await expanded(), "true", "open");
    await tab.keyboard.press("ArrowLeft");
    equal(await expanded(), "false", "closed by the left key");
    await tab.keyboard.press("Enter");
    equal(await expanded(), "true", "open by Enter");
    await tab.keyboard.press("End");
    equal((await placeOf(tab)).p, 813, "End: the last row, a call in which nothing happened");
    await tab.keyboard.press("Home");
    equal((await placeOf(tab)).p, 1, "Home");
    equal(await tab.locator("[role=tree]").getAttribute("aria-activedescendant"), "event-1", "the active line");
  },

  "arrow keys go through values, Enter asks for the origin": async ({ open }) => {
    const tab = await open("boot", "#event=814&view=registers");
    await tab.locator('#stage .value[tabindex="0"]').focus();
    const first = (await focusOf(tab)).what;
    await tab.keyboard.press("ArrowRight");
    const second = (await focusOf(tab)).what;
    ok(first !== second && second.startsWith("registers/"), `${first}, then ${second}`);
    await tab.keyboard.press("Enter");
    equal((await placeOf(tab)).value, second, "the value whose origin is told");
    equal((await focusOf(tab)).what, second, "focus is where it was");
    await tab.waitForFunction(() => document.getElementById("said").textContent.startsWith("Where this came from"));
    await tab.keyboard.press("Escape");
    equal((await placeOf(tab)).value, null, "Escape");
  },

  "focus outlives a step": async ({ open }) => {
    const tab = await open("boot", "#event=532&view=registers&value=registers/dmar0/GSTS/TES");
    for (const selector of ['#stage [data-path="registers/dmar0/GSTS/TES"]', ".stack button.jump", '[data-origin="next"]', "#tab-registers", "#next", ".notes [type=submit]", "[role=tree]", "[role=slider]"]) {
      await tab.evaluate(() => iommulab.go(532));
      await settled(tab);
      await tab.locator(selector).first().focus();
      const before = await focusOf(tab);
      await tab.keyboard.press(".");
      await settled(tab);
      const after = await focusOf(tab);
      ok(after, `${selector}: focus is lost`);
      equal(after.panel, before.panel, `${selector}: the panel with focus`);
    }
  },

  "focus outlives a jump that takes its button away": async ({ open }) => {
    const tab = await open("boot", "#event=814&view=registers&value=registers/dmar0/GSTS/TES");
    await tab.locator('[data-origin="set"]').focus();
    await tab.keyboard.press("Enter");
    await settled(tab);
    equal((await placeOf(tab)).p, 533, "the origin");
    equal((await focusOf(tab))?.panel, "#event", "the panel with focus");
  },

  "the tabs of the views": async ({ open }) => {
    const tab = await open("boot", "#event=533");
    await tab.locator("#tab-registers").focus();
    await tab.keyboard.press("ArrowRight");
    await tab.keyboard.press("Enter");
    const { view } = await placeOf(tab);
    ok(view !== "registers", "another view");
    equal((await focusOf(tab)).what, `tab-${view}`, "focus is on its tab");
  },

  "dialogs give focus back": async ({ open }) => {
    const tab = await open("boot", "#event=533");
    for (const [button, dialog] of [["#help", "dialog.help"], ["#search", "dialog.search"], ["#overview", "dialog.overview"]]) {
      await tab.locator(button).focus();
      await tab.keyboard.press("Enter");
      await tab.locator(dialog).waitFor();
      ok(await tab.evaluate((d) => document.querySelector(d).contains(document.activeElement), dialog), `${dialog} has focus`);
      await tab.keyboard.press("Escape");
      equal(await tab.locator(dialog).isVisible(), false, `${dialog} is closed`);
      equal(`#${(await focusOf(tab)).what}`, button, "focus is back");
    }
  },

  "all views at once by keyboard": async ({ open }) => {
    const tab = await open("boot", "#event=533&view=registers");
    await tab.keyboard.press("v");
    await tab.locator("dialog.overview").waitFor();
    await tab.waitForFunction(() => /\d+ changed/.test(document.querySelector('dialog.overview [data-view="registers"]').textContent));
    equal((await focusOf(tab)).what.startsWith("Registers"), true, "focus is on the view that is shown");
    await tab.keyboard.press("ArrowRight");
    await tab.keyboard.press("Enter");
    ok((await placeOf(tab)).view !== "registers", "another view");
  },
};
