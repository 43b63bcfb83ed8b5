// SPDX-License-Identifier: GPL-2.0-only
//
// What the figure holds at an event: the state's structures as boxes (boxes.js), in columns. A
// pointer that the state has as an address leads to the table that lies at this address.

import { findStructure, isLink } from "../model/state.js";
import { Boxes } from "./boxes.js";

/** Most rows that a list has in its box before the rest is counted. */
const FIGURE_ROWS = 8;
/** Groups that have a box each; more share one. */
const FIGURE_GROUPS = 6;
const isNullAddress = (address) => !address || /^0x0+$/.test(address);

/** A box of a structure of the state; `rows` are its fields, or rows of their own. */
function structureBox(kind, structure, rows, struct = structure.struct ?? kind) {
  const path = [kind, structure.name ?? ""];
  const row = (field) => boxFieldRow(path, structure.fields, field);
  const all = rows.flatMap((item) => (typeof item === "string" ? row(item) : item)).filter(Boolean);
  return { key: Boxes.key(kind, structure.name ?? ""), struct, name: structure.name ?? "", path, rows: all };
}
function boxFieldRow(path, fields, field) {
  if (!(field in fields)) return null;
  const value = fields[field];
  return { label: field, path: [...path, field], value, to: isLink(value) ? Boxes.key(value.struct, value.name) : null, words: fields[`${field}_words`] };
}
/** Rows of a list, each by `make(item, path)`; the rest as one row. */
function boxListRows(path, field, list, make) {
  const rows = (list ?? []).slice(0, FIGURE_ROWS).map((item, i) => make(item, [...path, field, item?.name && !isLink(item) ? item.name : String(i)], i));
  if (list?.length > FIGURE_ROWS) rows.push({ label: "…", text: `${list.length - FIGURE_ROWS} more` });
  return rows;
}
function boxCountRow(path, fields, field, what) {
  if (!(field in fields)) return null;
  const n = fields[field].length;
  return { label: field, path: [...path, field], value: fields[field], text: `${n} ${n === 1 ? what[0] : what[1]}` };
}
const boxLinkRow = (label, path, value) => ({ label, path, value, to: isLink(value) ? Boxes.key(value.struct, value.name) : null });

