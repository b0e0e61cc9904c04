// ---- filters: kinds, time, place, rise, words ----
const filters = (() => {
  if (!byId("filters")) return { clear() {}, setTime() {}, sync() {} };
  const f = state.filter;
  const inputs = { from: byId("f-from"), to: byId("f-to"), km0: byId("f-km0"), km1: byId("f-km1"), rise: byId("f-rise") };
  const read = { from: (v) => Date.parse(`${v}Z`), to: (v) => Date.parse(`${v}Z`), km0: Number, km1: Number, rise: Number };

  function chips() {
    const counts = new Map(kindNumbers.map((k) => [k, 0]));
    for (const e of events) counts.set(e.kind, counts.get(e.kind) + 1);
    const order = kindNumbers.filter((k) => !isIgnored(k)).sort((a, b) => counts.get(a) - counts.get(b) || a - b);
    const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.kind : null;
    byId("f-kinds").replaceChildren(...order.map((kind) => {
      const box = element("input", { type: "checkbox", "data-kind": kind, onchange: () => toggle(kind, box.checked, order) });
      box.checked = !f.kinds || f.kinds.has(kind);
      return element("label", { class: "chip" }, box, symbolOf(kind), `${kindName(kind)} `, element("span", { class: "soft" }, String(counts.get(kind))));
    }));
    if (focused) byId("f-kinds").querySelector(`[data-kind="${focused}"]`)?.focus();
  }

  function toggle(kind, on, order) {
    const kinds = new Set(f.kinds || order);
    if (on) kinds.add(kind); else kinds.delete(kind);
    f.kinds = order.every((k) => kinds.has(k)) ? null : kinds;
    changed("filter");
  }

  /** Puts the state's values into the inputs. */
  function sync() {
    for (const [key, input] of Object.entries(inputs)) {
      if (!input || document.activeElement === input) continue;
      input.value = f[key] === null ? "" : key === "from" || key === "to" ? new Date(f[key]).toISOString().slice(0, 19) : String(f[key]);
    }
    if (document.activeElement !== byId("f-text")) byId("f-text").value = f.text;
    byId("f-map").checked = f.map;
    byId("sort").value = state.sort;
    if (byId("sort").selectedIndex < 0) { state.sort = "rarity"; byId("sort").value = "rarity"; }
    chips();
  }

  for (const [key, input] of Object.entries(inputs)) {
    if (!input) continue;
    input.addEventListener("input", () => {
      const value = input.value === "" ? NaN : read[key](input.value);
      f[key] = Number.isFinite(value) ? value : null;
      changed("filter");
    });
  }
  byId("f-text").addEventListener("input", (e) => { f.text = e.target.value; changed("filter"); });
  byId("f-map").addEventListener("change", (e) => { f.map = e.target.checked; changed("filter"); });
  byId("sort").addEventListener("change", (e) => { state.sort = e.target.value; changed("filter"); });
  function clear() {
    Object.assign(f, { kinds: null, from: null, to: null, km0: null, km1: null, rise: null, text: "", map: false });
    changed("filter");
  }
  byId("f-clear").addEventListener("click", clear);
  onChange((what) => { if (what.has("filter") || what.has("names") || what.has("theme")) sync(); });
  return { clear, sync, setTime(from, to) { f.from = from; f.to = to; changed("filter"); } };
})();
