// SPDX-License-Identifier: GPL-2.0-only
//
// A script of DMA as a network driver's ring of receive buffers does it: each buffer is unmapped
// when a frame is in it, and another one mapped. 11,000 rounds are a million events.
//
//   node network.mjs ROUNDS [BUFFERS] > net.dma

import { randomNumbers } from "../page_file.mjs";

const ROUNDS_BETWEEN_FLUSHES = 400;
const PAGES_OF_ARENA = 1000;
const SIZES = [1536, 2048, 4096, 6000];

const [rounds, buffers = 64] = process.argv.slice(2).map(Number);
const random = randomNumbers(1, 1 << 30);
const below = (n) => random.next().value % n;
const lines = ["# arena 0 phys=0x10000000 size=4194304", "# arena 1 phys=0x10800000 size=4194304"];
const live = [];
let count = 0;
const map = () => {
  live.push(++count);
  lines.push(`map ${count} 0 ${below(2)} 0x${(below(PAGES_OF_ARENA) << 12).toString(16)} ${SIZES[below(SIZES.length)]} ${1 + below(2)}`);
};
for (let i = 0; i < buffers; ++i) map();
for (let round = 1; round <= rounds; ++round) {
  // Frames come in the order of the ring, but for some.
  const [gone] = live.splice(below(4) > 0 ? 0 : below(live.length), 1);
  lines.push(`unmap ${gone}`);
  map();
  if (round % ROUNDS_BETWEEN_FLUSHES === 0) lines.push("wait 12");
}
console.log(lines.join("\n"));
