// SPDX-License-Identifier: GPL-2.0-only
//
// The red-black tree of an I/O address space as a picture: nodes in the order of their addresses
// from left to right, each below its parent. In a large tree what is far from the node in focus is
// folded into triangles.

import { h, svg } from "../dom.js";
import { isLink } from "../model/state.js";
import { valueNode } from "../values.js";
import { IovaRanges } from "./iova_ranges.js";

/** Trees of so many nodes are shown whole. */
const TREE_WHOLE = 31;
/** Ancestors of the node in focus whose other children are shown as nodes, not as triangles. */
const TREE_NEAR = 3;
const TREE_DIGIT = 6.7;
const TREE_FOLD_WIDTH = 60;
const TREE_LEVEL = 88;
const TREE_NODE_TOP = 26;
const TREE_NODE_HEIGHT = 38;

const treeUnfoldPath = (space, name) => ["iova-tree", space.name, name];

export const IovaTree = {
  render(view, space, ranges, before, focus) {
    const nodes = new Map(ranges.map((range) => [range.name, range]));
    const root = space.fields.rbroot?.name;
    if (!root) return h("p", { class: "words" }, "The tree is empty: rbroot is NULL.");
    const below = this.counts(nodes, root);
    const pointers = Object.keys(space.fields).filter((field) => /^(rbroot|cached)/.test(field) && isLink(space.fields[field]));
    const isLarge = below.get(root) > TREE_WHOLE;
    const way = isLarge ? this.wayUp(nodes, focus?.name ?? root) : [];
    const open = isLarge ? this.open(view, space, nodes, way) : null;
    const top = below.has(way[TREE_NEAR]) ? way[TREE_NEAR] : root;
    const own = new Map(ranges.map((range) => [range.name, IovaRanges.viewFor(view, range, before)]));
    const nodeWidth = Math.max(TREE_FOLD_WIDTH, 26 + TREE_DIGIT * Math.max(...ranges.map(({ fields }) => Math.max(fields.pfn_lo.length, fields.pfn_hi.length))));
    const places = this.places(nodes, top, open, below, nodeWidth);
    const lost = ranges.length - below.get(root);
    const width = Math.max(...places.map(({ x }) => x)) + nodeWidth / 2 + 6;
    const height = (Math.max(...places.map(({ depth }) => depth)) + 1) * TREE_LEVEL;
    const edges = places.filter(({ parent }) => parent).map((place) => this.edge(view, nodes, place));
    const picture = h(
      "div",
      { class: "iova-tree-scroll", role: "region", tabindex: 0, "aria-label": `Red-black tree of ${ranges.length} nodes` },
      h(
        "div",
        { class: "iova-tree", style: `inline-size: ${width}px; block-size: ${height}px` },
        svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" }, edges),
        places.map((place) => (place.folded ? this.triangle(view, space, place, below) : this.node(own.get(place.name), space, nodes, place, pointers, focus, nodeWidth, isLarge))),
      ),
    );
    this.keepScrolled(picture, `${space.name} ${focus?.name}`, places.find(({ name }) => name === focus?.name)?.x ?? 0);
    const opened = [...nodes.keys()].filter((name) => view.isUnfolded(treeUnfoldPath(space, name)));
    return [
      h("p", { class: "words" }, "R is a red node (round), B a black one (square). Addresses grow from left to right.", open ? " A triangle is a folded subtree with its count of nodes; choose it to open it." : ""),
      lost > 0 ? h("p", { class: "note" }, `${lost} of ${ranges.length} nodes cannot be reached from rbroot at this event.`) : null,
      open && opened.length > 0
        ? h("button", { type: "button", onclick: () => (opened.forEach((name) => view.unfold(treeUnfoldPath(space, name), false)), view.setOption("opened", "")) }, "Fold what was opened")
        : null,
      way.length > TREE_NEAR + 1 ? this.crumbs(view, nodes, below, way.slice(TREE_NEAR).reverse()) : null,
      picture,
    ];
  },

  child: (nodes, name, side) => nodes.get(name)?.fields.node?.fields[side]?.name ?? null,

  /** Nodes of the subtree below each node and itself. Links that lead in a circle are followed once. */
  counts(nodes, root) {
    const counts = new Map();
    const count = (name) => {
      if (!name || !nodes.has(name) || counts.has(name)) return 0;
      counts.set(name, 1);
      const sum = 1 + count(this.child(nodes, name, "rb_left")) + count(this.child(nodes, name, "rb_right"));
      counts.set(name, sum);
      return sum;
    };
    count(root);
    if (!counts.has(root)) counts.set(root, 0);
    return counts;
  },

  side: (nodes, parent, name) => (IovaTree.child(nodes, parent, "rb_left") === name ? "left" : "right"),

  /** From a node up to the root. */
  wayUp(nodes, name) {
    const way = [];
    for (let at = name; at && nodes.has(at) && !way.includes(at); at = nodes.get(at).fields.node.fields.parent?.name) way.push(at);
    return way;
  },

  /** Nodes of a large tree whose children are shown as nodes. */
  open(view, space, nodes, way) {
    const opened = [...nodes.keys()].filter((name) => view.isUnfolded(treeUnfoldPath(space, name)));
    return new Set([...way.slice(0, TREE_NEAR + 1), ...opened]);
  },

  /** The way from the root down to where the picture begins, a line of nodes. */
  crumbs(view, nodes, below, way) {
    return h(
      "ol",
      { class: "iova-way", "aria-label": "From rbroot down to the picture" },
      way.slice(0, -1).map((name, i) => {
        const side = this.side(nodes, name, way[i + 1]);
        const { fields, path } = nodes.get(name);
        const { colour } = fields.node.fields;
        return h(
          "li",
          { class: `colour-${colour}` },
          i === 0 ? "rbroot → " : null,
          h("b", {}, colour === "red" ? "R " : "B "),
          valueNode(view, [...path, "pfn_lo"], fields.pfn_lo, name),
          h("span", { class: "words" }, `${side} ↓`),
          h("button", { type: "button", class: "follow", tabindex: -1, "aria-label": `Show the tree around ${name}`, title: `${below.get(name)} nodes from here down`, onclick: () => view.setOption("range", name) }, "◎"),
        );
      }),
    );
  },

  /**
   * [{name, parent, x, depth, folded}] in the order of addresses. Two neighbours in order never stand
   * at the same depth, so that each needs half of a node's width.
   */
  places(nodes, root, open, below, nodeWidth) {
    const places = [];
    const seen = new Set();
    const put = (name, parent, depth) => {
      if (!name || !below.get(name) || seen.has(name)) return;
      seen.add(name);
      const folded = open !== null && parent !== null && !open.has(parent) && below.get(name) > 1;
      const place = { name, parent, depth, folded };
      if (!folded) put(this.child(nodes, name, "rb_left"), name, depth + 1);
      place.x = nodeWidth / 2 + 5 + places.length * (nodeWidth / 2 + 3);
      places.push(place);
      if (!folded) put(this.child(nodes, name, "rb_right"), name, depth + 1);
    };
    put(root, null, 0);
    const byName = new Map(places.map((place) => [place.name, place]));
    for (const place of places) place.above = byName.get(place.parent) ?? null;
    return places;
  },

  /** A wide tree is scrolled to the node in focus, and stays as the reader scrolls it from there. */
  keepScrolled(picture, key, x) {
    const left = this.scrolled?.key === key ? this.scrolled.left : null;
    requestAnimationFrame(() => {
      picture.scrollLeft = left ?? x - picture.clientWidth / 2;
      picture.addEventListener("scroll", () => (this.scrolled = { key, left: picture.scrollLeft }));
    });
  },

  edge(view, nodes, { name, parent, x, depth, above }) {
    const side = `rb_${this.side(nodes, parent, name)}`;
    const ages = [[...nodes.get(parent).path, "node", side], [...nodes.get(name).path, "node", "parent"]].map((path) => view.age(path));
    const isNew = ages.includes(0);
    return svg("line", { class: isNew ? "edge new" : "edge", x1: above.x, y1: above.depth * TREE_LEVEL + TREE_NODE_TOP + TREE_NODE_HEIGHT, x2: x, y2: depth * TREE_LEVEL + TREE_NODE_TOP });
  },

  node(view, space, nodes, { name, parent, x, depth }, pointers, focus, width, isLarge) {
    const range = nodes.get(name);
    const link = range.fields.node.fields;
    const letter = link.colour === "red" ? "R" : link.colour === "black" ? "B" : "?";
    const side = link.parent ? `${this.side(nodes, link.parent.name, name)} child of ${link.parent.name}` : "root";
    const here = pointers.filter((field) => space.fields[field].name === name);
    const hasGap = range.fields.gap_below !== undefined && !/^0x0+$/.test(range.fields.gap_below);
    return h(
      "div",
      { class: "iova-place", style: `left: ${x - width / 2}px; top: ${depth * TREE_LEVEL}px; inline-size: ${width}px` },
      h("div", { class: "arrows-in" }, here.map((field) => valueNode(view, ["iova_domain", space.name, field], space.fields[field], `${field === "rbroot" ? "rbroot" : field.replace("_node", "")} ↓`))),
      h(
        "div",
        { class: `iova-node colour-${link.colour}${range === focus ? " focus" : ""}`, "data-age": view.age([...range.path, "pfn_lo"]) },
        valueNode(view, [...range.path, "node", "colour"], link.colour, letter),
        valueNode(view, [...range.path, "pfn_lo"], range.fields.pfn_lo, h("span", {}, range.fields.pfn_lo, h("br"), range.fields.pfn_hi)),
        h("span", { class: "visually-hidden" }, ` ${link.colour}, ${side}`),
      ),
      h(
        "div",
        { class: "below" },
        hasGap ? h("span", { title: range.fields.gap_below_words ?? null }, "gap ", valueNode(view, [...range.path, "gap_below"], range.fields.gap_below)) : null,
        isLarge && range !== focus ? h("button", { type: "button", class: "follow", tabindex: -1, "aria-label": `Show the tree around ${name}`, onclick: () => view.setOption("range", name) }, "◎") : null,
      ),
    );
  },

  triangle(view, space, { name, parent, x, depth }, below) {
    const count = below.get(name);
    return h(
      "button",
      {
        type: "button",
        class: "follow iova-fold",
        tabindex: -1,
        style: `left: ${x - TREE_FOLD_WIDTH / 2}px; top: ${depth * TREE_LEVEL + TREE_NODE_TOP}px`,
        "aria-label": `${count} nodes from ${name} down: open`,
        onclick: () => {
          view.unfold(treeUnfoldPath(space, parent), true);
          view.setOption("opened", name);
        },
      },
      svg("svg", { viewBox: "0 0 60 44", width: 60, height: 44, "aria-hidden": "true" }, svg("path", { d: "M 30 1 L 59 43 H 1 Z" }), svg("text", { x: 30, y: 37, "text-anchor": "middle" }, String(count))),
    );
  },
};
