// SPDX-License-Identifier: GPL-2.0-only
//
// The PCI devices at an event: the machine's functions below their bridges, and for each what the
// driver knows about it: group, domain, unit, reserved memory.

import { findStructure } from "../model/state.js";

/** Siblings that are alike before they are folded into one box. */
const SIBLINGS_ALIKE = 4;

export const DeviceTree = {
  /** [{title, nodes}] of the buses; devices that the machine does not list come last. */
  buses(view) {
    const known = new Set();
    const buses = (view.machine?.buses ?? []).map((bus) => ({
      title: `Bus ${busText(bus.number, 2)}${bus.segment ? `, segment ${busText(bus.segment, 4)}` : ""}`,
      nodes: bus.functions.map((f) => this.node(view, f, [], known)),
    }));
    const later = (view.state.device ?? []).filter((s) => !known.has(s.name));
    if (later.length > 0) {
      buses.push({ title: "Not among the machine’s functions", nodes: later.map((s) => this.node(view, { name: s.name }, [], known)) });
    }
    return buses;
  },

  node(view, machineFunction, bridges, known) {
    const { name } = machineFunction;
    known.add(name);
    const way = [...bridges, name];
    const device = findStructure(view.state, "device", name);
    const facts = {
      name,
      machineFunction,
      device,
      info: findStructure(view.state, "device_domain_info", name),
      group: this.groupOf(view.state, name),
      unit: this.unitOf(view.state, way),
      reserved: (view.state.dmar_rmrr_unit ?? []).filter((r) => r.fields.devices.some((d) => d.fields.dev?.name === name)),
    };
    return { ...facts, children: (machineFunction.children ?? []).map((f) => this.node(view, f, way, known)) };
  },

  groupOf(state, name) {
    const link = findStructure(state, "device", name)?.fields.iommu_group;
    return link ? link.name : null;
  },

  /**
   * The unit in whose scope a device lies: the first that names it or a bridge above it, else the one
   * for all others in the segment. `way`: the bridges from the root bus down, and the device.
   */
  unitOf(state, way) {
    const segment = parseInt(way.at(-1), 16);
    for (const unit of state.dmar_drhd_unit ?? []) {
      if (Number(unit.fields.segment) !== segment) continue;
      const named = unit.fields.devices.find((d) => way.includes(d.fields.dev?.name));
      if (named) return { unit, by: named.fields.dev.name === way.at(-1) ? "named by the unit" : `below ${named.fields.dev.name}` };
      if (unit.fields.include_all) return { unit, by: "include_all" };
    }
    return null;
  },

  /** [{nodes}] where siblings that are alike, many and without devices below them lie together. */
  folded(nodes) {
    const heaps = new Map();
    for (const node of nodes) {
      const f = node.machineFunction;
      const key = node.children.length > 0 ? node.name : [f.class, f.vendor, f.device, f.type, Boolean(node.device)].join();
      heaps.set(key, [...(heaps.get(key) ?? []), node]);
    }
    return [...heaps.values()].flatMap((heap) => (heap.length > SIBLINGS_ALIKE ? [heap] : heap.map((node) => [node])));
  },
};

function busText(number, digits) {
  return number.toString(16).padStart(digits, "0");
}
