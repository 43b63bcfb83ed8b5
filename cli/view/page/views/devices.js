// SPDX-License-Identifier: GPL-2.0-only
//
// The machine's PCI devices as boxes within the bridges above them, with the group, the domain and
// the unit that the driver has given each by the event.

import { h } from "../dom.js";
import { valueNode, valueTree } from "../values.js";
import { DeviceTree } from "./device_tree.js";

/** Colours of groups; the number tells them apart as well. */
const GROUP_HUES = 6;

export const devices = {
  id: "devices",
  title: "Devices",
  about:
    "The PCI devices below their bridges. Devices that cannot be told apart on their way to memory share a group, G and a number; a domain is the address space that translates for a device.",

  async render(view) {
    const buses = DeviceTree.buses(view);
    if (buses.length === 0) return h("p", { class: "words" }, "This run has no devices: it is a recorded run of the allocator alone.");
    const gone = await this.gone(view, buses);
    return [
      this.summary(view),
      buses.map(({ title, nodes }) => h("section", { class: "pci-bus" }, h("h2", {}, title), this.list(view, nodes, gone))),
    ];
  },

  /** Devices that the driver knew once and does not know now: the event that took each away. */
  async gone(view, buses) {
    const all = [];
    const collect = (node) => {
      all.push(node);
      node.children.forEach(collect);
    };
    buses.forEach(({ nodes }) => nodes.forEach(collect));
    const missing = all.filter((node) => !node.device && view.run.head.structures.includes(`device/${node.name}`));
    const events = await Promise.all(missing.map((node) => view.run.setBy(["device", node.name], view.p)));
    return new Map(missing.map((node, i) => [node.name, events[i]]).filter(([, event]) => event > 0));
  },

  summary(view) {
    const { state } = view;
    const count = (kind, one, many) => {
      const n = state[kind]?.length ?? 0;
      return `${n} ${n === 1 ? one : many}`;
    };
    const groups = state.iommu_group?.length ? count("iommu_group", "group", "groups") : "no groups yet";
    return h("p", { class: "words pci-summary" }, [count("device", "device is known to the driver", "devices are known to the driver"), groups, count("dmar_domain", "domain", "domains")].join(" · "));
  },

  list(view, nodes, gone) {
    return h(
      "ul",
      { class: "pci-list" },
      DeviceTree.folded(nodes).map((heap) => h("li", {}, heap.length === 1 ? this.box(view, heap[0], gone) : this.heap(view, heap, gone))),
    );
  },

  heap(view, heap, gone) {
    const path = ["devices-view", heap[0].name];
    const f = heap[0].machineFunction;
    return h(
      "details",
      { class: "pci-heap", open: view.isUnfolded(path) || heap.some((node) => view.age(["device", node.name]) !== null), ontoggle: (event) => view.unfold(path, event.target.open) },
      h("summary", {}, h("b", {}, `${heap.length} ×`), ` ${f.class_name ?? "device"} `, h("code", {}, `${heap[0].name} … ${heap.at(-1).name}`)),
      h("ul", { class: "pci-list" }, heap.map((node) => h("li", {}, this.box(view, node, gone)))),
    );
  },

  box(view, node, gone) {
    const f = node.machineFunction;
    const path = ["devices-view", "open", node.name];
    const standing = this.standing(node, gone.get(node.name));
    const lit = [["device", node.name], ["device_domain_info", node.name]].map((p) => view.age(p)).filter((age) => age !== null);
    const age = lit.length > 0 ? Math.min(...lit) : null;
    return h(
      "article",
      {
        class: `pci-device ${standing.cls}${node.group !== null ? ` hue-${Number(node.group) % GROUP_HUES}` : ""}`,
        "data-age": age,
        "aria-label": node.name,
      },
      h(
        "details",
        { open: view.isUnfolded(path), ontoggle: (event) => view.unfold(path, event.target.open) },
        h(
          "summary",
          {},
          h("code", {}, node.name.replace(/^0000:/, "")),
          node.group !== null ? h("span", { class: "group" }, `G${node.group}`) : null,
          h("span", { class: "what" }, f.class_name ?? "", f.type ? h("span", { class: "words" }, f.type) : null),
          standing.words ? h("span", { class: "standing" }, standing.words) : null,
        ),
        this.values(view, node),
      ),
      this.badges(view, node),
      node.children.length > 0 ? this.list(view, node.children, gone) : null,
    );
  },

  /** How a device stands to the driver at this event. */
  standing(node, removedBy) {
    if (node.device) return { cls: "known", words: node.machineFunction.class ? null : "not in the machine’s description" };
    if (removedBy) return { cls: "removed", words: `✗ removed by event ${removedBy}` };
    if (node.machineFunction.present === false) return { cls: "absent", words: "not plugged in" };
    return { cls: "unknown", words: "not yet known to the driver" };
  },

  badges(view, { name, device, info, unit, reserved }) {
    const fact = (label, ...value) => h("div", { class: "fact" }, h("dt", {}, label), h("dd", {}, value));
    const infoPath = ["device_domain_info", name];
    const facts = [
      info ? fact("domain", valueNode(view, [...infoPath, "domain"], info.fields.domain)) : null,
      unit ? fact("unit", valueNode(view, ["dmar_drhd_unit", unit.unit.name, "iommu"], unit.unit.fields.iommu), h("span", { class: "words" }, unit.by + (unit.unit.fields.ignored ? "; ignored by the driver" : ""))) : null,
      reserved.map((r) => fact("RMRR", valueNode(view, ["dmar_rmrr_unit", r.name, "base_address"], r.fields.base_address), "–", valueNode(view, ["dmar_rmrr_unit", r.name, "end_address"], r.fields.end_address))),
      device?.fields.driver ? fact("driver", valueNode(view, ["device", name, "driver"], device.fields.driver)) : null,
    ].flat().filter(Boolean);
    return facts.length > 0 ? h("dl", { class: "pci-facts" }, facts) : null;
  },

  /** All that the state has of a device. */
  values(view, { name, device, info, machineFunction: f }) {
    const rows = (kind, structure) =>
      structure
        ? h(
            "section",
            {},
            h("h3", {}, `struct ${structure.struct}`),
            h(
              "dl",
              { class: "pci-values" },
              Object.entries(structure.fields)
                .filter(([field]) => !field.endsWith("_words"))
                .map(([field, value]) => [h("dt", {}, field), h("dd", {}, valueTree(view, [kind, name, field], value, structure.fields[`${field}_words`]))]),
            ),
          )
        : null;
    const config = f.vendor ? h("p", { class: "words" }, `vendor ${f.vendor}, device ${f.device}, class ${f.class}${f.acs ? "; has ACS" : ""}${f.ats ? "; has ATS" : ""}`) : null;
    return h("div", { class: "pci-more" }, config, rows("device", device), rows("device_domain_info", info), device ? null : h("p", { class: "words" }, "The driver has no struct device of it at this event."));
  },
};
