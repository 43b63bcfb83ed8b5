// SPDX-License-Identifier: GPL-2.0-only
//
// A tour moves the page, and asks before it shows. The sample is in the form that panels/tour.js
// describes.

import { equal, ok } from "../check.mjs";
import { placeOf, settled } from "../browser.mjs";

const SAMPLE = [
  {
    number: 1,
    title: "From a word to a bit",
    summary: "The whole start-up",
    stops: [
      {
        heading: "A word on the command line",
        items: [
          { kind: "text", text: "A device that does DMA puts addresses\non the bus by itself.\n\nHere `intel_iommu=on` turns it on." },
          { kind: "run", text: "boot --machine q35" },
          { kind: "step", text: "advance intel_iommu_setup", output: "intel_iommu_setup (str=on)", expected: ["str=on"], event: 1 },
          { kind: "question", text: "What does \"on\" do?" },
          { kind: "answer", text: "It sets one variable, dmar_disabled." },
          { kind: "step", text: "finish", output: "Run till exit\nValue returned is 1", expected: ["Value returned"], event: 4 },
        ],
      },
      {
        heading: "The switch",
        items: [
          { kind: "step", text: "origin GSTS.TES", output: "GSTS.TES was set at event 533", expected: [], event: 533, value: "registers/dmar0/GSTS/TES" },
          { kind: "program", text: "iommulab translate 00:1f.0 0x1000", output: "result       host address 0x1000", expected: ["host address"] },
        ],
      },
    ],
  },
];

const withTour = (pages) => pages.changed("boot", "tour", (head) => (head.tours = SAMPLE));

export const cases = {
  "without tours there is no button": async ({ open, pages }) => {
    const tab = await open(pages.changed("boot", "no-tours", (head) => (head.tours = [])), "#tour=1.1.0");
    equal(await tab.locator("#tours").isVisible(), false, "the button");
    equal(await tab.locator("#tour").isVisible(), false, "the panel");
    equal(await tab.locator("#calls").isVisible(), true, "the tree");
  },

  "a tour from its first stop to the last": async ({ open, pages }) => {
    const tab = await open(withTour(pages), "#event=300&view=registers");
    await tab.click("#tours");
    await tab.locator("dialog.tours").getByRole("button", { name: "From a word to a bit" }).click();
    const tour = tab.locator("#tour");
    equal((await placeOf(tab)).p, 1, "the first command");
    ok(!(await tour.innerText()).includes("dmar_disabled"), "the answer is not shown yet");
    ok(!(await tour.innerText()).includes("finish"), "nor what follows it");
    await tour.locator("textarea").fill("It allocates tables");
    await tour.getByRole("button", { name: "Show the answer" }).click();
    equal((await placeOf(tab)).p, 4, "what follows the answer");
    ok((await tour.innerText()).includes("You said: It allocates tables"), "the prediction");
    ok((await tour.innerText()).includes("dmar_disabled"), "the answer");
    equal(await tour.locator("mark").allInnerTexts(), ["intel_iommu_setup (str=on)", "Value returned is 1"], "what matters of the output");
    ok(await tab.evaluate(() => document.activeElement.matches("#tour .answer")), "focus is on the answer");
    await tour.getByRole("button", { name: "Next: The switch" }).click();
    equal(await placeOf(tab), { p: 533, view: "registers", value: "registers/dmar0/GSTS/TES" }, "the second stop");
    await settled(tab);
    const link = await tab.evaluate(() => location.hash);
    await tab.goBack();
    await settled(tab);
    ok((await tour.innerText()).includes("A word on the command line"), "Back leads to the stop before");
    const fresh = await open(withTour(pages), link);
    ok((await fresh.locator("#tour").innerText()).includes("The switch"), "the link leads to the stop");
    await fresh.locator("#tour").getByRole("button", { name: "End of the tour" }).click();
    equal(await fresh.locator("#calls").isVisible(), true, "the tree is back");
  },

  "the reader may leave the way, and come back": async ({ open, pages }) => {
    const tab = await open(withTour(pages), "#tour=1.2.0&event=533");
    await tab.keyboard.press("]");
    ok((await placeOf(tab)).p > 533, "elsewhere");
    await tab.locator('#tour [data-event="533"]').click();
    equal((await placeOf(tab)).p, 533, "back");
    equal(await tab.locator('#tour [data-event="533"]').getAttribute("aria-current"), "true", "it says where");
  },

  "on a narrow screen it is a part": async ({ open, pages }) => {
    const tab = await open(withTour(pages), "#tour=1.1.0", { width: 390, height: 844 });
    equal(await tab.locator("#tour").isVisible(), true, "the tour");
    await tab.click('#parts [data-part="stage"]');
    equal(await tab.locator("#tour").isVisible(), false, "the machine");
    await tab.click('#parts [data-part="tour"]');
    equal(await tab.locator("#tour").isVisible(), true, "the tour again");
  },
};
