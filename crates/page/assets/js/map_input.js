// ---- map: pointer, wheel and keyboard ----
(() => {
  const { canvas } = map, tip = byId("map-tip"), status = byId("map-status");
  const local = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  const clampX = (x) => Math.max(map.plot.left, Math.min(map.plot.left + map.plot.width, x));
  const clampY = (y) => Math.max(map.plot.top, Math.min(map.plot.top + map.plot.height, y));
  const uAt = (x) => state.view[0] + ((clampX(x) - map.plot.left) / map.plot.width) * (state.view[1] - state.view[0]);
  const kmAt = (y) => state.km[0] + (1 - (clampY(y) - map.plot.top) / map.plot.height) * (state.km[1] - state.km[0]);
  const inside = (x, y) => x >= map.plot.left && x <= map.plot.left + map.plot.width && y >= map.plot.top && y <= map.plot.top + map.plot.height;

  /** The drawn event under a point: the nearest, of equals the smaller one. */
  function eventAt(x, y, reach = 8) {
    if (!state.showEvents) return null;
    let best = null, nearest = reach;
    for (const e of map.drawn || []) { const d = apart(e, map.plot, x, y); if (d < nearest) { nearest = d; best = e; } }
    return best;
  }

  function zoom(factor, u = (state.view[0] + state.view[1]) / 2, km = (state.km[0] + state.km[1]) / 2, both = false) {
    const [a, b] = state.view, [k0, k1] = state.km;
    setView(u - (u - a) * factor, u + (b - u) * factor, both ? [km - (km - k0) * factor, km + (k1 - km) * factor] : undefined);
  }
  const move = (share) => { const d = (state.view[1] - state.view[0]) * share; setView(state.view[0] + d, state.view[1] + d); };
  const all = () => { setView(0, axis.total, fibreKm); };

  function showTip(x, y) {
    tip.hidden = !inside(x, y) || Boolean(map.drag && map.drag.moved);
    if (tip.hidden) return;
    const found = eventAt(x, y), lines = map.cursorWords(axis.time(uAt(x)), kmAt(y));
    tip.replaceChildren(...lines.map((line) => element("div", {}, line)));
    if (found) tip.append(element("div", { class: "tip-event" }, symbolOf(found.kind), ` ${found.event}: ${kindName(found.kind)}`), element("div", {}, found.reason));
    canvas.style.cursor = found ? "pointer" : "crosshair";
    const { width, height } = tip.getBoundingClientRect(), room = canvas.clientWidth;
    tip.style.left = `${Math.max(0, Math.min(room - width, x + 14 + width > room ? x - width - 14 : x + 14))}px`;
    tip.style.top = `${Math.max(0, y - height - 10 < 0 ? y + 18 : y - height - 10)}px`;
  }

  canvas.addEventListener("pointerdown", (event) => {
    const [x, y] = local(event);
    if (event.button !== 0 || !inside(x, y)) return;
    map.drag = { x0: x, y0: y, x1: x, y1: y, moved: false, pan: event.shiftKey, view: [...state.view], km: [...state.km] };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = local(event), d = map.drag;
    if (d) {
      [d.x1, d.y1] = [clampX(x), clampY(y)];
      d.moved = d.moved || Math.hypot(x - d.x0, y - d.y0) > 5;
      if (d.pan && d.moved) {
        const du = ((d.x0 - x) / map.plot.width) * (d.view[1] - d.view[0]), dk = ((y - d.y0) / map.plot.height) * (d.km[1] - d.km[0]);
        setView(d.view[0] + du, d.view[1] + du, [d.km[0] + dk, d.km[1] + dk]);
      } else map.draw();
    }
    showTip(x, y);
  });
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("pointercancel", () => { map.drag = null; map.draw(); });
  canvas.addEventListener("pointerup", (event) => {
    const d = map.drag;
    if (!d) return;
    map.drag = null;
    if (d.pan && d.moved) return;
    if (d.moved) {
      const times = [uAt(d.x0), uAt(d.x1)].sort((p, q) => p - q), tall = fibre && Math.abs(d.y1 - d.y0) > 12;
      const km = tall ? [kmAt(Math.max(d.y0, d.y1)), kmAt(Math.min(d.y0, d.y1))] : undefined;
      // A drag straight up or down chooses a stretch of fibre alone.
      if (Math.abs(d.x1 - d.x0) < 12) setView(...state.view, km); else setView(times[0], times[1], km);
      return;
    }
    const [x, y] = local(event), found = eventAt(x, y, event.pointerType === "mouse" ? 8 : 22);
    if (found) openEvent(found, canvas);
    else openMoment(axis.time(uAt(x)), kmAt(y));
  });
  canvas.addEventListener("wheel", (event) => {
    // Scrolling the page stays scrolling; with Ctrl or Alt, or by pinching, the wheel zooms.
    if (!event.ctrlKey && !event.altKey) return;
    event.preventDefault();
    const [x, y] = local(event);
    zoom(Math.exp(event.deltaY * 0.003), uAt(x), kmAt(y), true);
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => { const [x, y] = local(event); zoom(0.4, uAt(x), kmAt(y), true); });

  function readOut() {
    const { ms, km } = state.cursor, x = map.plot.x(ms), y = fibre ? map.plot.y(km) : map.plot.top + 9;
    const found = eventAt(x, y, 12);
    status.textContent = map.cursorWords(ms, km).join(", ") + (found ? `, event ${found.event}, ${kindName(found.kind)}` : "");
    showTip(x, y);
  }

  function step(dx, dy) {
    const [a, b] = state.view, [k0, k1] = state.km;
    const now = state.cursor || { ms: axis.time((a + b) / 2), km: (k0 + k1) / 2 };
    let u = axis.position(now.ms) + (dx * (b - a)) / 60;
    if (u < a || u > b) setView(a + (dx * (b - a)) / 4, b + (dx * (b - a)) / 4);
    u = Math.max(state.view[0], Math.min(state.view[1] - 1, u));
    state.cursor = { ms: axis.time(u), km: Math.max(k0, Math.min(k1, now.km + (dy * (k1 - k0)) / 40)) };
    map.draw();
    readOut();
  }

  function walk(by) {
    const list = shownEvents();
    if (!list.length) return;
    const at = list.indexOf(state.selected);
    const from = state.cursor ? state.cursor.ms : axis.time(state.view[0]);
    const start = at >= 0 ? at + by : by > 0 ? firstIndex(list.length, (i) => list[i].from >= from) : firstIndex(list.length, (i) => list[i].from >= from) - 1;
    const next = list[Math.max(0, Math.min(list.length - 1, start))];
    selectEvent(next);
    state.cursor = { ms: next.peak, km: next.peak_km };
    status.textContent = `Event ${next.event}, ${kindName(next.kind)}, ${dateTime(next.from)} UTC, ${next.reason}`;
  }

  const KEYS = {
    ArrowLeft: () => step(-1, 0), ArrowRight: () => step(1, 0), ArrowUp: () => step(0, 1), ArrowDown: () => step(0, -1),
    "+": () => zoomAtCursor(0.6), "=": () => zoomAtCursor(0.6), "-": () => zoomAtCursor(1 / 0.6), 0: all, Escape: all,
    Home: () => setView(0, state.view[1] - state.view[0]), End: () => setView(axis.total - (state.view[1] - state.view[0]), axis.total),
    n: () => walk(1), p: () => walk(-1), PageDown: () => move(0.8), PageUp: () => move(-0.8), Enter: enter, " ": enter,
  };
  function zoomAtCursor(factor) {
    const c = state.cursor;
    zoom(factor, c ? axis.position(c.ms) : undefined, c ? c.km : undefined, true);
  }
  function enter() {
    const c = state.cursor, found = c ? eventAt(map.plot.x(c.ms), fibre ? map.plot.y(c.km) : map.plot.top + 9, 14) : null;
    if (found || state.selected) openEvent(found || state.selected, canvas);
    else if (c) openMoment(c.ms, c.km);
  }
  canvas.addEventListener("keydown", (event) => {
    const act = KEYS[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
  canvas.addEventListener("blur", () => { state.cursor = null; tip.hidden = true; map.draw(); });

  byId("map-in").addEventListener("click", () => zoom(0.5));
  byId("map-out").addEventListener("click", () => zoom(2, undefined, undefined, true));
  byId("map-left").addEventListener("click", () => move(-0.5));
  byId("map-right").addEventListener("click", () => move(0.5));
  byId("map-all").addEventListener("click", all);
  byId("map-events").addEventListener("change", (event) => { state.showEvents = event.target.checked; changed("view"); });
  for (const radio of document.querySelectorAll("input[name=layer]")) {
    radio.addEventListener("change", () => { state.layer = radio.value; changed("view"); });
  }
  onChange(() => { for (const radio of document.querySelectorAll("input[name=layer]")) radio.checked = radio.value === state.layer; });
})();

/** Marks an event as chosen; brings it into the map's view where it is outside. */
function selectEvent(e) {
  state.selected = e;
  if (e && !inView(e)) {
    const width = state.view[1] - state.view[0], u = axis.position(e.peak);
    setView(u - width / 2, u + width / 2, e.km0 >= state.km[0] && e.km1 <= state.km[1] ? undefined : fibreKm);
  }
  changed("select");
}

/** Shows an event on the map with as much again around it, at least three images. */
function zoomToEvent(e) {
  state.selected = e;
  const a = axis.position(e.from), b = axis.position(e.to), around = Math.max(2.5 * data.image, 1.5 * (b - a));
  const middle = (a + b) / 2, height = Math.max(2, 3 * (e.km1 - e.km0));
  const km = (e.km0 + e.km1) / 2;
  setView(middle - around, middle + around, [km - height / 2, km + height / 2]);
  changed("select");
}
