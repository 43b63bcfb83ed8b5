// SPDX-License-Identifier: GPL-2.0-only
//
// The DMAR table, field by field, and the machine's units: what the firmware tells the kernel. It is
// the same at every event.

import { h } from "../dom.js";

export const firmware = {
  id: "firmware",
  title: "Firmware",
  about: "The DMAR table, with which the firmware tells the kernel where remapping units are and for which devices. The driver reads it before anything else.",

  render(view) {
    const { dmar } = view.run.head;
    if (!dmar) return h("p", { class: "words" }, "This machine has no DMAR table that can be decoded.");
    return [
      h("section", {}, h("h3", {}, "Remapping units"), this.units(view)),
      h("section", {}, h("h3", {}, `DMAR, ${dmar.length} bytes`), this.fields(dmar.fields, "the header")),
      dmar.structures.map((structure) => this.structure(structure)),
      h("section", {}, h("h3", {}, "Findings"), this.findings(dmar.findings)),
    ];
  },

  units(view) {
    return h(
      "ul",
      {},
      (view.machine?.units ?? []).map((unit) => h("li", {}, h("code", {}, `${unit.name} at ${unit.base}`), h("span", { class: "words" }, ` ${unit.cap_words}; ${unit.ecap_words}`))),
    );
  },

  structure(structure) {
    const at = `0x${structure.offset.toString(16).padStart(4, "0")}`;
    return h(
      "section",
      { class: "firmware-structure" },
      h("h4", {}, `${structure.name} at ${at}`),
      this.fields(structure.fields, `${structure.name} at ${at}`),
      structure.scopes.map((scope) => h("p", { class: "scope" }, h("code", {}, `${scope.name} ${scope.path}`))),
    );
  },

  /** `of`: whose fields they are. */
  fields(fields, of) {
    return h("div", { class: "wide", role: "region", tabindex: 0, "aria-label": `Fields of ${of}` }, this.table(fields));
  },

  table(fields) {
    return h(
      "table",
      { class: "plain" },
      h("thead", {}, h("tr", {}, ["Offset", "Field", "Value", "Meaning"].map((name) => h("th", { scope: "col" }, name)))),
      h(
        "tbody",
        {},
        fields.map((field) =>
          h("tr", {}, h("td", {}, h("code", {}, `0x${field.offset.toString(16)}`)), h("th", { scope: "row" }, h("code", {}, field.name)), h("td", {}, h("code", {}, field.value)), h("td", { class: "words" }, field.meaning ?? "")),
        ),
      ),
    );
  },

  findings(findings) {
    if (findings.length === 0) return h("p", { class: "words" }, "No findings.");
    return h("ul", {}, findings.map((finding) => h("li", {}, `${finding.severity}: ${finding.sentence}`)));
  },
};
