// SPDX-License-Identifier: GPL-2.0-only
//
// Focus stays where it was when a part of the page is drawn again: on the element that says the same
// thing, or else on its neighbour, never on nothing.

const FOCUSABLE = 'a[href], button, input, select, textarea, summary, [tabindex], [role="button"]';

/** What an element is known by when it is drawn again. */
function mark(element) {
  const { path, key } = element.dataset;
  const fold = element.closest("[data-structure]")?.dataset.structure;
  return [element.localName, path ?? key ?? element.id ?? "", path ? "" : (fold ?? ""), path ? "" : (element.getAttribute("aria-label") ?? element.textContent)].join("\n");
}

function focusableIn(host) {
  return [...host.querySelectorAll(FOCUSABLE)].filter((element) => !element.disabled && element.checkVisibility());
}

/**
 * Remembers where focus is within `host`. The function that it gives is called once `host` is drawn
 * again, and puts it back there if it was lost.
 */
export function keepFocus(host) {
  const focused = document.activeElement;
  if (!focused || focused === host || !host.contains(focused)) return () => {};
  const wanted = mark(focused);
  const place = focusableIn(host).indexOf(focused);
  return () => {
    if (document.activeElement && document.activeElement !== document.body) return;
    if (focused.isConnected) {
      focused.focus({ preventScroll: true });
      return;
    }
    const all = focusableIn(host);
    const again = all.find((element) => mark(element) === wanted) ?? all[Math.min(place, all.length - 1)] ?? host;
    if (again !== host && again.tabIndex < 0 && again.matches(".value, .follow")) again.tabIndex = 0;
    again.focus({ preventScroll: true });
  };
}
