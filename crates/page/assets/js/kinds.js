// ---- kinds: names, counts and a day-by-hour picture of each ----
const kindCards = (() => {
  const root = byId("kind-cards");
  if (!root) return {};
  const days = recordedDays();
  const WEEKLY = days.length > 62;

  /** Days with images, as their first millisecond. */
  function recordedDays() {
    const found = new Set();
    for (const [from, to] of data.segments) for (let d = Math.floor(from / DAY); d * DAY < to; d++) found.add(d);
    return [...found].sort((a, b) => a - b).map((d) => d * DAY);
  }
  const rowOf = (day) => (WEEKLY ? Math.floor((day / DAY + 3) / 7) : day / DAY);
  const rows = [...new Set(days.map(rowOf))];
  const rowIndex = new Map(rows.map((r, i) => [r, i]));
  /** Share of every hour that was recorded, by row. */
  const recorded = rows.map(() => new Float32Array(24));
  for (const [from, to] of data.segments) {
    for (let h = Math.floor(from / HOUR); h * HOUR < to; h++) {
      const i = rowIndex.get(rowOf(Math.floor((h * HOUR) / DAY) * DAY));
      recorded[i][h % 24] += (Math.min(to, (h + 1) * HOUR) - Math.max(from, h * HOUR)) / HOUR;
    }
  }

  function picture(members, kind) {
    const cells = rows.map(() => new Uint32Array(24));
    for (const e of members) {
      const h = Math.floor(e.peak / HOUR), i = rowIndex.get(rowOf(Math.floor((h * HOUR) / DAY) * DAY));
      if (i !== undefined) cells[i][h % 24]++;
    }
    const most = Math.max(1, ...cells.map((r) => Math.max(...r)));
    const hours = new Array(24).fill(0);
    cells.forEach((r) => r.forEach((n, h) => { hours[h] += n; }));
    const busiest = hours.indexOf(Math.max(...hours));
    const canvas = element("canvas", { role: "img", "aria-label": `Events by ${WEEKLY ? "week" : "day"} and hour of the day, UTC; most between ${pad(busiest)} and ${pad((busiest + 1) % 24)} h` });
    const height = Math.max(4, Math.min(14, 160 / rows.length));
    canvas.style.height = `${Math.ceil(rows.length * height) + 18}px`;
    requestAnimationFrame(() => {
      const { g, width } = prepare(canvas), left = 42, w = (width - left) / 24;
      const paper = toLab(rgb(css("--card"))), ink = toLab(rgb(kindColor(kind)));
      g.font = "11px system-ui, sans-serif"; g.fillStyle = css("--soft");
      cells.forEach((r, i) => r.forEach((n, h) => {
        const share = n ? 0.25 + 0.75 * Math.sqrt(n / most) : 0;
        g.fillStyle = recorded[i][h] > 0 ? `rgb(${fromLab(paper.map((v, c) => v + (ink[c] - v) * share)).join(" ")})` : css("--absent");
        g.fillRect(left + h * w, i * height, w - 1, height - (height > 5 ? 1 : 0));
      }));
      g.fillStyle = css("--soft"); g.textBaseline = "middle"; g.textAlign = "right";
      const every = Math.ceil(12 / height);
      rows.forEach((r, i) => { if (i % every === 0) g.fillText(isoDay(WEEKLY ? (r * 7 - 3) * DAY : r * DAY).slice(5), left - 5, i * height + height / 2); });
      g.textAlign = "center"; g.textBaseline = "top";
      for (const h of [0, 6, 12, 18]) g.fillText(pad(h), left + (h + 0.5) * w, rows.length * height + 4);
    });
    return canvas;
  }

  const middle = (values) => { const v = values.filter((x) => x !== null && Number.isFinite(x)).sort((a, b) => a - b); return v.length ? v[v.length >> 1] : null; };
  function facts(members) {
    const rise = middle(members.map((e) => e.rise)), speed = middle(members.map((e) => (e.speed === null ? null : Math.abs(e.speed))));
    const parts = [`typically ${span(middle(members.map((e) => e.to - e.from)))}`];
    if (fibre) parts.push(`${middle(members.map((e) => e.km1 - e.km0)).toFixed(1)} km`);
    if (speed !== null) parts.push(`${speed.toFixed(0)} m/s`);
    if (rise !== null) parts.push(`${signed(rise)} dB`);
    return parts.join(", ");
  }

  function card(kind) {
    const members = events.filter((e) => e.kind === kind), first = members[0], last = members[members.length - 1];
    const input = element("input", { type: "text", value: names.get(kind) || "", placeholder: `${numberWord} ${kind}`, maxlength: 60, "data-name": kind, "aria-label": `Name of ${numberWord} ${kind}`,
      oninput: () => { rename(kind, input.value); changed("names"); } });
    const strongest = members.reduce((a, b) => (b.score > a.score ? b : a));
    const show = element("button", { type: "button", class: "button", onclick: () => openEvent(strongest, show) }, "Strongest");
    const only = element("button", { type: "button", class: "button", onclick: () => { state.filter.kinds = new Set([kind]); changed("filter"); byId("events").scrollIntoView(); } }, "Only these");
    return element("article", { class: "card", "data-kind": kind },
      element("div", { class: "card-head" }, symbolOf(kind, 18), fibre ? input : element("h3", {}, kindName(kind)), element("span", { class: "tally" }, String(members.length))),
      element("p", { class: "small" }, [seldom(members.length), facts(members)].filter(Boolean).join("; ")),
      element("p", { class: "soft small" }, members.length > 1 ? `first ${dateTime(first.from, false)}, last ${dateTime(last.from, false)}` : dateTime(first.from, false)),
      picture(members, kind), element("div", { class: "bar no-print" }, show, only));
  }

  function draw() {
    const order = kindNumbers.slice().sort((a, b) => kindCounts.get(a) - kindCounts.get(b) || a - b);
    root.replaceChildren(...order.map(card));
  }
  onChange((what) => {
    if (what.has("theme")) draw();
    // Cards are not drawn again while a name is typed; those that are ignored fade.
    for (const c of root.children) c.classList.toggle("ignored", isIgnored(Number(c.dataset.kind)));
  });
  return { draw };
})();
