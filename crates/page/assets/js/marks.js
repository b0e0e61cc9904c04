// ---- marks: events drawn on a canvas with time across and distance up ----
/** Whether an event passes the filters. */
function passes(e) {
  const f = state.filter;
  if (isIgnored(e.kind) || (f.kinds && !f.kinds.has(e.kind))) return false;
  if ((f.from !== null && e.to < f.from) || (f.to !== null && e.from > f.to)) return false;
  if (fibre && ((f.km0 !== null && e.km1 < f.km0) || (f.km1 !== null && e.km0 > f.km1))) return false;
  if (f.rise !== null && !(e.rise >= f.rise)) return false;
  if (f.map && !inView(e)) return false;
  if (!f.text) return true;
  const text = `${e.event} ${kindName(e.kind)} ${e.reason} ${e.file} ${dateTime(e.from)} ${PATH_WORDS[e.path]}`.toLowerCase();
  return f.text.toLowerCase().split(/\s+/).every((w) => text.includes(w));
}

function inView(e) {
  const [a, b] = state.view;
  return axis.position(e.to) >= a && axis.position(e.from) <= b && (!fibre || (e.km1 >= state.km[0] && e.km0 <= state.km[1]));
}

let passing = null;
/** The events that pass the filters, by time; kept until something changes. */
function shownEvents() {
  if (!passing) passing = events.filter(passes);
  return passing;
}
onChange((what) => {
  if (what.has("filter") || what.has("names") || (what.has("view") && state.filter.map)) passing = null;
});

/** Where an event lies on a plot: its box, and its track where it moves. */
function shapeOf(e, plot) {
  const x0 = plot.x(e.from), x1 = plot.x(e.to);
  if (!fibre) return { x0, x1, y0: plot.top, y1: plot.top + plot.height };
  const y0 = plot.y(e.km1), y1 = plot.y(e.km0);
  const track = e.speed !== null && e.path === "slants" ? (e.speed < 0 ? [x0, y0, x1, y1] : [x0, y1, x1, y0]) : null;
  return { x0, x1, y0, y1, track };
}

/** Draws one event: a track where it moves, else an outline; its symbol at its peak. */
function drawEvent(g, e, plot, chosen) {
  const s = shapeOf(e, plot), color = kindColor(e.kind), halo = css("--paper");
  const path = () => {
    g.beginPath();
    if (s.track) { g.moveTo(s.track[0], s.track[1]); g.lineTo(s.track[2], s.track[3]); }
    else { const w = Math.max(3, s.x1 - s.x0), h = Math.max(3, s.y1 - s.y0); g.rect((s.x0 + s.x1 - w) / 2, (s.y0 + s.y1 - h) / 2, w, h); }
  };
  g.lineJoin = g.lineCap = "round";
  g.setLineDash([]);
  path(); g.strokeStyle = halo; g.lineWidth = chosen ? 6 : 3.5; g.globalAlpha = 0.85; g.stroke(); g.globalAlpha = 1;
  path(); g.setLineDash(e.provisional ? [4, 3] : []);
  g.strokeStyle = color; g.lineWidth = chosen ? 3.5 : 1.75; g.stroke(); g.setLineDash([]);
  const px = Math.min(plot.left + plot.width - 5, Math.max(plot.left + 5, plot.x(e.peak)));
  const py = fibre ? plot.y(e.peak_km) : plot.top + 9;
  drawSymbol(g, e.kind, px, py, chosen ? 7.5 : 5, halo);
  if (chosen) { path(); g.strokeStyle = css("--ink"); g.lineWidth = 1; g.setLineDash([3, 3]); g.stroke(); g.setLineDash([]); }
}

/** Distance in pixels from a point to an event's drawing. */
function apart(e, plot, x, y) {
  const s = shapeOf(e, plot);
  const symbol = Math.hypot(plot.x(e.peak) - x, (fibre ? plot.y(e.peak_km) : plot.top + 9) - y) - 5;
  if (s.track) {
    const [ax, ay, bx, by] = s.track, dx = bx - ax, dy = by - ay;
    const t = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)));
    return Math.min(symbol, Math.hypot(ax + t * dx - x, ay + t * dy - y));
  }
  const inX = Math.max(s.x0 - x, 0, x - s.x1), inY = Math.max(s.y0 - y, 0, y - s.y1);
  // Inside a box counts as near, so that a small event within a large one still wins.
  const outside = Math.hypot(inX, inY);
  return Math.min(symbol, outside > 0 ? outside : Math.min(6, 1 + Math.hypot(s.x1 - s.x0, s.y1 - s.y0) / 200));
}

/** A canvas made as sharp as the screen; returns its context, scaled to CSS pixels. */
function prepare(canvas) {
  const ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(box.width * ratio));
  canvas.height = Math.max(1, Math.round(box.height * ratio));
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { g, width: box.width, height: box.height, ratio };
}

/** The time axis below a plot: ticks, labels, days; folded gaps as narrow hatched bands over the plot. */
function drawTimeAxis(g, plot, view) {
  g.font = "12px system-ui, sans-serif";
  g.fillStyle = g.strokeStyle = css("--soft");
  g.lineWidth = 1;
  g.textBaseline = "top";
  const bottom = plot.top + plot.height;
  let dayEnd = -Infinity;
  for (const tick of timeTicks(view[0], view[1], plot.width)) {
    const x = plot.u(tick.at);
    g.beginPath(); g.moveTo(x, bottom); g.lineTo(x, bottom + 5); g.stroke();
    const put = (text, y) => {
      const half = g.measureText(text).width / 2;
      g.textAlign = "center";
      const at = Math.max(half, Math.min(plot.left + plot.width + plot.right - half, x));
      g.fillText(text, at, y);
      return at + half;
    };
    put(tick.label, bottom + 8);
    if (tick.day && x - 34 > dayEnd) dayEnd = put(tick.day, bottom + 23);
  }
}

function drawFolds(g, plot, view) {
  for (const fold of axis.folded) {
    if (fold.at > view[1] || fold.at + fold.width < view[0]) continue;
    const x0 = Math.max(plot.left, plot.u(fold.at)), x1 = Math.min(plot.left + plot.width, plot.u(fold.at + fold.width));
    g.fillStyle = css("--absent");
    g.fillRect(x0, plot.top, Math.max(1, x1 - x0), plot.height);
    if (x1 - x0 < 7) continue;
    // A zigzag says that time is folded here.
    g.beginPath();
    const middle = (x0 + x1) / 2;
    for (let y = plot.top, i = 0; y <= plot.top + plot.height; y += 6, i++) g.lineTo(middle + (i % 2 ? 2.5 : -2.5), y);
    g.strokeStyle = css("--soft"); g.lineWidth = 1; g.globalAlpha = 0.6; g.stroke(); g.globalAlpha = 1;
    if (x1 - x0 > 34) {
      g.save(); g.translate(x1 - 9, plot.top + plot.height / 2); g.rotate(-Math.PI / 2);
      g.fillStyle = css("--soft"); g.textAlign = "center"; g.textBaseline = "middle"; g.font = "12px system-ui, sans-serif";
      g.fillText(`${span(fold.to - fold.from)} without images`, 0, 0); g.restore();
    }
  }
}
