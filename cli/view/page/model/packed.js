// SPDX-License-Identifier: GPL-2.0-only
//
// Text that was packed by the program: deflated, in base64.

/** The text of a packed string. */
export async function unpackText(packed) {
  return new TextDecoder().decode(await unpackBytes(packed));
}

/** The bytes of a packed string. */
export async function unpackBytes(packed) {
  const text = atob(packed.trim());
  const deflated = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) deflated[i] = text.charCodeAt(i);
  // Written by hand: a Blob's stream takes several times as long.
  const stream = new DecompressionStream("deflate");
  const writer = stream.writable.getWriter();
  const written = Promise.all([writer.write(deflated), writer.close()]);
  const [bytes] = await Promise.all([new Response(stream.readable).arrayBuffer(), written]);
  return new Uint8Array(bytes);
}