export const FigureParts = {
  /** [{letter, title, boxes}] from left to right. */
  columns(state) {
    const all = [
      { letter: "F", title: "Firmware’s units", boxes: this.firmware(state) },
      { letter: "U", title: "Driver’s units", boxes: this.units(state) },
      { letter: "T", title: "Tables in memory", boxes: this.tables(state) },
      { letter: "D", title: "Domains", boxes: this.domains(state) },
      { letter: "P", title: "Devices", boxes: this.devices(state) },
      { letter: "G", title: "Groups", boxes: this.groups(state) },
    ];
    this.leadToHolders(all.flatMap(({ boxes }) => boxes));
    return all;
  },

  firmware(state) {
    const scope = (path, fields) =>
      boxListRows(path, "devices", fields.devices, (item, inner, i) => boxLinkRow(`devices[${i}]`, [...inner, "dev"], item.fields.dev));
    const units = state.dmar_drhd_unit ?? [];
    const list =
      units.length > 0
        ? [{ key: "list/dmar_drhd_units", struct: "LIST_HEAD", name: "dmar_drhd_units", path: null, rows: units.map((u, i) => ({ label: "list", text: `[${i}]`, to: Boxes.key("dmar_drhd_unit", u.name) })) }]
        : [];
    const box = (kind, fields) => (s) => structureBox(kind, s, [...fields, scope([kind, s.name ?? ""], s.fields), "iommu"]);
    return [
      ...list,
      ...units.map(box("dmar_drhd_unit", ["reg_base_addr", "segment", "include_all", "ignored"])),
      ...(state.dmar_rmrr_unit ?? []).map(box("dmar_rmrr_unit", ["base_address", "end_address"])),
      ...(state.dmar_atsr_unit ?? []).map(box("dmar_atsr_unit", ["segment", "include_all"])),
    ];
  },

  units(state) {
    return [
      ...(state.g_iommus ?? []).map((s) => {
        const path = ["g_iommus", s.name ?? ""];
        const set = (s.fields.g_iommus ?? []).map((item, i) => item && boxLinkRow(`g_iommus[${i}]`, [...path, "g_iommus", String(i)], item));
        const rows = ["g_num_of_iommus", s.fields.g_iommus === null ? "g_iommus" : null, set, s.fields.si_domain ? "si_domain" : null];
        return structureBox("g_iommus", s, rows.filter(Boolean));
      }),
      ...(state.intel_iommu ?? []).map((s) => this.unit(state, s)),
      ...this.deferred(state.deferred_flush_tables ?? []),
    ];
  },
  unit(state, s) {
    const path = ["intel_iommu", s.name];
    const { fields } = s;
    const root = findStructure(state, "root", s.name);
    const queue = findStructure(state, "queue", s.name);
    const qi = fields.qi?.fields;
    return structureBox("intel_iommu", s, [
      ...["reg", "cap", "ecap", "seq_id", "agaw", "gcmd"],
      { ...boxFieldRow(path, fields, "root_entry"), to: !isNullAddress(fields.root_entry) && root?.fields.table === fields.root_entry ? Boxes.key("root", root.name) : null },
      qi
        ? { label: "qi→desc", path: [...path, "qi", "desc"], value: qi.desc, to: !isNullAddress(qi.desc) && queue?.fields.base === qi.desc ? Boxes.key("queue", queue.name) : null }
        : "qi",
      qi ? { label: "qi→free_cnt", path: [...path, "qi", "free_cnt"], value: qi.free_cnt } : null,
      "domain_ids",
      boxListRows(path, "domains", fields.domains, (item, inner) => boxLinkRow(`domains ${item.fields.id}`, [...inner, "domain"], item.fields.domain)),
    ].filter(Boolean));
  },
  /** The array deferred_flush[], one element a unit, as one box. */
  deferred(tables) {
    if (tables.length === 0) return [];
    const rows = tables.flatMap((s, i) => {
      const path = ["deferred_flush_tables", s.name];
      const entries = boxListRows(path, "entries", s.fields.entries, (item, inner) => boxLinkRow(`[${i}] entry ${item.name}`, [...inner, "domain"], item.fields.domain));
      return [{ ...boxFieldRow(path, s.fields, "next"), label: `[${i}] next` }, ...entries];
    });
    return [{ key: "deferred_flush_tables/", holds: tables.map((s) => Boxes.key("deferred_flush_tables", s.name)), struct: "deferred_flush_tables", name: "deferred_flush[]", path: null, rows }];
  },

  tables(state) {
    const root = (state.root ?? []).filter((s) => !isNullAddress(s.fields.table));
    const contexts = state.context ?? [];
    const boxes = [];
    for (const s of root) {
      const path = ["root", s.name];
      const entries = boxListRows(path, "entries", s.fields.entries, (entry, inner) => {
        const [unit, bus] = entry.name.split(" ");
        const has = contexts.some((c) => this.contextPlace(c).key === `${unit} ${bus}`);
        const field = "CTP" in entry.fields ? "CTP" : "low";
        return { label: `bus ${bus}`, path: [...inner, field], value: entry.fields[field], to: has ? `context_table/${unit} ${bus}` : null };
      });
      boxes.push(structureBox("root", s, ["table", entries]));
      boxes.push(...this.contextTables(state, contexts.filter((c) => this.contextPlace(c).unit === s.name)));
    }
    boxes.push(...(state.tables ?? []).map((s) => structureBox("tables", s, ["table", "levels", "table_pages", boxCountRow(["tables", s.name], s.fields, "ranges", ["range", "ranges"])])));
    boxes.push(...(state.queue ?? []).filter((s) => !isNullAddress(s.fields.base)).map((s) => structureBox("queue", s, ["base", "head", "tail", "enabled"])));
    return boxes;
  },
  /** The context entry "dmar0 0000:00:1f.0" lies in the table of dmar0's bus 00. */
  contextPlace({ name }) {
    const [unit, device] = name.split(" ");
    const [, bus, devfn] = device.split(":");
    return { unit, bus, devfn, key: `${unit} ${bus}` };
  },
  contextTables(state, contexts) {
    const byTable = new Map();
    for (const c of contexts) {
      const { key } = this.contextPlace(c);
      byTable.set(key, [...(byTable.get(key) ?? []), c]);
    }
    return [...byTable].map(([name, entries]) => ({
      key: `context_table/${name}`,
      struct: "context table",
      name: name.replace(" ", " bus "),
      path: null,
      rows: entries.flatMap((c) => {
        const table = (state.tables ?? []).find((t) => !isNullAddress(c.fields.SLPTPTR) && t.fields.table === c.fields.SLPTPTR);
        const path = ["context", c.name];
        const { devfn } = this.contextPlace(c);
        return [
          isNullAddress(c.fields.SLPTPTR)
            ? { label: `${devfn} T`, path: [...path, "T"], value: c.fields.T, text: c.fields.T_words, words: "no second-level table" }
            : { label: `${devfn} SLPTPTR`, path: [...path, "SLPTPTR"], value: c.fields.SLPTPTR, to: table ? Boxes.key("tables", table.name) : null },
          { label: `${devfn} DID`, path: [...path, "DID"], value: c.fields.DID },
        ].filter((row) => row.value !== undefined);
      }),
    }));
  },

  domains(state) {
    const domains = (state.dmar_domain ?? []).map((s) => {
      const path = ["dmar_domain", s.name];
      const table = (state.tables ?? []).find((t) => !isNullAddress(s.fields.pgd) && t.fields.table === s.fields.pgd);
      return structureBox("dmar_domain", s, [
        boxListRows(path, "iommu_did", s.fields.iommu_did, (item, inner) => ({ label: `iommu_did${item.name}`, path: [...inner, "value"], value: item.fields.value })),
        ...["agaw", "gaw", "flags"],
        { ...boxFieldRow(path, s.fields, "pgd"), to: table ? Boxes.key("tables", table.name) : null },
        "iovad",
        boxListRows(path, "devices", s.fields.devices, (item, inner, i) => boxLinkRow(`devices[${i}]`, inner, item)),
      ]);
    });
    const spaces = (state.iova_domain ?? []).map((s) =>
      structureBox("iova_domain", s, [
        { ...boxFieldRow(["iova_domain", s.name], s.fields, "rbroot"), to: null },
        "cached32_node" in s.fields ? { ...boxFieldRow(["iova_domain", s.name], s.fields, "cached32_node"), to: null } : null,
        "start_pfn",
        "dma_32bit_pfn",
        boxCountRow(["iova_domain", s.name], s.fields, "nodes", ["range", "ranges"]),
      ].filter((row) => typeof row === "string" || row?.label)),
    );
    return [...domains, ...spaces];
  },

  devices(state) {
    const infos = (state.device_domain_info ?? []).map((s) => structureBox("device_domain_info", s, ["bus", "devfn", "dev", "iommu", "domain"]));
    const devices = state.device ?? [];
    const own = devices.filter((s) => s.fields["archdata.iommu"]).map((s) => structureBox("device", s, ["archdata.iommu", "iommu_group"]));
    const rest = devices.filter((s) => !s.fields["archdata.iommu"]);
    const others = rest.length
      ? [{ key: "device/rest", holds: rest.map((s) => Boxes.key("device", s.name)), struct: "device", name: `${rest.length} without a domain`, path: null, note: "archdata.iommu is NULL in each; on the right its group.", rows: rest.map((s) => ({ ...boxLinkRow(s.name.replace(/^0000:/, ""), ["device", s.name, "iommu_group"], s.fields.iommu_group), text: s.fields.iommu_group ? s.fields.iommu_group.name : "none" })) }]
      : [];
    return [...infos, ...own, ...others];
  },

  groups(state) {
    const groups = state.iommu_group ?? [];
    if (groups.length > FIGURE_GROUPS) return [this.groupList(groups)];
    return groups.map((s) =>
      structureBox("iommu_group", s, [
        boxListRows(["iommu_group", s.name], "devices", s.fields.devices, (item, inner, i) => boxLinkRow(`devices[${i}]`, [...inner, "dev"], item.fields.dev)),
        ...["default_domain", "domain"].filter((field) => s.fields[field]),
      ]),
    );
  },
  groupList(groups) {
    const rows = groups.map((s) => ({
      label: s.name,
      path: ["iommu_group", s.name, "devices"],
      value: s.fields.devices,
      text: s.fields.devices.map((item) => item.fields.name.replace(/^0000:/, "")).join(" ") || "no device",
    }));
    return { key: "iommu_group/all", holds: groups.map((s) => Boxes.key("iommu_group", s.name)), struct: "iommu_group", name: `${groups.length} groups`, path: null, note: "Each with the devices that it holds.", rows };
  },

  /** Pointers to structures that share one box lead to it. */
  leadToHolders(boxes) {
    const holders = new Map(boxes.flatMap((box) => (box.holds ?? []).map((key) => [key, box.key])));
    for (const { rows } of boxes) for (const row of rows) row.to = holders.get(row.to) ?? row.to;
  },
};
