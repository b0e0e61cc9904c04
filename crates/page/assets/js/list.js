// ---- list: events grouped by kind, rarest first, or in one order ----
const kindCounts = new Map();
const kindFirst = new Map();
for (const e of events) {
  kindCounts.set(e.kind, (kindCounts.get(e.kind) || 0) + 1);
  if (!kindFirst.has(e.kind)) kindFirst.set(e.kind, e);
}
const ORDERS = {
  score: (a, b) => b.score - a.score,
  time: (a, b) => a.from - b.from,
  rise: (a, b) => (b.rise ?? -Infinity) - (a.rise ?? -Infinity),
  place: (a, b) => a.km0 - b.km0,
  // The first of its kind leads its group, then the strongest.
  rarity: (a, b) => kindCounts.get(a.kind) - kindCounts.get(b.kind) || a.kind - b.kind || (kindFirst.get(b.kind) === b) - (kindFirst.get(a.kind) === a) || b.score - a.score,
};

/** The shown events in the list's order: what previous and next go through. */
const orderedEvents = () => shownEvents().slice().sort((a, b) => ORDERS[state.sort](a, b) || a.from - b.from);

/** How often a kind was seen, in words. */
function seldom(n) {
  if (n === 1) return `seen once in ${span(recordedMs)}`;
  const days = recordedMs / DAY;
  return days >= 2 ? `${(n / days).toFixed(n / days < 3 ? 1 : 0)} a day` : "";
}

/** A small picture of an event's image, or nothing. */
function thumbnail(e, width = 96) {
  const picture = pictureAt(e.peak) || pictureAt(e.from);
  if (!picture) return null;
  const img = element("img", { alt: "", width, height: Math.round(width * 0.36), loading: "lazy", decoding: "async" });
  img.src = picture.src;
  return img;
}

