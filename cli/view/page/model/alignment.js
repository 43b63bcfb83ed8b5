// SPDX-License-Identifier: GPL-2.0-only
//
// Which events of two runs are the same step: rows [first here, first there, how many], from 1, in
// their order in both (cli/view/alignment.h).

export class Alignment {
  constructor(rows) {
    this.rows = rows;
  }
  /** The same, asked from the other run. */
  turned() {
    return new Alignment(this.rows.map(([here, there, count]) => [there, here, count]));
  }

  /** The last row that begins at or before event p; null before the first. */
  rowAt(p) {
    let low = -1;
    let high = this.rows.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.rows[middle][0] <= p) low = middle;
      else high = middle - 1;
    }
    return low < 0 ? null : this.rows[low];
  }

  /** The event there that is the same step; where there is none, the last that both have before. */
  there(p) {
    const row = this.rowAt(p);
    if (!row) return { event: 0, same: p === 0 };
    const [here, there, count] = row;
    const within = Math.min(p - here, count - 1);
    return { event: there + within, same: p < here + count };
  }

  /** The next event in a direction (+1, -1) behind which the runs went different ways; 0 for none. */
  nextDifference(p, direction, count) {
    for (let q = p + direction; q >= 1 && q <= count; q += direction) {
      const now = this.there(q);
      const before = this.there(q - 1);
      if (now.same !== before.same || (now.same && now.event !== before.event + 1)) return q;
    }
    return 0;
  }
}
