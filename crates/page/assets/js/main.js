// ---- start ----
byId("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  changed("theme");
});
darkQuery.addEventListener("change", () => changed("theme"));
byId("zone").addEventListener("change", (event) => { state.local = event.target.value === "local"; changed("zone"); changed("view"); });
byId("copy-link").addEventListener("click", async () => {
  const text = writeLink();
  history.replaceState(null, "", text ? `#${text}` : location.pathname);
  const button = byId("copy-link");
  try { await navigator.clipboard.writeText(location.href); button.textContent = "Copied"; }
  catch { button.textContent = "Link is in the address bar"; }
  setTimeout(() => { button.textContent = "Copy link"; }, 2500);
});
for (const swatch of document.querySelectorAll(".swatch[data-cluster]")) swatch.style.background = CLUSTER_COLORS[Number(swatch.dataset.cluster) % CLUSTER_COLORS.length];

/** Takes the view from the link. */
function follow() {
  const e = location.hash.includes("=") ? readLink() : null;
  byId("zone").value = state.local ? "local" : "utc";
  ["view", "filter", "names", "zone"].forEach(changed);
  if (e) openEvent(e);
}
window.addEventListener("hashchange", () => { if (location.hash.includes("=")) follow(); });
follow();
highlights.draw?.();
kindCards.draw?.();
calendar.draw?.();

// A page that is written again while it is watched loads itself, unless something is being typed.
if (data.refresh) {
  setInterval(() => { if (!document.activeElement || !document.activeElement.matches("input, select, textarea")) location.reload(); }, data.refresh * 1000);
}
