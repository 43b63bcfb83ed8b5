// SPDX-License-Identifier: GPL-2.0-only
//
// Pages open, and say so when they cannot.

import { readFileSync, writeFileSync } from "node:fs";
import { equal, ok } from "../check.mjs";
import { settled } from "../browser.mjs";

const openEach = (name) => async ({ open }) => {
  const tab = await open(name);
  equal(await tab.evaluate(() => iommulab.p), 0, "the event it begins with");
  await tab.evaluate(() => iommulab.go(iommulab.run.count));
  await settled(tab);
  ok((await tab.locator("#stage").innerText()).length > 100, "the view has text");
  ok((await tab.locator("#calls [role=treeitem]").count()) > 3, "the tree has rows");
};

export const cases = {
  "a boot opens": openEach("boot"),
  "a server's boot opens": openEach("server"),
  "a script of DMA with faults opens": openEach("faults"),
  "a capture opens": openEach("capture"),

  "a run that ended badly says so": async ({ open, pages }) => {
    const page = pages.changed("boot", "ended", (head) => (head.ended = "Kernel panic - not syncing: DMAR hardware is malfunctioning"));
    const tab = await open(page);
    const message = tab.locator("#message");
    ok((await message.innerText()).includes("DMAR hardware is malfunctioning"), "the message");
    await message.getByRole("button").click();
    await settled(tab);
    equal(await tab.evaluate(() => iommulab.p === iommulab.run.count), true, "its button leads to the end");
  },
  "a run that ended well says nothing": async ({ open }) => {
    const tab = await open("boot");
    equal(await tab.locator("#message").isVisible(), false, "message");
  },
  "a browser without DecompressionStream is told": async ({ pages, browser }) => {
    const tab = await browser.newPage();
    await tab.addInitScript(() => delete globalThis.DecompressionStream);
    await tab.goto(`file://${pages.file("boot")}`);
    ok((await tab.locator("#message").innerText()).includes("DecompressionStream"), "the message");
    await tab.close();
  },
  "a file that was cut is told": async ({ pages, browser }) => {
    const text = readFileSync(pages.file("boot"), "utf8");
    const broken = pages.file("boot").replace("boot.html", "cut.html");
    writeFileSync(broken, text.replace(/(<script type="text\/plain" data-run="0">.{50})[^<]*/, "$1"));
    const tab = await browser.newPage();
    await tab.goto(`file://${broken}`);
    await tab.locator("#message").waitFor();
    ok((await tab.locator("#message").innerText()).includes("cannot show this run"), "the message");
    await tab.close();
  },
  "without scripts it says what is missing": async ({ open }) => {
    const tab = await open("boot", "", { javaScriptEnabled: false, ready: false });
    ok((await tab.locator(".message").innerText()).includes("scripts turned off"), "the message");
  },
};
