// ---- words: numbers, times and names for people ----
const SECOND = 1e3, MINUTE = 60e3, HOUR = 3600e3, DAY = 86400e3;
const pad = (n) => String(n).padStart(2, "0");
const isoDay = (ms) => new Date(ms).toISOString().slice(0, 10);

/** `11:30`, with seconds where `seconds`. */
function clockTime(ms, seconds, local) {
  const t = new Date(ms);
  const [h, m, s] = local ? [t.getHours(), t.getMinutes(), t.getSeconds()] : [t.getUTCHours(), t.getUTCMinutes(), t.getUTCSeconds()];
  return `${pad(h)}:${pad(m)}${seconds ? ":" + pad(s) : ""}`;
}

const dateTime = (ms, seconds = true) => `${isoDay(ms)} ${clockTime(ms, seconds)}`;

/** Date and time where the reader is, with the zone's name. */
function localTime(ms) {
  const t = new Date(ms);
  const zone = new Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts(t).find((p) => p.type === "timeZoneName").value;
  return `${t.getFullYear()}-${pad(t.getMonth() + 1)}-${pad(t.getDate())} ${clockTime(ms, true, true)} ${zone}`;
}

/** A length of time to two units. */
function span(ms) {
  const s = Math.round(ms / 1000);
  if (s < 1) return "under 1 s";
  const parts = [[Math.floor(s / 86400), "d"], [Math.floor(s / 3600) % 24, "h"], [Math.floor(s / 60) % 60, "min"], [s % 60, "s"]];
  const first = parts.findIndex((p) => p[0] > 0);
  return parts.slice(first, first + 2).filter((p) => p[0] > 0).map((p) => p.join("\u00a0")).join(" ");
}

const signed = (v, digits = 0) => (v < 0 ? "−" : "+") + Math.abs(v).toFixed(digits);
const count = (n, one, many) => `${n.toLocaleString("en").replaceAll(",", "\u202f")} ${n === 1 ? one : many}`;
const kmRange = (e) => (e.km1 - e.km0 < 0.05 ? `${e.peak_km.toFixed(2)} km` : `${e.km0.toFixed(2)}–${e.km1.toFixed(2)} km`);
const recordedMs = data.segments.reduce((sum, [a, b]) => sum + b - a, 0);
const PATH_WORDS = { slants: "moving", wide: "wide", coarse: "local", slow: "steady", row: "texture" };

// ---- names of kinds: from the run, changed here, kept by the browser where it allows ----
const storeKey = `scatterfall names ${data.title}`;
const names = new Map(data.names.map((n) => [n.kind, n.name]));
try {
  for (const [kind, name] of Object.entries(JSON.parse(localStorage.getItem(storeKey) || "{}"))) names.set(Number(kind), name);
} catch { /* a browser that keeps nothing */ }
const numberWord = fibre ? "kind" : "cluster";
const kindName = (kind) => names.get(kind) || (kind < 0 ? `no ${numberWord}` : `${numberWord} ${kind}`);
const isIgnored = (kind) => (names.get(kind) || "").trim().toLowerCase() === "ignore";

function rename(kind, name) {
  if (name.trim()) names.set(kind, name.trim()); else names.delete(kind);
  try { localStorage.setItem(storeKey, JSON.stringify(Object.fromEntries(names))); } catch { /* kept for this visit only */ }
}

/** An element with attributes and children; text stays text. */
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== ""));
  return node;
}

/** Calls `f` when an element's width changes; changes of height come from the drawing itself. */
function onWidth(node, f) {
  let width = -1;
  new ResizeObserver(([entry]) => {
    if (entry.contentRect.width === width) return;
    width = entry.contentRect.width;
    requestAnimationFrame(f);
  }).observe(node);
}
