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

/**
 * Puts these in place of what an element holds. Of what it holds already nothing is touched: what
 * leaves the document, if only for a moment, is laid out again.
 */
export function replace(element, ...children) {
  const wanted = children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false);
  const staying = new Set(wanted.filter((c) => c.parentNode === element));
  if (staying.size === 0) {
    element.replaceChildren(...wanted);
    return;
  }
  for (const old of [...element.childNodes]) if (!staying.has(old)) old.remove();
  let place = element.firstChild;
  for (const child of wanted) {
    if (child === place) place = place.nextSibling;
    else element.insertBefore(typeof child === "object" ? child : document.createTextNode(child), place);
  }
}

/** Whether two elements read the same, whichever of their parts Tab leads to (`rove`). */
export function isAlikeElement(old, fresh) {
  const chosen = old.querySelectorAll('button[tabindex="0"]');
  for (const element of chosen) element.tabIndex = -1;
  const isAlike = old.isEqualNode(fresh);
  for (const element of chosen) element.tabIndex = 0;
  return isAlike;
}

/**
 * Arrow keys lead from one of a group's elements to the next, and Tab out of it: of all that match
 * `selector` and are in sight one takes part in the order of Tab, whatever is drawn later.
 */
export function rove(group, selector) {
  const all = () => [...group.querySelectorAll(selector)].filter((element) => element.checkVisibility());
  const settle = () => {
    const chosen = group.querySelectorAll(`:is(${selector})[tabindex="0"]`);
    if ([...chosen].some((element) => element.checkVisibility())) return;
    for (const element of group.querySelectorAll(selector)) {
      if (!element.checkVisibility()) continue;
      element.tabIndex = 0;
      return;
    }
  };
  const choose = (element) => {
    for (const other of group.querySelectorAll(`:is(${selector})[tabindex="0"]`)) if (other !== element) other.tabIndex = -1;
    element.tabIndex = 0;
  };
  group.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const list = all();
    const at = list.indexOf(document.activeElement);
    if (at < 0) return;
    const next = list[at + by];
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    choose(next);
    next.focus();
  });
  group.addEventListener("focusin", (event) => {
    if (event.target.matches(selector)) choose(event.target);
  });
  group.addEventListener("toggle", settle, true);
  new MutationObserver(settle).observe(group, { childList: true, subtree: true });
  settle();
}
