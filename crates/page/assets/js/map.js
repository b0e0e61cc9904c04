// ---- map: the record over time and distance ----
const map = (() => {
  const canvas = byId("map");
  const legend = byId("map-legend");
  const it = { canvas, plot: null, draw, cursorWords, drag: null };

  function draw() {
    canvas.style.height = `${fibre ? (window.innerWidth < 560 ? 360 : 460) : state.layer === "trace" ? 90 + 110 * traces.length : 150}px`;
    const { g, width, height, ratio } = prepare(canvas);
    g.clearRect(0, 0, width, height);
    const left = fibre ? 50 : 10;
    const plot = { left, right: 10, top: 6, width: Math.max(10, width - left - 10), height: Math.max(10, height - 50) };
    const [a, b] = state.view, [k0, k1] = state.km;
    plot.u = (u) => plot.left + ((u - a) / (b - a)) * plot.width;
    plot.x = (ms) => plot.u(axis.position(ms));
    plot.y = (km) => plot.top + (1 - (km - k0) / (k1 - k0)) * plot.height;
    it.plot = plot;
    g.save();
    g.beginPath(); g.rect(plot.left, plot.top, plot.width, plot.height); g.clip();
    if (state.layer === "pictures") drawPictures(g, plot, draw);
    else if (state.layer === "trace") drawTraces(g, plot);
    else if (grids[state.layer]) drawCells(g, state.layer, plot, ratio);
    drawFolds(g, plot, state.view);
    drawDefects(g, plot);
    drawEvents(g, plot);
    drawPointer(g, plot);
    g.restore();
    frame(g, plot);
    words();
  }

  function drawDefects(g, plot) {
    if (!fibre || state.layer === "clusters") return;
    g.strokeStyle = css("--soft"); g.lineWidth = 1;
    for (const d of data.health) {
      if (!["dead", "saturated", "blank", "frozen"].includes(d.what)) continue;
      const x0 = Math.max(plot.left, plot.x(d.from)), x1 = Math.min(plot.left + plot.width, plot.x(d.to)), y0 = plot.y(d.km1), y1 = plot.y(d.km0);
      if (x1 < x0) continue;
      g.save();
      g.beginPath(); g.rect(x0, y0, Math.max(1.5, x1 - x0), y1 - y0); g.clip();
      g.fillStyle = css("--absent"); g.fillRect(x0, y0, Math.max(1.5, x1 - x0), y1 - y0);
      g.beginPath();
      for (let x = x0 - (y1 - y0); x < x1; x += 8) { g.moveTo(x, y1); g.lineTo(x + (y1 - y0), y0); }
      g.globalAlpha = 0.5; g.stroke(); g.globalAlpha = 1;
      if (x1 - x0 > 60 && y1 - y0 > 12) {
        g.fillStyle = css("--ink"); g.font = "12px system-ui, sans-serif"; g.textAlign = "left"; g.textBaseline = "middle";
        g.fillText(d.what, x0 + 6, (y0 + y1) / 2);
      }
      g.restore();
    }
  }

  function drawEvents(g, plot) {
    if (!state.showEvents) return;
    const visible = shownEvents().filter(inView);
    // Where outlines would cover the map, rare kinds and strong events keep theirs; the others become dots.
    const room = Math.max(30, Math.round((plot.width * plot.height) / 7000));
    const ranked = visible.length > room ? visible.slice().sort((x, y) => kindCounts.get(x.kind) - kindCounts.get(y.kind) || y.score - x.score) : visible;
    const full = visible.length > room ? ranked.slice(0, room) : ranked;
    it.dots = ranked.length - full.length;
    it.drawn = ranked;
    for (const e of ranked.slice(full.length)) {
      g.fillStyle = kindColor(e.kind);
      g.globalAlpha = 0.75;
      g.beginPath(); g.arc(plot.x(e.peak), fibre ? plot.y(e.peak_km) : plot.top + 9, 2, 0, 2 * Math.PI); g.fill();
      g.globalAlpha = 1;
    }
    for (const e of full) if (e !== state.selected) drawEvent(g, e, plot, false);
    if (state.selected && inView(state.selected)) drawEvent(g, state.selected, plot, true);
  }

  function drawPointer(g, plot) {
    const d = it.drag;
    if (d && d.moved) {
      const x0 = Math.min(d.x0, d.x1), x1 = Math.max(d.x0, d.x1);
      const [y0, y1] = fibre && Math.abs(d.y1 - d.y0) > 12 ? [Math.min(d.y0, d.y1), Math.max(d.y0, d.y1)] : [plot.top, plot.top + plot.height];
      g.fillStyle = css("--accent"); g.globalAlpha = 0.18; g.fillRect(x0, y0, x1 - x0, y1 - y0); g.globalAlpha = 1;
      g.strokeStyle = css("--accent"); g.lineWidth = 2; g.strokeRect(x0, y0, x1 - x0, y1 - y0);
    }
    if (state.cursor) {
      const x = plot.x(state.cursor.ms), y = fibre ? plot.y(state.cursor.km) : plot.top + plot.height / 2;
      for (const [color, lw] of [[css("--paper"), 4], [css("--ink"), 1.5]]) {
        g.strokeStyle = color; g.lineWidth = lw;
        g.beginPath(); g.moveTo(x - 11, y); g.lineTo(x + 11, y); g.moveTo(x, y - 11); g.lineTo(x, y + 11); g.stroke();
      }
    }
  }

  function frame(g, plot) {
    g.strokeStyle = css("--line"); g.lineWidth = 1;
    g.strokeRect(plot.left - 0.5, plot.top - 0.5, plot.width + 1, plot.height + 1);
    drawTimeAxis(g, plot, state.view);
    if (!fibre) return;
    g.strokeStyle = g.fillStyle = css("--soft");
    g.textAlign = "right"; g.textBaseline = "middle";
    for (const km of kmTicks(state.km[0], state.km[1], plot.height / 52)) {
      const y = plot.y(km);
      g.beginPath(); g.moveTo(plot.left - 5, y); g.lineTo(plot.left, y); g.stroke();
      g.fillText(String(km), plot.left - 8, Math.max(plot.top + 6, Math.min(plot.top + plot.height - 6, y)));
    }
    g.save(); g.translate(9, plot.top + plot.height / 2); g.rotate(-Math.PI / 2); g.textAlign = "center";
    g.fillText("distance (km)", 0, 0); g.restore();
  }

  /** The line below the map, and the legend. */
  function words() {
    const [from, to] = [axis.time(state.view[0]), axis.time(state.view[1])];
    const what = whole() ? "Shown: all, " : "Shown: ";
    const place = fibre && !(state.km[0] <= fibreKm[0] && state.km[1] >= fibreKm[1]) ? `, ${state.km[0].toFixed(2)} to ${state.km[1].toFixed(2)} km` : "";
    const local = state.local ? ` (${localTime(from)} to ${localTime(to)})` : "";
    const folds = axis.folded.length ? ` ${count(axis.folded.length, "gap is", "gaps are")} folded.` : "";
    const hidden = state.showEvents && it.dots > 0 ? ` ${it.dots} events of frequent kinds are shown as dots; zoom in for their outlines.` : "";
    byId("map-view").textContent = `${what}${dateTime(from)} to ${dateTime(to)} UTC${local}${place}.${folds}${hidden}`;
    drawLegend();
  }

  function drawLegend() {
    const key = `${state.layer} ${isDark()}`;
    if (legend.dataset.key === key) return;
    legend.dataset.key = key;
    const grid = grids[state.layer];
    if (state.layer === "level" || state.layer === "score") {
      const bar = element("canvas", { width: 128, height: 1, "aria-hidden": "true" }), g = bar.getContext("2d");
      for (let i = 0; i < 128; i++) { g.fillStyle = `rgb(${scaleOf(state.layer)[2 * i].join(" ")})`; g.fillRect(i, 0, 1, 1); }
      const end = state.layer === "level" ? `+${grid.scale} dB` : `${Math.max(grid.scale, data.threshold || 0).toFixed(0)} and more`;
      legend.replaceChildren(state.layer === "level" ? `−${grid.scale}` : "0", bar, `${end}${state.layer === "level" ? " over the place’s normal" : ""}`);
    } else if (state.layer === "clusters") {
      const labels = [...new Set(grid.cells)].filter((b) => b > 1).sort((a, b) => a - b).slice(0, 12);
      legend.replaceChildren(...labels.map((b) => element("span", { class: "legend-item" },
        element("span", { class: "swatch", style: `background:${CLUSTER_COLORS[(b - 2) % CLUSTER_COLORS.length]}` }), String(b - 2))));
    } else legend.replaceChildren();
  }

  /** What lies at a time and a place, in lines. */
  function cursorWords(ms, km) {
    const lines = [`${dateTime(ms)} UTC`];
    if (state.local) lines.push(localTime(ms));
    if (fibre) lines.push(`${km.toFixed(2)} km`);
    const value = (layer) => {
      const grid = grids[layer];
      if (!grid) return NaN;
      const columns = columnsOf(grid, axis.position(ms), axis.position(ms) + 1);
      const place = fibre ? Math.min(grid.places - 1, firstIndex(grid.places, (p) => grid.edges[p + 1] > km)) : 0;
      return columns ? grid.cells[columns[0] * grid.places + place] : 0;
    };
    const inGap = axis.folded.find((f) => ms >= f.from && ms < f.to);
    if (inGap) return lines.concat(`no images for ${span(inGap.to - inGap.from)}`);
    const level = levelOf(value("level")), score = scoreOf(value("score")), cluster = value("clusters");
    if (!isNaN(level)) lines.push(`${signed(level, 1)} dB`);
    if (!isNaN(score)) lines.push(`score ${score.toFixed(1)}`);
    if (cluster > 0) lines.push(cluster === 1 ? "no cluster" : `cluster ${cluster - 2}`);
    return lines;
  }

  onChange(draw);
  onWidth(canvas.parentElement, draw);
  return it;
})();