const list = (() => {
  const root = byId("list");
  if (!root) return {};
  const FIRST = 5, MORE = 50;
  const open = new Map();

  const COLUMNS = fibre ? ["", "Time (UTC)", "What", "Place", "Rise", "Score"] : ["", "Time (UTC)", "What", "Score"];
  function row(e) {
    const number = element("button", { type: "button", class: "number-button", "aria-label": `Open event ${e.event}`, onclick: (ev) => { ev.stopPropagation(); openEvent(e, number); } }, String(e.event));
    const first = kindFirst.get(e.kind) === e && kindCounts.get(e.kind) > 1 ? element("span", { class: "badge" }, "first of its kind") : null;
    const when = element("td", { "data-label": "Time" }, element("span", { class: "nowrap" }, dateTime(e.from)), element("span", { class: "soft small nowrap" }, ` for ${span(e.to - e.from)}`),
      state.local ? element("div", { class: "soft small" }, localTime(e.from)) : null);
    const what = element("td", { "data-label": "What", class: "what" }, element("span", { class: "kind-name nowrap" }, symbolOf(e.kind), ` ${kindName(e.kind)}`), first,
      e.provisional ? element("span", { class: "badge" }, "provisional") : null, element("div", { class: "soft small" }, e.reason));
    const cells = [element("td", { class: "lead-cell" }, number, thumbnail(e)), when, what];
    if (fibre) {
      cells.push(element("td", { "data-label": "Place", class: "number nowrap" }, kmRange(e)));
      cells.push(element("td", { "data-label": "Rise", class: "number nowrap" }, e.rise === null ? "–" : `${signed(e.rise, 1)} dB`));
    }
    cells.push(element("td", { "data-label": "Score", class: "number" }, e.score.toFixed(1)));
    return element("tr", { "data-event": e.event, class: e === state.selected ? "selected" : undefined, onclick: () => openEvent(e, number) }, cells);
  }

  function table(rows, caption) {
    return element("table", { class: "events stack" }, element("caption", { class: "skip" }, caption),
      element("thead", {}, element("tr", {}, COLUMNS.map((c) => element("th", { scope: "col", class: ["Place", "Rise", "Score"].includes(c) ? "number" : undefined }, c || element("span", { class: "skip" }, "Number"))))),
      element("tbody", {}, rows.map(row)));
  }

  function more(key, shown, all, step) {
    if (shown >= all) return null;
    const next = Math.min(all - shown, step);
    return element("button", { type: "button", class: "button no-print", "data-more": key, onclick: () => { open.set(key, shown + next); draw(); byId("list").querySelector(`[data-more="${key}"]`)?.focus(); } },
      next < all - shown ? `Show ${next} more of ${all - shown}` : `Show the other ${all - shown}`);
  }

  function group(kind, members) {
    const shown = Math.min(members.length, open.get(`kind ${kind}`) || FIRST), n = kindCounts.get(kind);
    const of = members.length === n ? String(n) : `${members.length} of ${n}`;
    const words = [seldom(n), n > 1 ? `first ${dateTime(kindFirst.get(kind).from, false)}` : ""].filter(Boolean).join(", ");
    return element("section", { class: "group", "aria-label": kindName(kind) },
      element("h3", {}, symbolOf(kind, 16), ` ${kindName(kind)} `, element("span", { class: "tally" }, of), words ? element("span", { class: "soft small" }, ` ${words}`) : null),
      table(members.slice(0, shown), `Events of ${kindName(kind)}`), more(`kind ${kind}`, shown, members.length, MORE));
  }

  function draw() {
    const ordered = orderedEvents(), total = events.filter((e) => !isIgnored(e.kind)).length;
    const thing = fibre ? ["event", "events"] : ["unusual span", "unusual spans"];
    byId("count").textContent = (ordered.length === total ? count(total, ...thing) : `${ordered.length} of ${count(total, ...thing)}`)
      + (events.length > total ? `, ${events.length - total} ignored` : "");
    if (state.sort === "rarity") {
      const groups = new Map();
      for (const e of ordered) { if (!groups.has(e.kind)) groups.set(e.kind, []); groups.get(e.kind).push(e); }
      root.replaceChildren(...[...groups].map(([kind, members]) => group(kind, members)));
    } else {
      const shown = Math.min(ordered.length, open.get("all") || MORE);
      const button = more("all", shown, ordered.length, 2 * MORE);
      root.replaceChildren(...(shown ? [table(ordered.slice(0, shown), "Events")] : []), ...(button ? [button] : []));
    }
    if (!ordered.length) root.replaceChildren(element("p", { class: "note" }, "No event fits the filters."));
  }

  onChange((what) => {
    if (what.has("filter") || what.has("names") || what.has("theme") || what.has("zone") || (what.has("view") && state.filter.map)) return draw();
    if (what.has("select")) for (const r of root.querySelectorAll("tr[data-event]")) r.classList.toggle("selected", state.selected && Number(r.dataset.event) === state.selected.event);
    return undefined;
  });
  return { draw };
})();

// ---- highlights: what was seen once, then the strongest of each remaining kind ----
const highlights = (() => {
  const root = byId("highlights");
  function draw() {
    const listed = events.filter((e) => !isIgnored(e.kind));
    const best = new Map();
    for (const e of listed) if (!best.has(e.kind) || e.score > best.get(e.kind).score) best.set(e.kind, e);
    const chosen = [...best.values()].sort((a, b) => (kindCounts.get(b.kind) === 1) - (kindCounts.get(a.kind) === 1) || kindCounts.get(a.kind) - kindCounts.get(b.kind) || b.score - a.score).slice(0, 3);
    root.replaceChildren(...chosen.map((e) => {
      const n = kindCounts.get(e.kind);
      const eyebrow = n === 1 ? seldom(1) : `strongest of ${n}`;
      const button = element("button", { type: "button", class: "highlight", onclick: () => openEvent(e, button) },
        thumbnail(e, 132), element("span", {}, element("span", { class: "soft small" }, eyebrow),
          element("strong", {}, symbolOf(e.kind), ` ${kindName(e.kind)}`), element("span", { class: "nowrap" }, dateTime(e.from)), element("span", { class: "soft small" }, e.reason)));
      return element("li", {}, button);
    }));
    root.hidden = chosen.length === 0;
  }
  onChange((what) => { if (what.has("names") || what.has("theme")) draw(); });
  return { draw };
})();
