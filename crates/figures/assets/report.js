"use strict";
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const byId = (id) => document.getElementById(id);

  // ---- light and dark ----
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    if (map) map.draw();
  });

  // ---- thumbnails: each picture is held once ----
  for (const img of document.querySelectorAll("img[data-thumbnail]")) {
    const thumbnail = data.thumbnails[Number(img.dataset.thumbnail)];
    if (thumbnail) img.src = thumbnail.src;
  }

  // ---- words ----
  const pad = (n) => String(n).padStart(2, "0");
  const date = (ms) => new Date(ms).toISOString().slice(0, 10);
  const clock = (ms) => {
    const t = new Date(ms);
    const seconds = t.getUTCSeconds() ? ":" + pad(t.getUTCSeconds()) : "";
    return `${date(ms)} ${pad(t.getUTCHours())}:${pad(t.getUTCMinutes())}${seconds}`;
  };
  const span = (ms) => {
    const s = Math.round(ms / 1000);
    const parts = [[Math.floor(s / 86400), "d"], [Math.floor(s / 3600) % 24, "h"], [Math.floor(s / 60) % 60, "min"], [s % 60, "s"]];
    const first = Math.max(0, parts.findIndex((p) => p[0] > 0));
    return parts.slice(first, first + 2).filter((p, i) => i === 0 || p[0] > 0).map((p) => p.join(" ")).join(" ") || "0 s";
  };
  const clusterName = (label) => (label < 0 ? "no cluster" : `cluster ${label}`);

  // ---- anomaly table ----
  const table = byId("anomaly-table");
  if (table) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const value = (row, key) => (key === "file" ? row.dataset.file : Number(row.dataset[key]));
    const before = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b || (isNaN(a) ? 1 : 0) - (isNaN(b) ? 1 : 0));
    for (const button of table.querySelectorAll("button[data-sort]")) {
      button.addEventListener("click", () => {
        const head = button.closest("th");
        const key = button.dataset.sort;
        // Scores are looked at from the worst down first, everything else upwards.
        const current = head.getAttribute("aria-sort");
        const up = current === "none" ? key !== "score" : current !== "ascending";
        for (const other of table.tHead.rows[0].cells) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        rows.sort((a, b) => (up ? 1 : -1) * before(value(a, key), value(b, key)) || Number(a.dataset.rank) - Number(b.dataset.rank));
        body.append(...rows);
      });
    }
    const search = byId("anomaly-filter");
    const cluster = byId("anomaly-cluster");
    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = `${row.textContent} cluster ${row.dataset.cluster}`.toLowerCase();
        const fits = words.every((w) => text.includes(w)) && (cluster.value === "" || cluster.value === row.dataset.cluster);
        row.hidden = !fits;
        shown += fits;
      }
      byId("anomaly-count").textContent = shown === rows.length ? `${shown} event${shown === 1 ? "" : "s"}` : `${shown} of ${rows.length} events`;
    };
    search.addEventListener("input", filter);
    cluster.addEventListener("change", filter);
    body.addEventListener("click", (e) => {
      const button = e.target.closest("button[data-show]");
      if (button && map) map.showEvent(data.events[Number(button.dataset.show)]);
    });
  }

  // ---- map ----
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const rgb = (hex) => [0, 2, 4].map((i) => parseInt(hex.replace("#", "").slice(i, i + 2), 16));

  function makeMap(canvas) {
    const places = Math.max(0, data.edges.length - 1);
    const columns = data.columns;
    const labels = bytes(data.labels);
    const packed = bytes(data.scores);
    const [lowest, highest] = data.scoreRange;
    const score = (cell) => {
      const q = packed[2 * cell] | (packed[2 * cell + 1] << 8);
      return q === 0 ? NaN : Math.sinh(lowest + ((q - 1) / 65534) * (highest - lowest));
    };
    const clusterColors = [null, rgb(data.noCluster)];
    for (let b = 2; b < 256; b++) clusterColors[b] = rgb(data.colors.length ? data.colors[(b - 2) % data.colors.length] : data.noCluster);
    const ramp = Array.from({ length: 256 }, (_, i) => rgb(data.ramp.slice(6 * i, 6 * i + 6)));
    const on = new Array(256).fill(true);
    const state = { from: 0, to: columns, mode: "labels", cursor: null, drag: null, frame: null, layout: null };
    if (!data.hasDistance) canvas.style.height = "150px";
    const margin = { left: data.hasDistance ? 54 : 14, right: 12, top: 8, bottom: 44 };
    const time = (column) => data.from + column * data.step;

    byId("map-resolution").textContent = data.exact
      ? ""
      : `The archive is long: each column holds ${span(data.step)}, with the most frequent cluster and the largest score.`;

    function css(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
    // Any CSS colour as bytes.
    function cssRgb(name) {
      const probe = document.createElement("canvas").getContext("2d");
      probe.fillStyle = css(name);
      return rgb(probe.fillStyle);
    }

    /** Byte of the most frequent cluster that is switched on (0: no rows, -1: only others), and the largest score. */
    function pixel(first, last, place, counts) {
      let best = 0, most = 0, any = false, worst = NaN;
      for (let c = first; c < last; c++) {
        const cell = c * places + place;
        const label = labels[cell];
        if (label === 0) continue;
        any = true;
        if (!on[label]) continue;
        const n = ++counts[label];
        if (n > most || (n === most && label < best)) { most = n; best = label; }
        const s = score(cell);
        if (!(s <= worst)) worst = isNaN(s) ? worst : s;
      }
      for (let c = first; c < last; c++) counts[labels[c * places + place]] = 0;
      return [most ? best : any ? -1 : 0, worst];
    }

    function draw() {
      const ratio = window.devicePixelRatio || 1;
      const box = canvas.getBoundingClientRect();
      canvas.width = Math.round(box.width * ratio);
      canvas.height = Math.round(box.height * ratio);
      const g = canvas.getContext("2d");
      const inner = { x: margin.left, y: margin.top, w: box.width - margin.left - margin.right, h: box.height - margin.top - margin.bottom };
      state.layout = inner;
      const w = Math.max(1, Math.round(inner.w * ratio)), h = Math.max(1, Math.round(inner.h * ratio));
      const image = g.createImageData(w, h);
      const absent = cssRgb("--absent"), off = cssRgb("--off");
      const [low, high] = data.scale;
      const counts = new Uint32Array(256);
      const rowPlace = new Int32Array(h);
      for (let y = 0; y < h; y++) rowPlace[y] = placeAt(1 - (y + 0.5) / h);
      const colors = new Array(places);
      for (let x = 0; x < w; x++) {
        const a = state.from + (x / w) * (state.to - state.from), b = state.from + ((x + 1) / w) * (state.to - state.from);
        const first = Math.min(columns - 1, Math.floor(a)), last = Math.min(columns, Math.max(first + 1, Math.ceil(b)));
        for (let p = 0; p < places; p++) {
          const [label, worst] = pixel(first, last, p, counts);
          if (label === 0) colors[p] = absent;
          else if (label < 0) colors[p] = off;
          else if (state.mode === "labels") colors[p] = clusterColors[label];
          else if (isNaN(worst)) colors[p] = off;
          else colors[p] = ramp[Math.max(0, Math.min(255, Math.round(((worst - low) / (high - low || 1)) * 255)))];
        }
        for (let y = 0; y < h; y++) {
          const color = rowPlace[y] < 0 ? absent : colors[rowPlace[y]];
          const at = 4 * (y * w + x);
          image.data[at] = color[0]; image.data[at + 1] = color[1]; image.data[at + 2] = color[2]; image.data[at + 3] = 255;
        }
      }
      g.putImageData(image, Math.round(inner.x * ratio), Math.round(inner.y * ratio));
      g.scale(ratio, ratio);
      axes(g, inner);
      overlays(g, inner);
      const view = state.from === 0 && state.to === columns ? "Shown: all, " : "Shown: ";
      byId("map-view").textContent = `${view}${clock(time(state.from))} to ${clock(time(state.to))} UTC (${span((state.to - state.from) * data.step)})`;
    }

    function placeAt(share) {
      const km = data.edges[0] + share * (data.edges[places] - data.edges[0]);
      for (let p = 0; p < places; p++) if (km < data.edges[p + 1]) return p;
      return places - 1;
    }

    const MINUTE = 60e3, HOUR = 3600e3, DAY = 86400e3;
    const STEPS = [1e3, 5e3, 10e3, 30e3, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
      DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 182 * DAY, 364 * DAY, 1820 * DAY, 18200 * DAY];
    const x = (ms) => state.layout.x + ((ms - data.from) / data.step - state.from) / (state.to - state.from) * state.layout.w;

    function axes(g, inner) {
      g.strokeStyle = css("--soft"); g.fillStyle = css("--soft"); g.lineWidth = 1;
      g.font = "12px system-ui, sans-serif"; g.textAlign = "center"; g.textBaseline = "top";
      g.strokeRect(inner.x + 0.5, inner.y + 0.5, inner.w - 1, inner.h - 1);
      const from = time(state.from), to = time(state.to);
      const step = STEPS.find((s) => (s / (to - from)) * inner.w >= (s < MINUTE ? 84 : s < DAY ? 62 : 78)) || STEPS[STEPS.length - 1];
      const origin = step >= DAY ? 4 * DAY : 0;
      let last = "";
      for (let t = Math.ceil((from - origin) / step) * step + origin; t <= to; t += step) {
        const at = x(t), day = date(t);
        g.beginPath(); g.moveTo(at, inner.y + inner.h); g.lineTo(at, inner.y + inner.h + 5); g.stroke();
        if (at < 36 || at > inner.x + inner.w - 30) continue;
        const label = step >= DAY ? day.slice(5) : clock(t).slice(11, step < MINUTE ? 19 : 16);
        g.fillText(label, at, inner.y + inner.h + 8);
        const below = step >= DAY ? day.slice(0, 4) : day;
        if (below !== last) g.fillText(below, at, inner.y + inner.h + 24);
        last = below;
      }
      if (!data.hasDistance) return;
      g.textAlign = "right"; g.textBaseline = "middle";
      const low = data.edges[0], high = data.edges[places];
      const raw = (high - low) / 6, decade = 10 ** Math.floor(Math.log10(raw));
      const unit = [1, 2, 5, 10].map((f) => f * decade).find((s) => s >= raw) || raw;
      for (let km = Math.ceil(low / unit) * unit; km <= high + 1e-9; km += unit) {
        const y = inner.y + inner.h * (1 - (km - low) / (high - low));
        g.beginPath(); g.moveTo(inner.x - 4, y); g.lineTo(inner.x, y); g.stroke();
        g.fillText(String(Number(km.toFixed(6))), inner.x - 7, y);
      }
      g.save(); g.translate(11, inner.y + inner.h / 2); g.rotate(-Math.PI / 2); g.textAlign = "center";
      g.fillText("distance (km)", 0, 0); g.restore();
    }

    function yOf(km) {
      const low = data.edges[0], high = data.edges[places];
      return state.layout.y + state.layout.h * (1 - (km - low) / (high - low));
    }

    function overlays(g, inner) {
      g.save();
      g.beginPath(); g.rect(inner.x, inner.y, inner.w, inner.h); g.clip();
      if (state.frame) {
        const [a, b] = state.frame.time, [p, q] = state.frame.distance;
        const left = x(a) - 3, top = yOf(q) - 2;
        const width = Math.max(8, x(b) - x(a) + 6), height = data.hasDistance ? Math.max(8, yOf(p) - yOf(q) + 4) : inner.h;
        g.lineWidth = 4; g.strokeStyle = "#fff"; g.strokeRect(left, top, width, height);
        g.lineWidth = 2; g.strokeStyle = "#000"; g.strokeRect(left, top, width, height);
      }
      if (state.cursor) {
        const { column, place } = state.cursor;
        const a = x(time(column)), b = x(time(column + 1));
        const top = yOf(data.edges[place + 1]), bottom = yOf(data.edges[place]);
        const left = (a + b) / 2 - Math.max(6, b - a) / 2, width = Math.max(6, b - a);
        g.lineWidth = 4; g.strokeStyle = "#fff"; g.strokeRect(left, top, width, bottom - top);
        g.lineWidth = 2; g.strokeStyle = "#000"; g.strokeRect(left, top, width, bottom - top);
      }
      if (state.drag && state.drag.moved) {
        const [a, b] = [state.drag.start, state.drag.now].sort((p, q) => p - q);
        g.fillStyle = "rgb(255 255 255 / 45%)"; g.fillRect(a, inner.y, b - a, inner.h);
        g.lineWidth = 2; g.strokeStyle = "#000"; g.strokeRect(a, inner.y + 1, b - a, inner.h - 2);
      }
      g.restore();
    }

    /** Column and place under a point of the canvas, or null. */
    function cellAt(px, py) {
      const { x: left, y: top, w, h } = state.layout;
      if (px < left || px >= left + w || py < top || py >= top + h || !places) return null;
      const column = Math.min(columns - 1, Math.floor(state.from + ((px - left) / w) * (state.to - state.from)));
      return { column, place: placeAt(1 - (py - top) / h) };
    }

    function words({ column, place }) {
      const cell = column * places + place, label = labels[cell], s = score(cell);
      const lines = [`${clock(time(column))} UTC`];
      if (data.hasDistance) lines.push(`${data.edges[place].toFixed(2)} to ${data.edges[place + 1].toFixed(2)} km`);
      lines.push(label === 0 ? "no images" : clusterName(label - 2));
      if (!isNaN(s)) lines.push(`score ${s.toFixed(2)}`);
      return lines;
    }

    const tip = byId("map-tip");
    function hover(px, py) {
      const cell = cellAt(px, py);
      tip.hidden = !cell || Boolean(state.drag && state.drag.moved);
      if (!cell) return;
      tip.replaceChildren(...words(cell).flatMap((line) => [document.createTextNode(line), document.createElement("br")]).slice(0, -1));
      const { width, height } = tip.getBoundingClientRect();
      const room = canvas.clientWidth;
      tip.style.left = `${Math.max(0, px + 14 + width > room ? px - width - 14 : px + 14)}px`;
      tip.style.top = `${Math.max(0, py - height - 10)}px`;
    }

    /** The picture nearest in time to a cell among those that show its place. */
    function nearest({ column, place }) {
      const middle = time(column + 0.5), km = (data.edges[place] + data.edges[place + 1]) / 2;
      let best = null, distance = Infinity;
      for (const t of data.thumbnails) {
        if (data.hasDistance && (km < t.from - 1e-6 || km > t.to + 1e-6)) continue;
        // Of two pictures of one image the wider one, by a hair.
        const apart = Math.abs(t.time + data.duration / 2 - middle) - (t.to - t.from) * 1e-3;
        if (apart < distance) { distance = apart; best = t; }
      }
      return best;
    }

    function show(cell) {
      byId("map-detail").hidden = false;
      const text = byId("map-detail-text");
      text.replaceChildren();
      for (const line of words(cell)) {
        const p = document.createElement("p");
        p.textContent = line;
        text.append(p);
      }
      const figure = byId("map-detail-figure"), picture = nearest(cell);
      figure.hidden = !picture;
      if (!picture) {
        text.append("No picture of this place is held in the page.");
        return;
      }
      const [img, caption] = [figure.querySelector("img"), figure.querySelector("figcaption")];
      img.src = picture.src;
      img.alt = `Waterfall of ${clock(picture.time)} UTC`;
      const off = picture.time - time(cell.column), same = off > -data.duration && off < Math.max(data.step, data.duration);
      const place = data.hasDistance ? `, ${picture.from.toFixed(1)} to ${picture.to.toFixed(1)} km` : "";
      caption.textContent = `${clock(picture.time)} UTC${place}: ${picture.file}` + (same ? "" : ` (the nearest that is held, ${span(Math.abs(off))} ${off < 0 ? "earlier" : "later"})`);
    }

    function zoom(from, to) {
      const least = Math.min(columns, 4), width = Math.min(columns, Math.max(least, to - from));
      const start = Math.min(Math.max(0, from + (to - from - width) / 2), columns - width);
      [state.from, state.to] = [start, start + width];
      draw();
    }
    const zoomBy = (factor) => {
      const c = state.cursor ? state.cursor.column + 0.5 : (state.from + state.to) / 2, half = ((state.to - state.from) * factor) / 2;
      zoom(c - half, c + half);
    };
    const pan = (share) => zoom(state.from + share * (state.to - state.from), state.to + share * (state.to - state.from));

    const point = (e) => { const box = canvas.getBoundingClientRect(); return [e.clientX - box.left, e.clientY - box.top]; };
    canvas.addEventListener("pointerdown", (e) => {
      if (e.button !== 0) return;
      const [px] = point(e);
      state.drag = { start: px, now: px, moved: false };
      canvas.setPointerCapture(e.pointerId);
    });
    canvas.addEventListener("pointermove", (e) => {
      const [px, py] = point(e);
      if (state.drag) {
        const { x: left, w } = state.layout;
        state.drag.now = Math.min(left + w, Math.max(left, px));
        if (Math.abs(px - state.drag.start) > 5) state.drag.moved = true;
        if (state.drag.moved) draw();
      }
      hover(px, py);
    });
    canvas.addEventListener("pointerup", (e) => {
      const drag = state.drag;
      state.drag = null;
      if (!drag) return;
      const { x: left, w } = state.layout;
      const column = (px) => state.from + ((px - left) / w) * (state.to - state.from);
      if (drag.moved) {
        const [a, b] = [drag.start, drag.now].map((px) => column(Math.min(left + w, Math.max(left, px)))).sort((p, q) => p - q);
        zoom(a, b);
      } else {
        const cell = cellAt(...point(e));
        if (!cell) return;
        state.cursor = cell;
        draw();
        show(cell);
      }
    });
    canvas.addEventListener("pointercancel", () => { state.drag = null; draw(); });
    canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
    canvas.addEventListener("dblclick", () => zoom(0, columns));

    canvas.addEventListener("keydown", (e) => {
      if (!places || e.ctrlKey || e.metaKey || e.altKey) return;
      const step = Math.max(1, Math.round((state.to - state.from) / 100)) * (e.shiftKey ? 10 : 1);
      const cursor = state.cursor || { column: Math.floor((state.from + state.to) / 2), place: Math.floor(places / 2) };
      const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      if (moves[e.key]) {
        const [c, p] = state.cursor ? moves[e.key] : [0, 0];
        state.cursor = { column: Math.min(columns - 1, Math.max(0, cursor.column + c)), place: Math.min(places - 1, Math.max(0, cursor.place + p)) };
        if (state.cursor.column < state.from || state.cursor.column >= state.to) {
          const half = (state.to - state.from) / 2;
          zoom(state.cursor.column - half, state.cursor.column + half);
        } else draw();
        byId("map-status").textContent = words(state.cursor).join(", ");
      } else if (e.key === "Enter" || e.key === " ") show(cursor);
      else if (e.key === "+" || e.key === "=") zoomBy(0.5);
      else if (e.key === "-") zoomBy(2);
      else if (e.key === "Escape" || e.key === "Home") zoom(0, columns);
      else return;
      e.preventDefault();
    });

    byId("map-in").addEventListener("click", () => zoomBy(0.5));
    byId("map-out").addEventListener("click", () => zoomBy(2));
    byId("map-left").addEventListener("click", () => pan(-0.5));
    byId("map-right").addEventListener("click", () => pan(0.5));
    byId("map-reset").addEventListener("click", () => zoom(0, columns));
    for (const box of document.querySelectorAll(".map-cluster")) {
      box.addEventListener("change", () => { on[Math.min(255, Number(box.value) + 2)] = box.checked; draw(); });
    }
    function mode(name) {
      state.mode = name;
      byId("map-labels").setAttribute("aria-pressed", String(name === "labels"));
      byId("map-score").setAttribute("aria-pressed", String(name === "score"));
      byId("map-scale").hidden = name !== "score";
      draw();
    }
    if (byId("map-score")) {
      byId("map-labels").addEventListener("click", () => mode("labels"));
      byId("map-score").addEventListener("click", () => mode("score"));
      const bar = byId("map-scale").querySelector("canvas"), g = bar.getContext("2d");
      ramp.forEach((c, i) => { g.fillStyle = `rgb(${c.join(" ")})`; g.fillRect(i, 0, 1, 1); });
      byId("map-scale-low").textContent = data.scale[0].toFixed(1);
      byId("map-scale-high").textContent = `${data.scale[1].toFixed(1)} and more`;
    }

    function showEvent(event) {
      state.frame = event;
      const middle = (event.time[0] + event.time[1]) / 2, half = Math.max(30 * data.duration, 2 * (event.time[1] - event.time[0]));
      const at = (ms) => (ms - data.from) / data.step;
      zoom(at(middle - half), at(middle + half));
      const km = (event.distance[0] + event.distance[1]) / 2;
      const low = data.edges[0], high = data.edges[places];
      show({ column: Math.min(columns - 1, Math.max(0, Math.floor(at(event.time[0])))), place: placeAt((km - low) / (high - low || 1)) });
      byId("map").scrollIntoView();
      canvas.focus({ preventScroll: true });
    }

    // The size of the page changes the canvas; printing and themes change its colours.
    new ResizeObserver(() => draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
    return { draw, showEvent };
  }

  const canvas = byId("map-canvas");
  const map = canvas ? makeMap(canvas) : null;
})();
