// ---- waterfall: whole pictures of images, time downwards as in the archive, framed and with axes ----
const MAX_IMAGES = 6;

/** The time that a waterfall of an event shows: its images, one before and one after. */
function waterfallSpan(from, to, peak) {
  const image = data.image, picture = pictureAt(peak);
  const origin = picture ? picture.time : Math.floor(peak / image) * image;
  const start = origin + Math.floor((from - origin) / image) * image - image, end = origin + Math.ceil((Math.max(to, from + 1) - origin) / image) * image + image;
  if (end - start <= MAX_IMAGES * image) return [start, end];
  // What is longer is shown around its peak.
  return [origin - 2 * image, origin + (MAX_IMAGES - 2) * image];
}

/** Draws pictures (or levels) of a time span into a canvas, and a frame around an event. */
function drawWaterfall(canvas, [from, to], layer, e, redraw) {
  const wide = canvas.clientWidth > 600, images = Math.round((to - from) / data.image);
  canvas.style.height = `${Math.round(Math.min(wide ? 640 : 520, images * (wide ? 150 : 110)) + 46)}px`;
  const { g, width, height, ratio } = prepare(canvas);
  const plot = { left: 66, right: 10, top: 6, width: width - 78, height: height - 46 };
  plot.x = (km) => plot.left + ((km - fibreKm[0]) / (fibreKm[1] - fibreKm[0])) * plot.width;
  plot.y = (ms) => plot.top + ((ms - from) / (to - from)) * plot.height;
  g.clearRect(0, 0, width, height);
  g.fillStyle = css("--absent");
  g.fillRect(plot.left, plot.top, plot.width, plot.height);
  g.save();
  g.beginPath(); g.rect(plot.left, plot.top, plot.width, plot.height); g.clip();
  if (layer === "level") drawLevelRows(g, plot, from, to, ratio);
  else drawImageRows(g, plot, from, to, redraw);
  g.restore();
  waterfallAxes(g, plot, from, to);
  if (e) frameEvent(g, plot, e);
}

function drawImageRows(g, plot, from, to, redraw) {
  const held = pictures.filter((p) => p.time + data.image > from && p.time < to);
  for (const p of held) {
    const image = pictureOf(p, redraw);
    const y0 = plot.y(p.time), y1 = plot.y(p.time + data.image);
    if (image) g.drawImage(image, plot.left, y0, plot.width, y1 - y0);
  }
  g.strokeStyle = "rgb(255 255 255 / 70%)"; g.lineWidth = 1;
  for (const p of held) { const y = Math.round(plot.y(p.time)) + 0.5; g.beginPath(); g.moveTo(plot.left, y); g.lineTo(plot.left + plot.width, y); g.stroke(); }
  // Images without a picture are said to be so.
  g.fillStyle = css("--soft"); g.font = "12px system-ui, sans-serif"; g.textAlign = "center"; g.textBaseline = "middle";
  const first = held.length ? held[0].time : from;
  for (let t = first - Math.ceil((first - from) / data.image) * data.image; t < to; t += data.image) {
    if (pictureAt(t + data.image / 2)) continue;
    const recorded = data.segments.some(([a, b]) => t + data.image / 2 >= a && t + data.image / 2 < b);
    g.fillText(recorded ? "picture not kept in this page" : "no image", plot.left + plot.width / 2, plot.y(t + data.image / 2));
  }
}

function drawLevelRows(g, plot, from, to, ratio) {
  const grid = grids.level, w = Math.round(plot.width * ratio), h = Math.round(plot.height * ratio);
  const image = g.createImageData(w, h), out = new Uint32Array(image.data.buffer);
  const colors = cellColors("level").map(([r, gr, b]) => (255 << 24) | (b << 16) | (gr << 8) | r);
  const places = Array.from({ length: w }, (_, x) => Math.min(grid.places - 1, firstIndex(grid.places, (p) => grid.edges[p + 1] > fibreKm[0] + ((x + 0.5) / w) * (fibreKm[1] - fibreKm[0]))));
  for (let y = 0; y < h; y++) {
    const ms = from + ((y + 0.5) / h) * (to - from);
    const recorded = data.segments.some(([a, b]) => ms >= a && ms < b);
    const columns = recorded ? columnsOf(grid, axis.position(ms), axis.position(ms) + 1) : null;
    for (let x = 0; x < w; x++) out[y * w + x] = columns ? colors[grid.cells[columns[0] * grid.places + places[x]]] : colors[0];
  }
  g.putImageData(image, Math.round(plot.left * ratio), Math.round(plot.top * ratio));
}

