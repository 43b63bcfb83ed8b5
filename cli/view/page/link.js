// SPDX-License-Identifier: GPL-2.0-only
//
// What a link to the page says: `#event=123&view=tables&value=registers/dmar0/GSTS/TES&notes=…`.

/** {event, view, value, notes, options} of a link's part behind `#`. */
export function readLink(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const options = {};
  for (const [name, value] of words) if (name.includes(".")) options[name] = value;
  let notes = [];
  try {
    notes = JSON.parse(words.get("notes") ?? "[]");
  } catch {
    // A link that was cut: the rest of it still leads somewhere.
  }
  return {
    event: words.has("event") ? Number(words.get("event")) : null,
    view: words.get("view"),
    value: words.get("value"),
    notes: Array.isArray(notes) ? notes.filter((n) => Number.isInteger(n?.event) && typeof n.text === "string") : [],
    options,
  };
}

export function writeLink({ event, view, value, notes, options }) {
  const words = new URLSearchParams();
  words.set("event", event);
  if (view) words.set("view", view);
  if (value) words.set("value", value);
  for (const [name, option] of Object.entries(options)) words.set(name, option);
  if (notes.length > 0) words.set("notes", JSON.stringify(notes));
  return `#${words}`;
}
