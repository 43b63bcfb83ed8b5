// SPDX-License-Identifier: GPL-2.0-only
//
// What is shown is what the stepper prints, and a value leads to where the stepper says it came from.

import { equal, ok } from "../check.mjs";
import { placeOf, settled } from "../browser.mjs";
import { documentsIn } from "../../page_file.mjs";

const TES = "registers/dmar0/GSTS/TES";
const ASKED = ["GSTS.TES", "GSTS.QIES", "GSTS.RTPS", "RTADDR", "IQT", "FSTS.PFO"];

/** "event 533" of what `origin` prints. */
const originIn = (text) => Number(/was set at event (\d+)/.exec(text)?.[1] ?? 0);

export const cases = {
  "registers are those of the stepper": async ({ open, pages }) => {
    const events = [1, 230, 300, 532, 533, 814];
    const commands = events.flatMap((p) => [`goto ${p}`, ...ASKED.map((name) => `print --json ${name}`)]);
    const printed = documentsIn(pages.step("boot", ...commands));
    equal(printed.length, events.length * ASKED.length, "documents of the stepper");
    const tab = await open("boot", "#view=registers");
    let compared = 0;
    for (const { event, expression, value } of printed) {
      await tab.evaluate((p) => iommulab.go(p), event);
      const isRegister = value !== null && typeof value === "object" && value.fields;
      const path = `registers/dmar0/${expression.replace(".", "/")}${isRegister ? "/value" : ""}`;
      const shown = tab.locator(`#stage [data-path="${path}"]`);
      if ((await shown.count()) === 0) throw new Error(`${path} is not shown at event ${event}`);
      const text = await shown.evaluate((e) => e.firstChild.textContent);
      equal(text, String(isRegister ? value.fields.value : value), `${expression} at event ${event}`);
      ++compared;
    }
    ok(compared === printed.length, "all compared");
  },

  "a value leads to its origin": async ({ open, pages }) => {
    for (const name of ["TES", "QIES", "RTPS"]) {
      const wanted = originIn(pages.step("boot", "goto 814", `origin GSTS.${name}`));
      ok(wanted > 0, "the stepper knows");
      const tab = await open("boot", "#event=814&view=registers");
      await tab.click(`#stage [data-path="registers/dmar0/GSTS/${name}"]`);
      await tab.click('[data-origin="set"]');
      equal((await placeOf(tab)).p, wanted, `where GSTS.${name} was set`);
      equal(await tab.locator(`#stage [data-path="registers/dmar0/GSTS/${name}"]`).getAttribute("data-age"), "0", "it is lit there");
    }
  },

  "a value that was never set says so": async ({ open }) => {
    const tab = await open("boot", `#event=10&view=registers&value=${TES}`);
    ok((await tab.locator(".origin").innerText()).includes("from the beginning"), "the words");
    await tab.click('[data-origin="next"]');
    equal((await placeOf(tab)).p, 533, "where it changes next");
  },

  "what an event changed fades over the next two": async ({ open }) => {
    const tab = await open("boot", "#event=533&view=registers");
    const age = () => tab.locator(`#stage [data-path="${TES}"]`).getAttribute("data-age");
    const ages = [];
    for (let i = 0; i < 4; ++i) {
      await settled(tab);
      ages.push(await age());
      await tab.keyboard.press(".");
    }
    equal(ages, ["0", "1", "2", null], "ages");
  },

  "what changed is lit in its view, and asked by the same path": async ({ open }) => {
    const tab = await open("dma", "#event=1063&view=memory");
    ok((await tab.locator('#stage .blocks [data-age="0"]').count()) > 0, "the page whose owner changed is lit");
    const path = await tab.locator('.changed .value[data-path^="pages/"]').first().getAttribute("data-path");
    await tab.locator(`.changed .value[data-path="${path}"]`).click();
    await settled(tab);
    ok((await tab.locator(".origin").innerText()).includes("Set at event 1063"), "its origin is this event");
  },

  "an entry that was put off says where its changes are told": async ({ open }) => {
    const tab = await open("server");
    const p = await tab.evaluate(async () => {
      for (let q = 1; q <= iommulab.run.count; ++q) if ((await iommulab.run.event(q)).put_off) return q;
      return 0;
    });
    if (p === 0) return;
    await tab.evaluate((q) => iommulab.go(q), p);
    await settled(tab);
    ok((await tab.locator(".event-line").innerText()).includes("behind the last of them"), "the words");
  },
};
