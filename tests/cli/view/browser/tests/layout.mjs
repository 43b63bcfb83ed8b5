// SPDX-License-Identifier: GPL-2.0-only
//
// Narrow screens, both themes.

import { equal, ok } from "../check.mjs";
import { settled } from "../browser.mjs";

const viewsOf = (tab) => tab.evaluate(() => [...document.querySelectorAll("#views [role=tab]")].map((e) => e.id.slice(4)));

async function fits(tab, what) {
  const [wide, room] = await tab.evaluate(() => [document.scrollingElement.scrollWidth, innerWidth]);
  ok(wide <= room, `${what}: ${wide} pixels in ${room}`);
  // Nothing within a part that scrolls up and down is wider than it, but for boxes that scroll themselves.
  const over = await tab.evaluate(() =>
    ["stage", "event", "tour"].filter((id) => {
      const host = document.getElementById(id);
      return host.checkVisibility() && host.scrollWidth > host.clientWidth + 1;
    }),
  );
  equal(over, [], `${what}: parts that are too wide`);
}

const narrow = (page, hash) => async ({ open }) => {
  const tab = await open(page, hash, { width: 390, height: 844, hasTouch: true });
  for (const view of await viewsOf(tab)) {
    await tab.evaluate((id) => iommulab.showView(id), view);
    await settled(tab);
    await fits(tab, view);
  }
  for (const [part, host] of [["calls", "#calls"], ["event", "#event"], ["stage", "#machine"]]) {
    await tab.click(`#parts [data-part="${part}"]`);
    await fits(tab, part);
    for (const [, other] of [["calls", "#calls"], ["event", "#event"], ["stage", "#machine"]]) {
      equal(await tab.locator(other).isVisible(), other === host, `${other} while ${part} is shown`);
    }
  }
  await tab.click("#overview");
  await tab.locator("dialog.overview").waitFor();
  await fits(tab, "all views");
  await tab.keyboard.press("Escape");
  await tab.click("#search");
  await fits(tab, "search");
  await tab.keyboard.press("Escape");
  for (const button of await tab.locator("header button:visible").all()) {
    const box = await button.boundingBox();
    ok(box.x >= 0 && box.x + box.width <= 390, "a button of the header is on the screen");
  }
};

export const cases = {
  "390 pixels: a boot": narrow("boot", "#event=533"),
  "390 pixels: its end": narrow("boot", "#event=814"),
  "390 pixels: a fault": narrow("dma", "#event=1116&value=registers/dmar0/FSTS/value"),
  "390 pixels: a server": narrow("server", "#event=9838"),

  "1280 pixels": async ({ open }) => {
    const tab = await open("dma", "#event=1116");
    for (const view of await viewsOf(tab)) {
      await tab.evaluate((id) => iommulab.showView(id), view);
      await settled(tab);
      await fits(tab, view);
    }
  },

  "390 pixels: where the reader is, is in sight": async ({ open }) => {
    const within = (tab, inner, outer) =>
      tab.waitForFunction(
        ([a, b]) => {
          const [one, other] = [a, b].map((selector) => document.querySelector(selector)?.getBoundingClientRect());
          return one && other && one.left >= other.left && one.right <= other.right && one.top >= other.top && one.bottom <= other.bottom;
        },
        [inner, outer],
      );
    const tab = await open("capture", "#event=20000&view=stages", { width: 390, height: 844 });
    await within(tab, ".stages thead .now", ".stages-box");
    await tab.click('#parts [data-part="calls"]');
    await within(tab, '.call-tree [aria-selected="true"] .number', "main");
  },

  "a long line of the tree can be read": async ({ open }) => {
    const tab = await open("dma", "#event=822");
    const tree = tab.locator(".call-tree");
    ok(await tree.evaluate((e) => e.scrollWidth > e.clientWidth), "the tree scrolls sideways");
  },

  "light and dark": async ({ open }) => {
    const paper = (tab) => tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await open("boot");
    const dark = await open("boot", "", { colorScheme: "dark" });
    const [day, night] = [await paper(light), await paper(dark)];
    ok(day !== night, "they differ");
    await light.click("#theme");
    equal(await paper(light), night, "light, changed");
    await dark.click("#theme");
    equal(await paper(dark), day, "dark, changed");
  },

  "icons are drawn": async ({ open }) => {
    const tab = await open("boot");
    const empty = await tab.evaluate(() => [...document.querySelectorAll("span[data-icon]")].filter((e) => !e.querySelector("svg path")).length);
    equal(empty, 0, "buttons without a picture");
    equal(await tab.locator("#play svg:visible").getAttribute("data-icon"), "play", "still");
    await tab.click("#play");
    equal(await tab.locator("#play svg:visible").getAttribute("data-icon"), "pause", "playing");
    await tab.click("#play");
  },
};
