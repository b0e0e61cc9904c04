// ---- data: what the page was written with, unpacked once ----
const data = JSON.parse(document.getElementById("report-data").textContent);
const byId = (id) => document.getElementById(id);
const fibre = data.source.type === "fibre";
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** A packed map: `cells[column * places + place]`; columns run through the recorded segments. */
function unpackGrid(packed) {
  if (!packed) return null;
  const places = packed.edges.length - 1;
  const offsets = [];
  let next = 0;
  for (const [from, to] of data.segments) {
    offsets.push(next);
    next += Math.ceil((to - from) / packed.step - 1e-9);
  }
  return { step: packed.step, edges: packed.edges, places, scale: packed.scale, cells: bytes(packed.cells), offsets, columns: next };
}

const grids = { level: unpackGrid(data.level), score: unpackGrid(data.score), clusters: unpackGrid(data.clusters) };
// How cells were packed (grid.rs): quarter decibels from -15 dB, asinh of the score in steps of 1/30.
const levelOf = (byte) => (byte ? (byte - 1) / 4 - 15 : NaN);
const scoreOf = (byte) => (byte ? Math.sinh((byte - 1) / 30) : NaN);

/** Events as objects, in order of time. */
function unpackEvents(columns) {
  const keys = Object.keys(columns);
  const list = columns.event.map((_, i) => Object.fromEntries(keys.map((k) => [k, columns[k][i]])));
  return list.sort((a, b) => a.from - b.from || a.km0 - b.km0 || a.event - b.event);
}

const events = unpackEvents(data.events);
const eventByNumber = new Map(events.map((e) => [e.event, e]));
const fibreKm = fibre ? [data.source.from_km, data.source.to_km] : [0, 1];

/** Waveforms by channel: lowest and highest sample of every step, of the whole record and finer around events; the finest first. */
const traces = [];
for (const w of data.waveforms) {
  const raw = new Int16Array(bytes(w.range).buffer);
  let lane = traces.find((t) => t.channel === w.channel);
  if (!lane) traces.push(lane = { channel: w.channel, pieces: [] });
  lane.pieces.push({ from: w.from, step: w.step, unit: w.unit, raw, steps: raw.length / 2, to: w.from + w.step * (raw.length / 2) });
}
for (const lane of traces) lane.pieces.sort((a, b) => a.step - b.step);

const pictures = data.waterfalls.slice().sort((a, b) => a.time - b.time);
const pictureCache = new Map();

/** The decoded picture, or null while it is being decoded; `then` runs when it is there. */
function pictureOf(waterfall, then) {
  let entry = pictureCache.get(waterfall);
  if (!entry) {
    const image = new Image();
    entry = { image, ready: false, waiting: [] };
    pictureCache.set(waterfall, entry);
    image.onload = () => { entry.ready = true; entry.waiting.splice(0).forEach((f) => f()); };
    image.src = waterfall.src;
  }
  if (!entry.ready && then && !entry.waiting.includes(then)) entry.waiting.push(then);
  return entry.ready ? entry.image : null;
}

/** The first index at which `test` holds in a list where it holds from some index on. */
function firstIndex(length, test) {
  let low = 0, high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (test(middle)) high = middle; else low = middle + 1;
  }
  return low;
}

/** The picture of the image that holds a time, or null. */
function pictureAt(ms) {
  const i = firstIndex(pictures.length, (k) => pictures[k].time > ms) - 1;
  return i >= 0 && ms < pictures[i].time + data.image ? pictures[i] : null;
}
