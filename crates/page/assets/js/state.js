// ---- state: one view, shared by all parts and by the link ----
const layers = ["level", "trace", "score", "clusters", "pictures"].filter((l) =>
  l === "pictures" ? pictures.length : l === "trace" ? !fibre && traces.length : grids[l]);
const state = {
  view: [0, axis.total],
  km: [...fibreKm],
  layer: fibre ? layers[0] : layers.includes("trace") ? "trace" : layers[0],
  showEvents: true,
  selected: null,
  cursor: null,
  filter: { kinds: null, from: null, to: null, km0: null, km1: null, rise: null, text: "", map: false },
  sort: "rarity",
  local: false,
};
const listeners = [];
/** Calls `f` after every change; `what` says which: "view", "filter", "names", "theme", "select". */
const onChange = (f) => listeners.push(f);
let pending = null;

/** Tells all parts of changes once per frame. */
function changed(what) {
  if (!pending) {
    pending = new Set();
    requestAnimationFrame(() => {
      const set = pending;
      pending = null;
      listeners.forEach((f) => f(set));
    });
  }
  pending.add(what);
}

// The closest view: an image's thirtieth in time, a tenth of a kilometre.
const NARROWEST = Math.max(2 * SECOND, data.image / 30);
const whole = () => state.view[0] <= 0 && state.view[1] >= axis.total && state.km[0] <= fibreKm[0] && state.km[1] >= fibreKm[1];

/** Shows the folded times [a, b] and, where given, the distances `km`; both are held within the record. */
function setView(a, b, km) {
  const hold = (low, high, min, max, narrowest) => {
    const size = Math.min(max - min, Math.max(Math.min(narrowest, max - min), high - low)), middle = (low + high) / 2;
    const start = Math.min(max - size, Math.max(min, middle - size / 2));
    return [start, start + size];
  };
  state.view = hold(a, b, 0, axis.total, NARROWEST);
  if (km && fibre) state.km = hold(km[0], km[1], fibreKm[0], fibreKm[1], 0.1);
  changed("view");
}

const setTimes = (from, to, km) => setView(axis.position(from), axis.position(to), km);

// ---- the link: what is shown, as a fragment of the address ----
const FILTER_KEYS = { from: "from", to: "to", km0: "fkm0", km1: "fkm1", rise: "rise" };

function writeLink() {
  const p = new URLSearchParams();
  if (!whole()) {
    p.set("t", state.view.map((u) => Math.round(axis.time(u))).join("_"));
    if (fibre) p.set("km", state.km.map((v) => v.toFixed(3)).join("_"));
  }
  if (state.layer !== layers[0]) p.set("view", state.layer);
  const f = state.filter;
  if (f.kinds) p.set("kinds", [...f.kinds].join("_"));
  for (const [key, name] of Object.entries(FILTER_KEYS)) if (f[key] !== null) p.set(name, f[key]);
  if (f.text) p.set("words", f.text);
  if (f.map) p.set("map", "1");
  if (state.sort !== "rarity") p.set("sort", state.sort);
  if (state.local) p.set("zone", "local");
  if (state.selected) p.set("event", state.selected.event);
  return p.toString();
}

function readLink() {
  const p = new URLSearchParams(location.hash.slice(1));
  const numbers = (key) => (p.get(key) || "").split("_").map(Number);
  const t = numbers("t"), km = numbers("km");
  if (t.length === 2 && t.every(Number.isFinite) && t[1] > t[0]) setTimes(t[0], t[1], km.length === 2 && km[1] > km[0] ? km : undefined);
  if (layers.includes(p.get("view"))) state.layer = p.get("view");
  const f = state.filter;
  if (p.has("kinds")) f.kinds = new Set(numbers("kinds").filter(Number.isFinite));
  for (const [key, name] of Object.entries(FILTER_KEYS)) if (p.has(name) && Number.isFinite(Number(p.get(name)))) f[key] = Number(p.get(name));
  f.text = p.get("words") || "";
  f.map = p.get("map") === "1";
  if (p.get("sort")) state.sort = p.get("sort");
  state.local = p.get("zone") === "local";
  return eventByNumber.get(Number(p.get("event"))) || null;
}

let linkTimer = 0;
onChange(() => {
  clearTimeout(linkTimer);
  linkTimer = setTimeout(() => {
    const text = writeLink();
    // An anchor of a section stays while nothing else is to be remembered.
    if (text || location.hash.includes("=")) history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }, 150);
});
