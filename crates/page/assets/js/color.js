// ---- colour: scales that are even to the eye, kinds that colour-blind readers tell apart ----
const darkQuery = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : darkQuery.matches);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

const toLinear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const toGamma = (c) => (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055);

/** sRGB bytes to OKLab (B. Ottosson 2020), in which equal steps look equal. */
function toLab(color) {
  const [r, g, b] = color.map((c) => toLinear(c / 255));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}

function fromLab([L, a, b]) {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3, m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s, -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s];
  return linear.map((c) => Math.round(255 * Math.min(1, Math.max(0, toGamma(Math.max(0, c))))));
}

/** `steps` colours through the stops, evenly spaced in OKLab. */
function ramp(stops, steps) {
  const labs = stops.map((hex) => toLab(rgb(hex)));
  const at = (i) => {
    const position = (i / (steps - 1)) * (labs.length - 1), k = Math.min(labs.length - 2, Math.floor(position));
    return fromLab(labs[k].map((v, c) => v + (labs[k + 1][c] - v) * (position - k)));
  };
  return Array.from({ length: steps }, (_, i) => at(i));
}

// Quieter than normal is blue, louder is warm; normal is the paper's colour, so that only what deviates is ink. The
// levels have an odd number of stops: normal is the middle one.
const SCALES = {
  light: { level: ["#0d2f52", "#2c6496", "#7fadd0", "#c9deec", "#fbfbf9", "#f6cf9f", "#de7c3b", "#a1341f", "#4d0d17"], score: ["#fbfbf9", "#cfdcc9", "#74b39b", "#277f8e", "#2a4a7d", "#2c1745"] },
  dark: { level: ["#d9eefb", "#84bde0", "#3d82b0", "#1f4d6e", "#15191c", "#63321a", "#bf5f22", "#f3a457", "#fff3d9"], score: ["#15191c", "#1f3a4d", "#226a7a", "#3f9f7f", "#a6cf6a", "#fdf6c0"] },
};
let scaleCache = {};
function scaleOf(layer) {
  const theme = isDark() ? "dark" : "light", key = theme + layer;
  if (!scaleCache[key]) scaleCache[key] = ramp(SCALES[theme][layer], 256);
  return scaleCache[key];
}

// Okabe and Ito's colours without black and yellow, then muted ones of P. Tol; the symbol tells kinds apart as well.
const KIND_COLORS = {
  light: ["#0072b2", "#b35900", "#00795a", "#b0468b", "#332288", "#7a5c00", "#882255", "#3b7d8c"],
  dark: ["#56b4e9", "#f0a33e", "#2fc496", "#e59ac4", "#a99cf0", "#e6d94c", "#f08a7a", "#7fd0dc"],
};
const SYMBOLS = ["circle", "square", "triangle", "diamond", "down", "plus", "star", "cross", "hexagon"];
const CLUSTER_COLORS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#332288", "#f0e442", "#882255", "#44aa99", "#999933", "#ddaabb"];

const kindNumbers = [...new Set(events.map((e) => e.kind))].sort((a, b) => a - b);
const kindIndex = new Map(kindNumbers.map((k, i) => [k, i]));
const kindColor = (kind) => {
  const colors = KIND_COLORS[isDark() ? "dark" : "light"];
  return kind < 0 ? css("--soft") : colors[(kindIndex.get(kind) ?? 0) % colors.length];
};
const kindSymbol = (kind) => SYMBOLS[(kindIndex.get(kind) ?? 0) % SYMBOLS.length];

/** Corners of a symbol of radius 1, or null for a circle. */
const polygon = (n, turn, inner) => Array.from({ length: inner ? 2 * n : n }, (_, i) => {
  const angle = (2 * Math.PI * i) / (inner ? 2 * n : n) + turn, r = inner && i % 2 ? inner : 1;
  return [r * Math.sin(angle), -r * Math.cos(angle)];
});
const CROSS = [[-1, -0.35], [-0.35, -0.35], [-0.35, -1], [0.35, -1], [0.35, -0.35], [1, -0.35], [1, 0.35], [0.35, 0.35], [0.35, 1], [-0.35, 1], [-0.35, 0.35], [-1, 0.35]];
const SHAPES = {
  circle: null, square: polygon(4, Math.PI / 4), triangle: polygon(3, 0), diamond: polygon(4, 0), down: polygon(3, Math.PI),
  plus: CROSS, star: polygon(5, 0, 0.45), cross: CROSS.map(([x, y]) => [(x - y) * 0.72, (x + y) * 0.72]), hexagon: polygon(6, 0),
};

/** Draws a kind's symbol on a canvas, with a halo of the paper's colour. */
function drawSymbol(g, kind, x, y, radius, halo) {
  const shape = SHAPES[kindSymbol(kind)];
  g.beginPath();
  if (shape) { shape.forEach(([a, b], i) => (i ? g.lineTo(x + a * radius, y + b * radius) : g.moveTo(x + a * radius, y + b * radius))); g.closePath(); }
  else g.arc(x, y, radius * 0.9, 0, 2 * Math.PI);
  if (halo) { g.lineWidth = 3; g.lineJoin = "round"; g.strokeStyle = halo; g.stroke(); }
  g.fillStyle = kindColor(kind);
  g.fill();
}

/** A kind's symbol as an element. */
function symbolOf(kind, size = 14) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "-1.15 -1.15 2.3 2.3");
  svg.setAttribute("width", size);
  svg.setAttribute("height", size);
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "symbol");
  const shape = SHAPES[kindSymbol(kind)];
  const node = document.createElementNS("http://www.w3.org/2000/svg", shape ? "polygon" : "circle");
  if (shape) node.setAttribute("points", shape.map((p) => p.map((v) => v.toFixed(3)).join(",")).join(" "));
  else node.setAttribute("r", "0.9");
  node.setAttribute("fill", kindColor(kind));
  svg.append(node);
  return svg;
}
