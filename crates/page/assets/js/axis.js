// ---- axis: recorded time runs on, gaps are folded to a narrow band ----
/** Folded position of every segment: a gap longer than `fold` takes `fold`. */
const axis = (() => {
  const segments = data.segments;
  const gaps = Math.max(1, segments.length - 1);
  const fold = Math.max(1, Math.min(recordedMs * 0.012, (recordedMs * 0.25) / gaps));
  const starts = [];
  const folded = [];
  let u = 0;
  segments.forEach(([from, to], i) => {
    if (i > 0) {
      const gap = from - segments[i - 1][1];
      if (gap > fold) folded.push({ at: u, width: fold, from: segments[i - 1][1], to: from });
      u += Math.min(gap, fold);
    }
    starts.push(u);
    u += to - from;
  });
  const total = Math.max(u, 1);
  /** Folded position of a time; inside a folded gap in proportion. */
  function position(ms) {
    const i = firstIndex(segments.length, (k) => segments[k][0] > ms) - 1;
    if (i < 0) return Math.min(0, ms - (segments[0] || [0])[0]);
    const [from, to] = segments[i];
    if (ms <= to || i === segments.length - 1) return starts[i] + ms - from;
    const share = (ms - to) / (segments[i + 1][0] - to);
    return starts[i] + to - from + share * (starts[i + 1] - starts[i] - (to - from));
  }
  /** The segment at or before a folded position. */
  const segmentAt = (at) => Math.max(0, firstIndex(segments.length, (k) => starts[k] > at) - 1);
  function time(at) {
    if (!segments.length) return 0;
    const i = segmentAt(at), [from, to] = segments[i], inside = at - starts[i];
    if (inside <= to - from || i === segments.length - 1) return from + inside;
    const width = starts[i + 1] - starts[i] - (to - from);
    return to + ((inside - (to - from)) / width) * (segments[i + 1][0] - to);
  }
  return { segments, starts, folded, total, position, time, segmentAt };
})();

const TICKS = [SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR,
  12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 364 * DAY];

/** Ticks for the folded range [a, b] on `width` pixels: { at (folded), label, day (or "") }, never closer than labels need. */
function timeTicks(a, b, width) {
  const perPixel = (b - a) / width;
  const step = TICKS.find((s) => s / perPixel >= (s < MINUTE ? 78 : s < DAY ? 58 : 74)) || TICKS[TICKS.length - 1];
  const ticks = [];
  let lastAt = -Infinity, lastDay = "";
  const put = (at, ms, forced) => {
    if ((at - lastAt) / perPixel < (forced ? 74 : step >= DAY ? 70 : 56)) return;
    const day = isoDay(ms), label = step >= DAY ? day.slice(5) : clockTime(ms, step < MINUTE);
    ticks.push({ at, label, day: step >= DAY ? (day.slice(0, 4) !== lastDay ? day.slice(0, 4) : "") : day !== lastDay ? day : "" });
    lastAt = at;
    lastDay = step >= DAY ? day.slice(0, 4) : day;
  };
  for (let i = axis.segmentAt(a); i < axis.segments.length && axis.starts[i] <= b; i++) {
    const [from, to] = axis.segments[i];
    const origin = step >= DAY ? 4 * DAY : 0;
    const low = Math.max(from, axis.time(Math.max(a, axis.starts[i]))), high = Math.min(to, axis.time(b));
    const first = Math.ceil((low - origin) / step) * step + origin;
    // A segment too short for a round time is named by its start.
    if (first > high) { if (low === from) put(axis.starts[i], from, true); continue; }
    for (let t = first; t <= high; t += step) put(axis.starts[i] + t - from, t, false);
  }
  return ticks;
}

/** Round ticks of distance between `low` and `high`, about `n` of them. */
function kmTicks(low, high, n) {
  const raw = (high - low) / Math.max(1, n), decade = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((f) => f * decade).find((s) => s >= raw * 0.999) || raw;
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9; k++) ticks.push(Number((k * step).toFixed(6)));
  return ticks;
}
