// ---- detail: one event or one moment, opened ----
const detail = (() => {
  const dialog = byId("detail"), canvas = byId("detail-picture"), caption = byId("detail-caption");
  let shown = null, layer = "pictures", back = null;

  function pairs(rows) {
    byId("detail-facts").replaceChildren(...rows.filter((r) => r && r[1]).flatMap(([k, v]) => [element("dt", {}, k), element("dd", {}, v)]));
  }

  function facts(e) {
    const towards = e.speed === null ? "" : `${Math.abs(e.speed).toFixed(1)} m/s (${(Math.abs(e.speed) * 3.6).toFixed(0)} km/h) towards ${e.speed < 0 ? "smaller" : "larger"} distance`;
    pairs([
      ["Time", `${dateTime(e.from)} to ${clockTime(e.to, true)} UTC, ${span(e.to - e.from)}`],
      ["Local time", localTime(e.from)],
      fibre ? ["Place", `${kmRange(e)}, strongest at ${e.peak_km.toFixed(2)} km, ${clockTime(e.peak, true)}`] : null,
      ["Rise", e.rise === null ? "" : `${signed(e.rise, 1)} dB over the place’s normal`],
      ["Speed", towards],
      ["Score", `${e.score.toFixed(1)}${data.threshold ? ` (listed from ${data.threshold.toFixed(1)})` : ""}`],
      ["Kind", `${kindName(e.kind)}, ${count(kindCounts.get(e.kind), "event", "events")}`],
      ["Found as", PATH_WORDS[e.path]],
      ["Image", e.file ? element("bdi", { class: "file" }, e.file) : ""],
      ["State", e.provisional ? "provisional: later images may change it" : ""],
    ]);
  }

  function draw() {
    if (!dialog.open || !shown) return;
    const { e, from, to, peak } = shown;
    if (!fibre) {
      if (traces.length) { drawWaveforms(canvas, e || { from, to, kind: -1 }); caption.textContent = "Waveforms before, during (shaded) and after it."; }
      canvas.parentElement.hidden = !traces.length;
      return;
    }
    const range = waterfallSpan(from, to, peak);
    const held = pictures.some((p) => p.time + data.image > range[0] && p.time < range[1]);
    const choices = [held ? "pictures" : null, grids.level ? "level" : null].filter(Boolean);
    canvas.parentElement.hidden = choices.length === 0;
    if (!choices.length) return;
    const use = choices.includes(layer) ? layer : choices[0];
    drawWaterfall(canvas, range, use, e, draw);
    const inside = e ? "The frame marks the event; the images before and after it are shown too." : "";
    const button = choices.length > 1 ? element("button", { type: "button", class: "link", id: "detail-layer", onclick: () => { layer = use === "level" ? "pictures" : "level"; draw(); byId("detail-layer").focus(); } },
      use === "level" ? "Show the pictures" : "Show the level over normal") : null;
    const why = held ? "" : `The page keeps pictures of the events that rank highest; this is the level over the place’s normal, ${span(grids.level.step)} per step. `;
    caption.replaceChildren(why, inside, " ", button || "");
    canvas.setAttribute("aria-label", `${use === "level" ? "Level over normal" : "Waterfall"} from ${dateTime(range[0])} to ${clockTime(range[1], true)} UTC, ${fibreKm[0]} to ${fibreKm[1]} km${e ? "; the event is framed" : ""}`);
  }

  function show(title, reason, what, opener) {
    shown = what;
    if (opener) back = opener;
    byId("detail-title").replaceChildren(...title);
    byId("detail-reason").textContent = reason;
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    draw();
  }

  function openEvent(e, opener) {
    selectEvent(e);
    const order = orderedEvents(), at = order.indexOf(e);
    byId("detail-previous").disabled = at <= 0;
    byId("detail-next").disabled = at < 0 || at >= order.length - 1;
    byId("detail-place").textContent = at >= 0 ? `${at + 1} of ${order.length} in the list’s order; arrow keys go on` : "";
    facts(e);
    show([symbolOf(e.kind, 20), ` Event ${e.event}: ${kindName(e.kind)}`], e.reason, { e, from: e.from, to: e.to, peak: e.peak }, opener);
  }

  function openMoment(ms, km) {
    const picture = pictureAt(ms);
    if (!picture && fibre) {
      byId("map-status").textContent = map.cursorWords(ms, km).join(", ");
      return;
    }
    state.selected = null;
    changed("select");
    byId("detail-previous").disabled = byId("detail-next").disabled = true;
    byId("detail-place").textContent = "";
    const score = map.cursorWords(ms, km).slice(1).join(", ");
    pairs([["Time", `${dateTime(ms)} UTC`], ["Local time", localTime(ms)], ["There", score], ["Image", picture ? element("bdi", { class: "file" }, picture.file) : ""]]);
    show([dateTime(ms, false)], "", { e: null, from: ms, to: ms + 1, peak: ms }, map.canvas);
  }

  function walk(by) {
    const order = orderedEvents(), at = shown && shown.e ? order.indexOf(shown.e) : -1;
    const next = order[at + by];
    if (at >= 0 && next) openEvent(next);
  }

  byId("detail-previous").addEventListener("click", () => walk(-1));
  byId("detail-next").addEventListener("click", () => walk(1));
  byId("detail-close").addEventListener("click", () => dialog.close());
  byId("detail-map").addEventListener("click", () => {
    const { e, from } = shown;
    back = map.canvas;
    dialog.close();
    if (e) zoomToEvent(e); else setTimes(from - 1.5 * data.image, from + 1.5 * data.image);
    byId("map-section").scrollIntoView();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = { ArrowLeft: -1, p: -1, ArrowRight: 1, n: 1 }[event.key];
    if (by) { event.preventDefault(); walk(by); }
  });
  dialog.addEventListener("close", () => {
    shown = null;
    if (back && document.contains(back)) back.focus({ preventScroll: true });
    back = null;
  });
  onChange(draw);
  onWidth(dialog, draw);
  return { openEvent, openMoment };
})();

function openEvent(e, opener) { detail.openEvent(e, opener); }
function openMoment(ms, km) { detail.openMoment(ms, km); }
