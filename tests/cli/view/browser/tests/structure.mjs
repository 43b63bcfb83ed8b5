// SPDX-License-Identifier: GPL-2.0-only
//
// What views show is what the model of the page has (which state_equals_step.mjs compares with the
// program), and the view of all structures leaves nothing out.

import { equal } from "../check.mjs";
import { settled } from "../browser.mjs";

/** Of values that are shown in their own words, those whose text is another than the model's. */
function differing() {
  const words = (value) => {
    if (value === null) return "NULL";
    if (Array.isArray(value)) return value.length === 1 ? "1 entry" : `${value.length} entries`;
    if (typeof value === "object") return value.fields ? `struct ${value.struct ?? ""} ${value.name ?? ""}`.trim() : value.name;
    return value === "" ? '""' : String(value);
  };
  const at = (path) => {
    const [kind, name, ...rest] = path;
    let value = (iommulab.state[kind] ?? []).find((s) => (s.name ?? "") === name);
    for (const step of rest) {
      if (value === null || value === undefined) return undefined;
      value = Array.isArray(value) ? (value.find((item) => item?.name === step) ?? value[Number(step)]) : value.fields?.[step];
    }
    return value;
  };
  const wrong = [];
  const shown = [...document.querySelectorAll("#stage .value[data-path]")];
  const isVerbatim = ["registers", "structures"].includes(iommulab.viewName);
  for (const element of shown) {
    const value = at(element.dataset.path.split("/").map(decodeURIComponent));
    if (value === undefined) wrong.push(`${element.dataset.path} is not in the model`);
    else if (isVerbatim && element.firstChild.textContent !== words(value)) wrong.push(`${element.dataset.path}: ${element.firstChild.textContent}, not ${words(value)}`);
  }
  return { wrong: wrong.slice(0, 5), count: shown.length };
}

/** The paths of everything in the model that is no structure and no list of some. */
function allPaths() {
  const paths = new Set();
  const add = (value, path) => {
    if (Array.isArray(value) && value.length > 0) {
      value.forEach((item, i) => add(item, [...path, item?.fields && item.name ? item.name : String(i)]));
    } else if (value !== null && typeof value === "object" && value.fields) {
      for (const [field, inner] of Object.entries(value.fields)) {
        if (!(field.endsWith("_words") && field.slice(0, -6) in value.fields)) add(inner, [...path, field]);
      }
    } else {
      paths.add(path.map(encodeURIComponent).join("/"));
    }
  };
  for (const [kind, list] of Object.entries(iommulab.state)) for (const s of list) add(s, [kind, s.name ?? ""]);
  return [...paths];
}

const same = (page, events) => async ({ open }) => {
  const tab = await open(page);
  const views = await tab.evaluate(() => [...document.querySelectorAll("#views [role=tab]")].map((e) => e.id.slice(4)));
  for (const p of events) {
    for (const view of views) {
      await tab.evaluate(([id, at]) => (iommulab.showView(id), iommulab.go(at)), [view, p]);
      await settled(tab);
      const { wrong } = await tab.evaluate(differing);
      equal(wrong, [], `${view} at event ${p}`);
    }
  }
};

export const cases = {
  "a boot": same("boot", [0, 1, 300, 533, 700, 814]),
  "faults": same("faults", [900, 1050, 1116, 1150]),
  "a script of DMA": same("dma", [1022, 1063, 1092, 1113]),

  "the view of structures shows every field": async ({ open }) => {
    const tab = await open("dma", "#event=1063&view=structures");
    await tab.evaluate(() => {
      for (let closed; (closed = document.querySelectorAll("#stage details:not([open])")).length > 0; ) {
        for (const element of closed) element.querySelector("summary").click();
      }
    });
    await tab.waitForTimeout(200);
    for (let i = 0; i < 5; ++i) {
      await tab.evaluate(() => document.querySelectorAll("#stage details:not([open]) > summary").forEach((e) => e.click()));
      await tab.waitForTimeout(150);
    }
    const shown = new Set(await tab.evaluate(() => [...document.querySelectorAll("#stage [data-path]")].map((e) => e.dataset.path)));
    const missing = (await tab.evaluate(allPaths)).filter((path) => !shown.has(path));
    equal(missing.slice(0, 5), [], "fields that are not shown");
  },
};
