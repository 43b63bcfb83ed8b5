// SPDX-License-Identifier: GPL-2.0-only
//
// What keys do wherever focus is; panels have arrow keys of their own.

const PAGE_KEYS = {
  ".": (page) => page.step(1),
  ",": (page) => page.step(-1),
  ">": (page) => page.stepOver(1),
  "<": (page) => page.stepOver(-1),
  "]": (page) => page.finish(),
  " ": (page) => page.play(),
  f: (page) => page.timeline.zoomToCall(),
  w: (page) => page.timeline.zoomBy(0.6),
  s: (page) => page.timeline.zoomBy(1 / 0.6),
  a: (page) => page.timeline.pan(-0.2),
  d: (page) => page.timeline.pan(0.2),
  v: (page) => page.overview.open(),
  "/": (page) => page.searchBox.open(),
  "?": (page) => page.help.open(),
  Escape: (page) => page.select(null),
};

export function keyDown(page, e) {
  if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
  if (e.target.closest?.("input, select, textarea, dialog")) return;
  const isPressed = e.key === " " || e.key === "Enter";
  if (isPressed && e.target.closest?.('button, summary, a, [role="button"]')) {
    // Pictures have no buttons of their own.
    const drawn = e.target.closest('svg [role="button"]');
    if (!drawn) return;
    e.preventDefault();
    drawn.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    return;
  }
  const action = PAGE_KEYS[e.key.length === 1 ? e.key.toLowerCase() : e.key];
  if (!action) return;
  e.preventDefault();
  action(page);
}
