// SPDX-License-Identifier: GPL-2.0-only
//
// What a link to the page says, and the address bar that holds it:
// `#event=123&view=registers&value=registers/dmar0/GSTS/TES&zoom=100-200&notes=…`.

/** Browsers refuse an address that changes more often than some hundred times in half a minute. */
const ADDRESS_MS = 400;

/**
 * {event, view, value, zoom, open, calls, part, tour, notes, options} of a link's part behind `#`;
 * null for what it does not say. `open` has [path, whether it is unfolded] of structures, `calls`
 * [event, whether it is unfolded] of calls; options are those of views: "tables.device".
 */
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
  const zoom = /^(\d+)-(\d+)$/.exec(words.get("zoom") ?? "");
  return {
    event: /^\d+$/.test(words.get("event") ?? "") ? Number(words.get("event")) : null,
    view: words.get("view"),
    value: words.get("value"),
    zoom: zoom ? [Number(zoom[1]), Number(zoom[2])] : null,
    open: signedWords(words.get("open")),
    calls: signedWords(words.get("calls")).map(([event, open]) => [Number(event), open]),
    part: words.get("part"),
    tour: words.get("tour"),
    notes: Array.isArray(notes) ? notes.filter((n) => Number.isInteger(n?.event) && typeof n.text === "string") : [],
    options,
  };
}

export function writeLink({ event, view, value, zoom, open, calls, part, tour, notes, options }) {
  const words = new URLSearchParams();
  words.set("event", event);
  if (view) words.set("view", view);
  if (value) words.set("value", value);
  if (zoom) words.set("zoom", zoom.join("-"));
  if (open?.length > 0) words.set("open", wordsOfSigned(open));
  if (calls?.length > 0) words.set("calls", wordsOfSigned(calls));
  if (part) words.set("part", part);
  if (tour) words.set("tour", tour);
  for (const [name, option] of Object.entries(options ?? {})) if (option !== null) words.set(name, option);
  if (notes?.length > 0) words.set("notes", JSON.stringify(notes));
  return `#${words}`;
}

/** "a,-b": a is open, b is not. */
function signedWords(text) {
  const each = (text ?? "").split(",").filter(Boolean);
  return each.map((word) => (word.startsWith("-") ? [word.slice(1), false] : [word, true]));
}
function wordsOfSigned(list) {
  return list.map(([word, open]) => `${open ? "" : "-"}${word}`).join(",");
}

/** The address bar: follows the page, and takes a step of Back's before each jump. */
export class AddressBar {
  /** `taken` is called when the reader went to another link: by Back, Forward, or by hand. */
  constructor(taken) {
    this.last = 0;
    addEventListener("hashchange", () => {
      this.forget();
      if (location.hash !== this.written) taken();
    });
    addEventListener("pagehide", () => this.flush());
  }
  /** What is written next is a place of its own in the browser's history. */
  jump() {
    this.flush();
    this.isJump = true;
  }
  write(link) {
    this.wanted = link;
    if (this.isJump && link !== location.hash) {
      this.forget();
      this.put(() => history.pushState(null, "", link));
    } else if (performance.now() - this.last > ADDRESS_MS) {
      this.flush();
    } else {
      this.timer ??= setTimeout(() => this.flush(), ADDRESS_MS);
    }
    this.isJump = false;
  }
  flush() {
    const link = this.wanted;
    this.forget();
    if (link && link !== location.hash) this.put(() => history.replaceState(null, "", link));
  }
  put(change) {
    change();
    this.written = location.hash;
    this.last = performance.now();
  }
  forget() {
    clearTimeout(this.timer);
    this.timer = null;
    this.wanted = null;
  }
}
