// SPDX-License-Identifier: GPL-2.0-only
//
// The pages of the tests: made by the program, once each, or changed from one of those.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync, inflateSync } from "node:zlib";
import { iommulab } from "../page_file.mjs";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../../../..");
export const PAGE_PARTS = join(ROOT, "cli/view/page");
const UNMAPPED = join(ROOT, "cli/dma/examples/use_after_unmap.dma");

export const RUNS = {
  boot: ["boot"],
  server: ["boot", "--machine", "server"],
  dma: ["dma", UNMAPPED],
  faults: ["dma", UNMAPPED, "--cmdline", "intel_iommu=on,strict"],
  kernels: ["boot", "--diff", "--kernel", "v4_4", "--kernel", "v4_4_178"],
  strict: ["boot", "--diff", "--cmdline", "intel_iommu=on", "--cmdline", "intel_iommu=on,strict"],
  allocator: ["iova", "replay", join(ROOT, "tests/golden/iova/4.4/j_granule.trace.xz")],
  capture: ["capture", join(ROOT, "tests/golden/kernel/v4_4/boot/default")],
};

export class Pages {
  constructor(program, folder) {
    this.program = program;
    this.folder = folder;
    this.made = new Map();
  }
  /** The file of a page, with the modules of the source tree. */
  file(name) {
    const file = join(this.folder, `${name}.html`);
    if (!this.made.has(name)) {
      iommulab(this.program, ["view", ...RUNS[name], "-o", file, "--page-parts", PAGE_PARTS]);
      this.made.set(name, file);
    }
    return file;
  }
  /** A page whose head a test has changed. */
  changed(name, as, change) {
    const text = readFileSync(this.file(name), "utf8");
    const start = '<script type="application/json" id="run-0">';
    const from = text.indexOf(start) + start.length;
    const to = text.indexOf("</script>", from);
    const head = JSON.parse(text.slice(from, to));
    change(head);
    const file = join(this.folder, `${as}.html`);
    writeFileSync(file, text.slice(0, from) + JSON.stringify(head).replaceAll("<", "\\u003c") + text.slice(to));
    return file;
  }
  /** A page that was made elsewhere, with the modules of the source tree: big ones take long to make. */
  renewed(other, as) {
    if (!existsSync(other)) return null;
    const now = readFileSync(this.file("boot"), "utf8");
    const then = readFileSync(other, "utf8");
    const runs = (text) => [text.indexOf('<script type="application/json" id="run-0">'), text.lastIndexOf('<script type="module">')];
    const [from, to] = runs(now);
    const file = join(this.folder, `${as}.html`);
    writeFileSync(file, now.slice(0, from) + then.slice(...runs(then)) + now.slice(to));
    return file;
  }
  /** A page with a run's events again and again: as many as a million without the wait for one. */
  repeated(name, times, as) {
    const packed = (text, size) => {
      const bytes = inflateSync(Buffer.from(text, "base64"));
      if (size && bytes.length !== size) throw new Error(`${bytes.length} bytes, not ${size}`);
      return deflateSync(Buffer.concat(Array(times).fill(bytes))).toString("base64");
    };
    const file = this.changed(name, as, (head) => {
      const { events, chunks } = head;
      head.event_kinds = packed(head.event_kinds, events);
      head.event_functions = packed(head.event_functions, 2 * events);
      head.table_words = packed(head.table_words);
      head.chunks = Array.from({ length: times }, (_, i) => chunks.map((chunk) => ({ ...chunk, first: chunk.first + i * events }))).flat();
      head.events = events * times;
    });
    const text = readFileSync(file, "utf8");
    const from = text.indexOf('<script type="text/plain" data-run="0">');
    const to = text.lastIndexOf('<script type="module">');
    writeFileSync(file, text.slice(0, from) + text.slice(from, to).repeat(times) + text.slice(to));
    return file;
  }
  /** What the stepper prints on these commands. */
  step(name, ...commands) {
    return iommulab(this.program, ["step", ...RUNS[name], "--batch", ...commands.flatMap((command) => ["-ex", command])]);
  }
}
