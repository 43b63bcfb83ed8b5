// SPDX-License-Identifier: GPL-2.0-only
//
// Building elements.

/**
 * An element: `h("button", {class: "value", onclick: f}, "text", child)`. Attributes that are null
 * or false are left out, those that are true are empty; `onNAME` is a listener.
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same of SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

/** Puts these in place of what an element holds. */
export function replace(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
}

/**
 * Arrow keys lead from one of a group's elements to the next, and Tab out of it: of all that match
 * `selector` one takes part in the order of Tab.
 */
export function rove(group, selector) {
  const all = () => [...group.querySelectorAll(selector)];
  const settle = () => {
    const list = all();
    if (list.length === 0 || list.some((e) => e.tabIndex === 0)) return;
    list[0].tabIndex = 0;
  };
  group.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const list = all();
    const at = list.indexOf(document.activeElement);
    if (by === undefined || at < 0) return;
    const next = list[at + by];
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    list[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  settle();
}
