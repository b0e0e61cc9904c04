// ---- cells: the packed maps as pixels ----
/** Colour of a cell's byte in a layer. */
function cellColors(layer) {
  const grid = grids[layer], colors = new Array(256), absent = rgb(css("--absent"));
  colors[0] = absent;
  if (layer === "clusters") {
    colors[1] = rgb("#969696");
    for (let b = 2; b < 256; b++) colors[b] = rgb(CLUSTER_COLORS[(b - 2) % CLUSTER_COLORS.length]);
    return colors;
  }
  const table = scaleOf(layer), end = layer === "level" ? grid.scale : Math.asinh(Math.max(grid.scale, data.threshold || 0));
  for (let b = 1; b < 256; b++) {
    const share = layer === "level" ? 0.5 + levelOf(b) / (2 * end) : Math.asinh(Math.max(0, scoreOf(b))) / end;
    colors[b] = table[Math.max(0, Math.min(255, Math.round(share * 255)))];
  }
  return colors;
}

/** Bytes of a level that are within the noise: four times the middle deviation of a sample of all cells around 0 dB. */
const levelNoise = (() => {
  if (!grids.level) return 0;
  const { cells } = grids.level, step = Math.max(1, Math.floor(cells.length / 20_000)), sample = [];
  for (let i = 0; i < cells.length; i += step) if (cells[i]) sample.push(Math.abs(cells[i] - 61));
  sample.sort((p, q) => p - q);
  return sample.length ? Math.max(2, 5 * sample[sample.length >> 1]) : 0;
})();

/**
 * One byte for the cells of columns [first, last) and rows [low, high). Levels: their mean, but what stands out of the
 * noise keeps its peak, so that a pixel of many quiet cells stays quiet. Scores: the largest. Clusters: the most frequent.
 */
function strongest(grid, layer, first, last, low, high, counts) {
  let best = 0, most = -1, sum = 0, n = 0;
  const zero = 61; // the byte of 0 dB
  for (let c = first; c < last; c++) {
    for (let p = low; p < high; p++) {
      const byte = grid.cells[c * grid.places + p];
      if (!byte) continue;
      const weight = layer === "clusters" ? ++counts[byte] : layer === "level" ? Math.abs(byte - zero) : byte;
      if (weight > most) { most = weight; best = byte; }
      sum += byte;
      n++;
    }
  }
  if (layer === "clusters") counts.fill(0);
  return layer === "level" && n > 1 && most < levelNoise ? Math.round(sum / n) : best;
}

/** Pixel rows' places: [low, high) of the grid for every pixel row of a plot, top first. */
function rowPlaces(grid, height) {
  const [k0, k1] = state.km, rows = new Array(height);
  const placeAt = (km) => Math.max(0, Math.min(grid.places - 1, firstIndex(grid.places, (p) => grid.edges[p + 1] > km)));
  for (let y = 0; y < height; y++) {
    const upper = k1 - ((k1 - k0) * y) / height, lower = k1 - ((k1 - k0) * (y + 1)) / height;
    if (!fibre) { rows[y] = [0, 1]; continue; }
    const middle = (upper + lower) / 2, end = grid.edges[grid.places];
    if (middle < grid.edges[0] || middle > end) { rows[y] = null; continue; }
    const low = placeAt(lower + 1e-9), high = Math.max(low, placeAt(upper - 1e-9));
    // Where a pixel is finer than a place it shows that of its middle.
    rows[y] = high - low > 1 ? [low, high + 1] : [placeAt(middle), placeAt(middle) + 1];
  }
  return rows;
}

/** The columns [first, last) of a grid for the folded range [a, b), or null where nothing is recorded. */
function columnsOf(grid, a, b) {
  const i = axis.segmentAt(a), [from, to] = axis.segments[i];
  const length = to - from, start = a - axis.starts[i];
  const all = Math.ceil(length / grid.step - 1e-9);
  if (start >= length) {
    // A pixel that begins in a gap may end in the next segment.
    if (i + 1 >= axis.segments.length || axis.starts[i + 1] >= b) return null;
    return [grid.offsets[i + 1], grid.offsets[i + 1] + 1];
  }
  const first = Math.max(0, Math.min(all - 1, Math.floor(start / grid.step + 1e-9)));
  const last = Math.max(first + 1, Math.min(all, Math.ceil((b - axis.starts[i]) / grid.step - 1e-9)));
  return [grid.offsets[i] + first, grid.offsets[i] + last];
}

