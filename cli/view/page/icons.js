// SPDX-License-Identifier: GPL-2.0-only
//
// The pictures on buttons, drawn, so that they do not depend on the fonts of a system.

import { svg } from "./dom.js";

/** Of a field of 16 by 16: filled shapes and, behind "|", lines. */
const ICON_SHAPES = {
  first: "M14 3 L5.5 8 L14 13 Z M2 3 H4 V13 H2 Z",
  back: "M12 3 L4 8 L12 13 Z",
  next: "M4 3 L12 8 L4 13 Z",
  play: "M4 2 L14 8 L4 14 Z",
  pause: "M3.5 2.5 H6.5 V13.5 H3.5 Z M9.5 2.5 H12.5 V13.5 H9.5 Z",
  over: "M11 8.5 L15.5 8.5 L13.2 12.5 Z M6.4 11.5 H9.6 V14.5 H6.4 Z|M2.5 9 C2.5 2.5 13.2 2.5 13.2 8.5",
  "back-over": "M5 8.5 L0.5 8.5 L2.8 12.5 Z M6.4 11.5 H9.6 V14.5 H6.4 Z|M13.5 9 C13.5 2.5 2.8 2.5 2.8 8.5",
  finish: "M7.7 5.5 L12.3 5.5 L10 1.5 Z|M2 13.5 H10 V5",
  theme: "M8 2.5 A5.5 5.5 0 0 1 8 13.5 Z|M8 2.5 A5.5 5.5 0 1 0 8 13.5 A5.5 5.5 0 1 0 8 2.5",
  overview: "M2 2.5 H7 V7 H2 Z M9 2.5 H14 V7 H9 Z M2 9 H7 V13.5 H2 Z M9 9 H14 V13.5 H9 Z",
  help: "M7 11.8 H9 V13.8 H7 Z|M5 5.6 C5 1.4 11.2 1.7 11 5.4 C10.9 7.6 8 7.4 8 10.4",
  search: "|M7 2.5 A4.5 4.5 0 1 0 7 11.5 A4.5 4.5 0 1 0 7 2.5 M10.4 10.4 L14 14",
};

export function icon(name) {
  const [filled, drawn] = ICON_SHAPES[name].split("|");
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true", "data-icon": name },
    filled ? svg("path", { d: filled, fill: "currentColor" }) : null,
    drawn ? svg("path", { d: drawn, fill: "none", stroke: "currentColor", "stroke-width": 1.7, "stroke-linecap": "round", "stroke-linejoin": "round" }) : null,
  );
}

/** Puts icons into the elements that name one: `<span data-icon="next"></span>`. */
export function placeIcons(root) {
  for (const place of root.querySelectorAll("span[data-icon]")) place.replaceChildren(icon(place.dataset.icon));
}