function waterfallAxes(g, plot, from, to) {
  g.strokeStyle = css("--line"); g.lineWidth = 1;
  g.strokeRect(plot.left - 0.5, plot.top - 0.5, plot.width + 1, plot.height + 1);
  g.strokeStyle = g.fillStyle = css("--soft"); g.font = "12px system-ui, sans-serif";
  g.textAlign = "right"; g.textBaseline = "middle";
  const step = TICKS.find((s) => (s / (to - from)) * plot.height >= 26) || TICKS[TICKS.length - 1];
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
    const y = plot.y(t);
    g.beginPath(); g.moveTo(plot.left - 5, y); g.lineTo(plot.left, y); g.stroke();
    g.fillText(clockTime(t, true), plot.left - 8, Math.max(plot.top + 6, Math.min(plot.top + plot.height - 4, y)));
  }
  g.textAlign = "center"; g.textBaseline = "top";
  for (const km of kmTicks(fibreKm[0], fibreKm[1], plot.width / 70)) {
    const x = plot.x(km), half = g.measureText(String(km)).width / 2;
    g.beginPath(); g.moveTo(x, plot.top + plot.height); g.lineTo(x, plot.top + plot.height + 5); g.stroke();
    g.fillText(String(km), Math.min(plot.left + plot.width + plot.right - half, x), plot.top + plot.height + 8);
  }
  g.fillText("distance (km)", plot.left + plot.width / 2, plot.top + plot.height + 24);
}

/** A frame around what happened: a slanted one along a track, so that it does not cover the line itself. */
function frameEvent(g, plot, e) {
  const y0 = plot.y(e.from), y1 = plot.y(e.to), pad = 5;
  const x0 = plot.x(e.km0), x1 = plot.x(e.km1);
  const moving = e.speed !== null && e.path === "slants" && x1 - x0 > 8;
  const path = () => {
    g.beginPath();
    if (!moving) { g.rect(x0 - pad, y0 - pad, x1 - x0 + 2 * pad, y1 - y0 + 2 * pad); return; }
    const [a, b] = e.speed < 0 ? [x1, x0] : [x0, x1], half = 9;
    g.moveTo(a - half, y0 - pad); g.lineTo(a + half, y0 - pad); g.lineTo(b + half, y1 + pad); g.lineTo(b - half, y1 + pad); g.closePath();
  };
  g.save();
  g.beginPath(); g.rect(plot.left - 1, plot.top - 1, plot.width + 2, plot.height + 2); g.clip();
  g.lineJoin = "round"; g.setLineDash([]);
  path(); g.strokeStyle = "#000"; g.globalAlpha = 0.75; g.lineWidth = 4.5; g.stroke(); g.globalAlpha = 1;
  path(); g.strokeStyle = "#fff"; g.lineWidth = 2; g.stroke();
  g.restore();
}

/** Waveforms around an event, its own span shaded. */
function drawWaveforms(canvas, e) {
  const length = Math.max(e.to - e.from, data.image), from = e.from - 2 * length, to = e.to + 2 * length;
  canvas.style.height = `${Math.min(480, 110 * traces.length) + 46}px`;
  const { g, width, height } = prepare(canvas);
  const plot = { left: 10, right: 10, top: 6, width: width - 20, height: height - 46 };
  const before = state.view;
  g.clearRect(0, 0, width, height);
  // The drawing is that of the map; only the range differs.
  state.view = [axis.position(from), axis.position(to)];
  plot.u = (u) => plot.left + ((u - state.view[0]) / (state.view[1] - state.view[0])) * plot.width;
  plot.x = (ms) => plot.u(axis.position(ms));
  const x0 = Math.max(plot.left, plot.x(e.from)), x1 = Math.min(plot.left + plot.width, plot.x(e.to));
  g.fillStyle = kindColor(e.kind); g.globalAlpha = 0.16; g.fillRect(x0, plot.top, x1 - x0, plot.height); g.globalAlpha = 1;
  drawTraces(g, plot);
  g.strokeStyle = css("--line"); g.strokeRect(plot.left - 0.5, plot.top - 0.5, plot.width + 1, plot.height + 1);
  drawTimeAxis(g, plot, state.view);
  state.view = before;
}
