// SPDX-License-Identifier: GPL-2.0-only
//
// Moving through the run: by buttons, by keys, by the timeline.

import { equal, ok } from "../check.mjs";
import { placeOf, settled } from "../browser.mjs";

/** iommu_enable_translation() of the boot: its call, its end, and the end of its caller. */
const CALL = { from: 530, to: 535, callerTo: 541 };

const WAYS = [
  ["next", ".", CALL.from, CALL.from + 1],
  ["back", ",", CALL.from + 3, CALL.from + 2],
  ["over", ">", CALL.from, CALL.to],
  ["back-over", "<", CALL.to, CALL.from],
  ["finish", "]", CALL.from + 2, CALL.to],
  ["finish", "]", CALL.to, CALL.callerTo],
  ["next", ".", 0, 1],
];

export const cases = {
  "the buttons and keys lead where they should": async ({ open }) => {
    const tab = await open("boot");
    for (const [button, key, from, to] of WAYS) {
      for (const way of [() => tab.click(`#${button}`), () => tab.keyboard.press(key)]) {
        await tab.evaluate((p) => iommulab.go(p), from);
        await way();
        equal((await placeOf(tab)).p, to, `${button} from ${from}`);
      }
    }
    await tab.click("#first");
    equal((await placeOf(tab)).p, 0, "the beginning");
    await tab.keyboard.press(",");
    equal((await placeOf(tab)).p, 0, "before the beginning");
    await tab.evaluate(() => iommulab.go(iommulab.run.count));
    await tab.keyboard.press(".");
    equal((await placeOf(tab)).p, 814, "past the end");
  },

  "it plays and stops": async ({ open }) => {
    const tab = await open("boot", "#event=100");
    await tab.evaluate(() => {
      const said = document.getElementById("said");
      globalThis.saidMeanwhile = [];
      new MutationObserver(() => iommulab.playing && saidMeanwhile.push(said.textContent)).observe(said, { childList: true, characterData: true, subtree: true });
    });
    await tab.keyboard.press("Space");
    await tab.waitForFunction(() => iommulab.p >= 102);
    equal(await tab.locator("#play").innerText(), "Stop", "what the button says");
    await tab.click("#play");
    const { p } = await placeOf(tab);
    await tab.waitForTimeout(800);
    equal((await placeOf(tab)).p, p, "it stands still");
    await tab.evaluate(() => iommulab.go(812));
    await tab.click("#play");
    await tab.waitForFunction(() => iommulab.p === 814 && !iommulab.playing);
    equal(await tab.evaluate(() => saidMeanwhile), [], "what is said while it plays");
  },

  "the timeline is dragged": async ({ open }) => {
    const tab = await open("boot");
    const box = await tab.locator(".timeline").boundingBox();
    await tab.mouse.move(box.x + 20, box.y + 60);
    await tab.mouse.down();
    for (let i = 1; i <= 40; ++i) await tab.mouse.move(box.x + 20 + (box.width / 2 - 20) * (i / 40), box.y + 60);
    await tab.mouse.up();
    const { p } = await placeOf(tab);
    ok(Math.abs(p - 407) <= 2, `the middle is event 407, not ${p}`);
  },

  "keys zoom the timeline": async ({ open }) => {
    const tab = await open("boot", "#event=400");
    const range = () => tab.evaluate(() => iommulab.timeline.range());
    equal(await range(), null, "the whole run");
    await tab.keyboard.press("w");
    const [from, to] = await range();
    ok(from > 1 && to < 814 && from < 400 && to > 400, "in");
    await tab.keyboard.press("d");
    ok((await range())[0] > from, "to the right");
    await tab.keyboard.press("a");
    await tab.keyboard.press("s");
    await tab.keyboard.press("s");
    equal(await range(), null, "out");
    await tab.evaluate((p) => iommulab.go(p), CALL.from + 1);
    await tab.keyboard.press("f");
    ok((await range())[0] <= CALL.from && (await range())[1] >= CALL.to, "the call is in sight");
    await tab.keyboard.press("f");
    equal(await range(), null, "the whole run again");
  },

  "the wheel zooms about the pointer": async ({ open }) => {
    const tab = await open("boot", "#event=1");
    const box = await tab.locator(".timeline").boundingBox();
    await tab.mouse.move(box.x + box.width * 0.75, box.y + 30);
    await tab.mouse.wheel(0, -400);
    await tab.waitForFunction(() => iommulab.timeline.range());
    const [from, to] = await tab.evaluate(() => iommulab.timeline.range());
    ok(from > 300 && to > 650, `${from}-${to} is about event 611`);
  },

  "holding a key down leaves the last event, and says it": async ({ open }) => {
    const tab = await open("boot", "#event=200");
    for (let i = 0; i < 250; ++i) await tab.keyboard.press(".");
    equal((await placeOf(tab)).p, 450, "event");
    await tab.waitForFunction(() => document.getElementById("said").textContent.startsWith("Event 450"));
    await settled(tab);
    ok((await tab.evaluate(() => location.hash)).includes("event=450"), "the address");
  },
};