/** Draws the cells of a layer into a plot. */
function drawCells(g, layer, plot, ratio) {
  const grid = grids[layer];
  const w = Math.max(1, Math.round(plot.width * ratio)), h = Math.max(1, Math.round(plot.height * ratio));
  const image = g.createImageData(w, h), out = new Uint32Array(image.data.buffer);
  const word = ([r, gr, b]) => (255 << 24) | (b << 16) | (gr << 8) | r;
  const colors = cellColors(layer).map(word);
  const absent = word(rgb(css("--absent")));
  const rows = rowPlaces(grid, h), counts = new Uint32Array(256), [a, b] = state.view;
  for (let x = 0; x < w; x++) {
    const span = columnsOf(grid, a + ((b - a) * x) / w, a + ((b - a) * (x + 1)) / w);
    let previous = null, color = absent;
    for (let y = 0; y < h; y++) {
      const places = rows[y];
      if (!span || !places) color = absent;
      else if (!previous || previous[0] !== places[0] || previous[1] !== places[1]) color = colors[strongest(grid, layer, span[0], span[1], places[0], places[1], counts)];
      previous = span ? places : null;
      out[y * w + x] = color;
    }
  }
  g.putImageData(image, Math.round(plot.left * ratio), Math.round(plot.top * ratio));
}

/** Draws pictures of images in their place: time across, distance up. */
function drawPictures(g, plot, redraw) {
  g.fillStyle = css("--absent");
  g.fillRect(plot.left, plot.top, plot.width, plot.height);
  const [a, b] = state.view.map(axis.time);
  const low = firstIndex(pictures.length, (i) => pictures[i].time + data.image > a), high = firstIndex(pictures.length, (i) => pictures[i].time >= b);
  const top = plot.y(fibreKm[1]), bottom = plot.y(fibreKm[0]);
  // At most as many as there is room for: a picture every two pixels.
  const every = Math.max(1, Math.ceil((high - low) / (plot.width / 2)));
  for (let i = low; i < high; i += every) {
    const image = pictureOf(pictures[i], redraw);
    if (!image) continue;
    const x0 = plot.x(pictures[i].time), x1 = plot.x(pictures[i].time + data.image * every);
    g.save();
    // Its rows (time, downwards) run across, its columns (distance) upwards.
    g.translate(x0, bottom);
    g.rotate(-Math.PI / 2);
    g.scale(bottom - top, Math.max(1, x1 - x0));
    g.drawImage(image, 0, 0, 1, 1);
    g.restore();
  }
}

/** Draws waveforms one above the other, lowest to highest sample of each pixel. */
function drawTraces(g, plot) {
  const [a, b] = state.view, lane = plot.height / traces.length;
  traces.forEach((trace, k) => {
    const middle = plot.top + lane * (k + 0.5);
    const pixels = Math.round(plot.width), low = new Float32Array(pixels).fill(NaN), high = new Float32Array(pixels).fill(NaN);
    const begin = axis.time(a), end = axis.time(b), seen = trace.pieces.filter((p) => p.from < end && p.to > begin);
    let largest = 1e-30;
    for (let x = 0; x < pixels; x++) {
      const t0 = axis.time(a + ((b - a) * x) / pixels), t1 = axis.time(a + ((b - a) * (x + 1)) / pixels);
      // The finest piece that knows this pixel.
      for (const piece of seen) {
        const first = Math.floor((t0 - piece.from) / piece.step), last = Math.max(first + 1, Math.floor((t1 - piece.from) / piece.step));
        for (let s = Math.max(0, first); s < Math.min(piece.steps, last); s++) {
          const lo = piece.raw[2 * s], hi = piece.raw[2 * s + 1];
          if (lo === -32768) continue;
          if (!(low[x] <= lo * piece.unit)) low[x] = lo * piece.unit;
          if (!(high[x] >= hi * piece.unit)) high[x] = hi * piece.unit;
        }
        if (isNaN(low[x])) continue;
        largest = Math.max(largest, -low[x], high[x]);
        break;
      }
    }
    g.strokeStyle = css("--accent"); g.lineWidth = 1;
    g.beginPath();
    for (let x = 0; x < pixels; x++) {
      if (isNaN(low[x])) continue;
      const y0 = middle - (high[x] / largest) * lane * 0.46, y1 = middle - (low[x] / largest) * lane * 0.46;
      g.moveTo(plot.left + x + 0.5, y0); g.lineTo(plot.left + x + 0.5, Math.max(y1, y0 + 1));
    }
    g.stroke();
    g.fillStyle = css("--ink"); g.font = "12px system-ui, sans-serif"; g.textAlign = "left"; g.textBaseline = "top";
    g.fillText(trace.channel, plot.left + 6, plot.top + lane * k + 4);
  });
}
