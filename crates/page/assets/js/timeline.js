// ---- timeline: the whole record at a glance, a lane per kind, the recorder below ----
const timeline = (() => {
  const canvas = byId("timeline");
  const LANE = 20, MAX_LANES = 10;
  let drag = null, plot = null;

  /** Kinds with shown events, rarest first; the last lane takes what has no room. */
  function lanes() {
    const counts = new Map();
    for (const e of shownEvents()) counts.set(e.kind, (counts.get(e.kind) || 0) + 1);
    const kinds = [...counts].sort((a, b) => a[1] - b[1] || a[0] - b[0]).map(([kind, n]) => ({ kinds: [kind], name: kindName(kind), n }));
    if (kinds.length <= MAX_LANES) return kinds;
    const rest = kinds.splice(0, kinds.length - MAX_LANES + 1);
    kinds.unshift({ kinds: rest.flatMap((l) => l.kinds), name: `${rest.length} rare kinds`, n: rest.reduce((s, l) => s + l.n, 0) });
    return kinds;
  }

  function draw() {
    const list = lanes();
    const rows = list.length + 1;
    canvas.style.height = `${rows * LANE + 50}px`;
    const { g, width, height } = prepare(canvas);
    g.clearRect(0, 0, width, height);
    const narrow = width < 560, left = narrow ? 52 : 168;
    plot = { left, right: 8, top: 4, width: Math.max(10, width - left - 8), height: rows * LANE };
    plot.u = (u) => plot.left + (u / axis.total) * plot.width;
    plot.x = (ms) => plot.u(axis.position(ms));
    plot.lanes = list;
    g.fillStyle = css("--card");
    g.fillRect(plot.left, plot.top, plot.width, plot.height);
    drawFolds(g, plot, [0, axis.total]);
    list.forEach((lane, i) => drawLane(g, lane, plot.top + i * LANE, narrow));
    drawRecorder(g, plot.top + list.length * LANE, narrow);
    drawTimeAxis(g, plot, [0, axis.total]);
    drawWindow(g);
  }

  function label(g, text, number, y, narrow, kind) {
    g.font = "13px system-ui, sans-serif";
    g.textBaseline = "middle"; g.textAlign = "left";
    if (kind !== null) drawSymbol(g, kind, 8, y + LANE / 2, 5);
    g.fillStyle = css("--ink");
    if (!narrow) {
      let name = text;
      while (name.length > 3 && g.measureText(name).width > 92) name = `${name.slice(0, -2)}…`;
      g.fillText(name, kind === null ? 2 : 20, y + LANE / 2);
    }
    g.textAlign = "right"; g.fillStyle = css("--soft");
    g.fillText(number, plot.left - 8, y + LANE / 2);
  }

  function drawLane(g, lane, y, narrow) {
    const single = lane.kinds.length === 1;
    label(g, lane.name, String(lane.n), y, narrow, lane.kinds[0]);
    g.strokeStyle = css("--line"); g.lineWidth = 1;
    g.beginPath(); g.moveTo(plot.left, y + LANE - 0.5); g.lineTo(plot.left + plot.width, y + LANE - 0.5); g.stroke();
    const inLane = shownEvents().filter((e) => lane.kinds.includes(e.kind));
    if (inLane.length > 0.15 * plot.width) return drawDensity(g, inLane, y, kindColor(lane.kinds[0]));
    for (const e of inLane) {
      const x = plot.x(e.from), w = Math.max(2.5, plot.x(e.to) - x);
      g.fillStyle = single ? kindColor(e.kind) : css("--ink");
      g.globalAlpha = 0.85;
      g.fillRect(x, y + 3, w, LANE - 7);
      g.globalAlpha = 1;
    }
    return undefined;
  }

  /** Bars of events per 3 pixels where single marks would run into each other. */
  function drawDensity(g, list, y, color) {
    const bins = new Uint32Array(Math.ceil(plot.width / 3) + 1);
    for (const e of list) bins[Math.max(0, Math.floor((plot.x(e.peak) - plot.left) / 3))]++;
    const most = Math.max(...bins);
    g.fillStyle = color;
    bins.forEach((n, i) => { if (n) { const h = Math.max(2, (LANE - 4) * Math.sqrt(n / most)); g.fillRect(plot.left + 3 * i, y + LANE - 2 - h, 2.4, h); } });
  }

  function drawRecorder(g, y, narrow) {
    label(g, fibre ? "recorder" : "record", "", y, narrow, null);
    for (const [from, to] of axis.segments) {
      const x = plot.x(from);
      g.fillStyle = css("--soft"); g.globalAlpha = 0.35;
      g.fillRect(x, y + 7, Math.max(1, plot.x(to) - x), LANE - 14);
    }
    g.globalAlpha = 1;
    for (const d of data.health) {
      const x = plot.x(d.from);
      g.fillStyle = css("--warn");
      const share = fibre ? Math.min(1, Math.max(0.25, (d.km1 - d.km0) / (fibreKm[1] - fibreKm[0]))) : 1;
      const h = (LANE - 6) * share;
      g.fillRect(x, y + (LANE - h) / 2, Math.max(2, plot.x(d.to) - x), h);
    }
  }

  function drawWindow(g) {
    const [a, b] = drag && drag.moved ? [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)] : state.view;
    if (a <= 0 && b >= axis.total) return;
    const x0 = plot.u(a), x1 = Math.max(plot.u(b), x0 + 3);
    g.fillStyle = css("--paper"); g.globalAlpha = 0.6;
    g.fillRect(plot.left, plot.top, x0 - plot.left, plot.height);
    g.fillRect(x1, plot.top, plot.left + plot.width - x1, plot.height);
    g.globalAlpha = 1;
    g.strokeStyle = css("--accent"); g.lineWidth = 2;
    g.strokeRect(x0, plot.top, x1 - x0, plot.height);
  }

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [Math.max(0, Math.min(axis.total, ((event.clientX - box.left - plot.left) / plot.width) * axis.total)), event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    const [u] = at(event);
    drag = { from: u, to: u, x: event.clientX, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) return;
    drag.to = at(event)[0];
    drag.moved = drag.moved || Math.abs(event.clientX - drag.x) > 4;
    draw();
  });
  canvas.addEventListener("pointercancel", () => { drag = null; draw(); });
  canvas.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const { moved, from, to } = drag;
    drag = null;
    if (moved) setView(Math.min(from, to), Math.max(from, to));
    else click(at(event));
  });

  function click([u, x, y]) {
    const lane = plot.lanes[Math.floor((y - plot.top) / LANE)];
    if (!lane) return;
    const near = shownEvents().filter((e) => lane.kinds.includes(e.kind))
      .map((e) => [Math.max(plot.x(e.from) - x, x - plot.x(e.to), 0), e]).sort((a, b) => a[0] - b[0])[0];
    if (near && near[0] < 8) openEvent(near[1], canvas);
    else setView(u - (state.view[1] - state.view[0]) / 2, u + (state.view[1] - state.view[0]) / 2);
  }

  onChange(draw);
  onWidth(canvas.parentElement, draw);
  return { draw };
})();
