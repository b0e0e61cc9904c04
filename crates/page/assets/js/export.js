// ---- export: the filtered list as CSV and JSON, names as TOML ----
function download(name, type, text) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const isoTime = (ms) => new Date(ms).toISOString().replace("Z", "");
const exported = (e) => ({
  event: e.event, time_from: isoTime(e.from), time_to: isoTime(e.to), distance_from_km: e.km0, distance_to_km: e.km1, peak_time: isoTime(e.peak), peak_km: e.peak_km,
  score: e.score, rise_db: e.rise, path: e.path, speed_ms: e.speed, kind: e.kind, image_file: e.file, kind_name: names.get(e.kind) || "", reason: e.reason,
});
const csvField = (v) => { const text = v === null || v === undefined ? "" : String(v); return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text; };

function eventsCsv() {
  const rows = orderedEvents().map(exported);
  const keys = Object.keys(exported(events[0]));
  return [keys.join(","), ...rows.map((r) => keys.map((k) => csvField(r[k])).join(","))].join("\n") + "\n";
}

const eventsJson = () => `${JSON.stringify(orderedEvents().map(exported), null, 1)}\n`;

/** A TOML basic string (TOML 1.0). */
const tomlString = (text) => `"${[...text].map((c) => {
  const code = c.codePointAt(0);
  if (c === '"' || c === "\\") return `\\${c}`;
  return code < 32 || code === 127 ? `\\u${code.toString(16).padStart(4, "0")}` : c;
}).join("")}"`;

function namesToml() {
  const lines = kindNumbers.filter((k) => k > 0 && names.get(k)).map((k) => `${tomlString(String(k))} = ${tomlString(names.get(k))}`);
  return `# Names of the kinds of events; "ignore" leaves a kind out of the list.\n${lines.join("\n")}\n`;
}

if (byId("save-csv")) {
  byId("save-csv").addEventListener("click", () => download("events.csv", "text/csv", eventsCsv()));
  byId("save-json").addEventListener("click", () => download("events.json", "application/json", eventsJson()));
}
if (byId("save-names")) byId("save-names").addEventListener("click", () => download("names.toml", "application/toml", namesToml()));
