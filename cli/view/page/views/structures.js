// SPDX-License-Identifier: GPL-2.0-only
//
// All structures, by kind: what `print` shows.

import { h } from "../dom.js";
import { foldable, structureTree } from "../values.js";

export const structures = {
  id: "structures",
  title: "Structures",
  about: "Every structure of kernel and hardware, by the kernel's names.",

  render(view) {
    const shown = view.option("kind") ?? "all";
    const kinds = Object.keys(view.state);
    const choice = h(
      "label",
      {},
      "Kind ",
      h(
        "select",
        { onchange: (event) => view.setOption("kind", event.target.value) },
        ["all", ...kinds].map((kind) => h("option", { value: kind, selected: kind === shown }, kind)),
      ),
    );
    const sections = kinds
      .filter((kind) => (shown === "all" || kind === shown) && view.state[kind].length > 0)
      .map((kind) => this.section(view, kind));
    return [h("div", { class: "choices" }, choice), sections];
  },

  section(view, kind) {
    return h(
      "section",
      { class: "kind" },
      h("h3", {}, kind, h("span", { class: "count" }, ` ${view.state[kind].length}`)),
      view.state[kind].map((structure) => {
        const path = [kind, structure.name ?? ""];
        const lit = view.age(path);
        return foldable(
          view,
          path,
          { class: "structure", "data-age": lit, "data-structure": `${kind}/${structure.name ?? ""}` },
          lit !== null,
          h("summary", {}, h("code", {}, `struct ${structure.struct ?? kind}`), ` ${structure.name ?? ""}`),
          () => structureTree(view, path, structure),
        );
      }),
    );
  },
};
