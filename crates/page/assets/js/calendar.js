// ---- calendar: a day or a week of a long record ----
const calendar = (() => {
  const root = byId("calendar");
  if (!axis.segments.length) return {};
  const firstDay = Math.floor(data.segments[0][0] / DAY), lastDay = Math.floor((data.segments[data.segments.length - 1][1] - 1) / DAY);
  if (lastDay - firstDay < 2) return {};
  const monday = (day) => day - ((day + 3) % 7);
  const hours = new Map();
  for (const [from, to] of data.segments) {
    for (let d = Math.floor(from / DAY); d * DAY < to; d++) hours.set(d, (hours.get(d) || 0) + (Math.min(to, (d + 1) * DAY) - Math.max(from, d * DAY)) / HOUR);
  }
  const weeks = [...new Set([...hours.keys()].map(monday))].sort((a, b) => a - b);
  root.hidden = false;
  let chosen = null;

  function choose(day, days) {
    const same = chosen && chosen[0] === day && chosen[1] === days;
    chosen = same ? null : [day, days];
    if (same) { setView(0, axis.total, fibreKm); filters.setTime(null, null); return; }
    setTimes(day * DAY, (day + days) * DAY);
    filters.setTime(day * DAY, (day + days) * DAY - 1);
  }

  function draw() {
    const counts = new Map();
    for (const e of events) {
      if (isIgnored(e.kind) || (state.filter.kinds && !state.filter.kinds.has(e.kind))) continue;
      const d = Math.floor(e.peak / DAY);
      counts.set(d, (counts.get(d) || 0) + 1);
    }
    if (chosen && state.filter.from !== chosen[0] * DAY) chosen = null;
    const most = Math.max(1, ...counts.values());
    const paper = toLab(rgb(css("--card"))), ink = toLab(rgb(css("--accent")));
    const body = weeks.map((week) => {
      const cells = Array.from({ length: 7 }, (_, i) => {
        const day = week + i, n = counts.get(day) || 0;
        if (!hours.has(day)) return element("td", {}, element("span", { class: "day absent", "aria-hidden": "true" }, isoDay(day * DAY).slice(8)));
        const share = n ? 0.06 + 0.62 * (n / most) ** 1.5 : 0, color = fromLab(paper.map((v, c) => v + (ink[c] - v) * share));
        const contrast = toLab(color)[0] > 0.62 ? "#10151a" : "#ffffff";
        return element("td", {}, element("button", { type: "button", class: "day", "data-day": isoDay(day * DAY), "aria-pressed": String(Boolean(chosen && chosen[0] === day && chosen[1] === 1)),
          style: `background:rgb(${color.join(" ")});color:${contrast}`,
          "aria-label": `${isoDay(day * DAY)}: ${count(n, "event", "events")}, ${hours.get(day).toFixed(0)} h recorded`, onclick: () => choose(day, 1) },
        element("span", { class: "day-number" }, isoDay(day * DAY).slice(8)), String(n)));
      });
      const label = isoDay(week * DAY);
      return element("tr", {}, element("th", { scope: "row" }, element("button", { type: "button", class: "week", "aria-pressed": String(Boolean(chosen && chosen[0] === week && chosen[1] === 7)),
        "aria-label": `Week from ${label}`, onclick: () => choose(week, 7) }, label)), cells);
    });
    root.replaceChildren(element("div", { class: "scroll" }, element("table", { class: "calendar" }, element("caption", {}, "Events per day; choose a day or a week."),
      element("thead", {}, element("tr", {}, ["Week of", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].map((d) => element("th", { scope: "col" }, d)))), element("tbody", {}, body))));
  }
  onChange((what) => {
    if (!(what.has("filter") || what.has("names") || what.has("theme"))) return;
    const focused = document.activeElement && root.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    draw();
    if (focused) [...root.querySelectorAll("button")].find((b) => b.getAttribute("aria-label") === focused)?.focus();
  });
  return { draw };
})();
