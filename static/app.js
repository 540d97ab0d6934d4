// What the browser does beyond forms and links. Every page works without it.

const SECOND = 1000;
// Twice within the two seconds in which a call must show, with time to spare for the answer.
const TICK = 0.75 * SECOND;
const SLOW = 6;

// What only a script can do is shown by one.
for (const one of document.querySelectorAll("[data-needs-script]")) one.hidden = false;

// The clock of live parts: "tick" soon and often, "slow-tick" each sixth time, and only while somebody looks.
let ticks = 0;
const tick = () => {
  if (document.visibilityState !== "visible") return;
  document.body.dispatchEvent(new CustomEvent("tick"));
  if (ticks++ % SLOW === 0) document.body.dispatchEvent(new CustomEvent("slow-tick"));
};
setInterval(tick, TICK);
document.addEventListener("visibilitychange", () => {
  ticks = 0;
  tick();
});

// Copy buttons say for a moment that they did it; where the clipboard is closed, the text is marked instead.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  const label = button.querySelector("span");
  const before = label.textContent;
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    label.textContent = button.dataset.done;
    setTimeout(() => (label.textContent = before), 2 * SECOND);
  } catch {
    getSelection().selectAllChildren(source);
  }
});

// Rows that arrive at the top of a live list push the rest down. Somebody who reads in the list, or has scrolled
// into it, keeps their place; a list that grew too long loses its oldest rows.
let kept = null;
const reads = (list) =>
  list.matches(":hover") || list.contains(document.activeElement) || list.getBoundingClientRect().top < 0;

document.body.addEventListener("htmx:beforeSwap", (event) => {
  const list = event.detail.target.closest("[data-live-list]");
  if (!list || !list.rows.length || !reads(list)) return;
  const row = [...list.rows].find((one) => one.getBoundingClientRect().bottom > 0) ?? list.rows[0];
  kept = { row, top: row.getBoundingClientRect().top };
});

document.body.addEventListener("htmx:afterSwap", (event) => {
  const list = event.detail.target.closest("[data-live-list]");
  if (!list) return;
  // A call that is settled anew comes again: its older row goes.
  const ids = new Set();
  for (const row of [...list.rows]) ids.has(row.id) ? row.remove() : ids.add(row.id);
  while (list.rows.length > Number(list.dataset.liveList)) list.rows[list.rows.length - 1].remove();
  if (kept?.row.isConnected) scrollBy(0, kept.row.getBoundingClientRect().top - kept.top);
  kept = null;
});

// A part that is replaced keeps the details its reader had opened.
let open = [];
document.body.addEventListener("htmx:beforeSwap", (event) => {
  open = [...event.detail.target.querySelectorAll("details[open][id]")].map((one) => one.id);
});
document.body.addEventListener("htmx:afterSwap", () => {
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  open = [];
});

// An error is shown where it says itself that it belongs. What does not say so is not from our pages: while the
// portal restarts, whoever stands in front of it answers.
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Retarget")) event.detail.shouldSwap = true;
});
document.body.addEventListener("htmx:afterRequest", (event) => {
  const { status } = event.detail.xhr;
  document.body.classList.toggle("offline", status === 0 || status >= 500);
});
