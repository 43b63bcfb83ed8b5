// SPDX-License-Identifier: GPL-2.0-only
//
// A page as the program wrote it, read without a browser.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Run } from "../../../cli/view/page/model/run.js";

const MOST_OUTPUT = 1 << 30;

/** What the program prints on these words; an error with its last words when it fails. */
export function iommulab(program, words, input = "") {
  return execFileSync(program, words, { input, encoding: "utf8", maxBuffer: MOST_OUTPUT });
}

/** The run of a page, as the page itself has it. */
export async function runOfPage(file, number = 0) {
  const html = readFileSync(file, "utf8");
  const text = (start) => {
    const from = html.indexOf(start);
    if (from < 0) throw new Error(`${file}: there is no ${start}`);
    return html.slice(from + start.length, html.indexOf("</script>", from));
  };
  const head = JSON.parse(text(`<script type="application/json" id="run-${number}">`));
  const chunks = [];
  const start = `<script type="text/plain" data-run="${number}">`;
  for (let at = html.indexOf(start); at >= 0; at = html.indexOf(start, at + 1)) {
    chunks.push(html.slice(at + start.length, html.indexOf("</script>", at)));
  }
  return Run.load(head, (i) => chunks[i]);
}

/** The documents that a stepper printed, in their order. */
export function documentsIn(text) {
  const documents = [];
  let lines = null;
  for (const line of text.split("\n")) {
    if (line === "{") lines = [];
    if (lines) lines.push(line);
    if (lines && line === "}") {
      documents.push(JSON.parse(lines.join("\n")));
      lines = null;
    }
  }
  return documents;
}

/** The same numbers each time, from 0 to below `below`. */
export function* randomNumbers(seed, below) {
  for (let state = BigInt(seed); ; ) {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    yield Number((state >> 33n) % BigInt(below));
  }
}
