// @ts-check
/** The status page: numbers that move, and another try for what failed. */

import { get, post } from "./api.js";
import { $, $$, count, say, t, toast } from "./dom.js";
import { live } from "./live.js";

export function start() {
  live.addEventListener("progress", (event) => show(/** @type {CustomEvent} */ (event).detail));
  live.addEventListener("away", (event) => {
    $("#away").hidden = !(/** @type {CustomEvent} */ (event).detail);
  });
  for (const kind of ["tagged", "failed"]) live.addEventListener(kind, soon);
  for (const button of $$("[data-post]")) button.addEventListener("click", () => act(button));
}

let waiting = 0;

/** Ask for the whole picture at most once a second. */
function soon() {
  if (waiting) return;
  waiting = window.setTimeout(async () => {
    waiting = 0;
    const status = await get("/status").catch(() => null);
    if (status) show(status);
  }, 1000);
}

/** @param {any} status */
function show(status) {
  const counts = status.counts ?? status;
  for (const place of $$("[data-count]")) {
    const value = counts[place.dataset.count] ?? status[place.dataset.count];
    if (value != null) place.textContent = count(Math.round(value * 10) / 10);
  }
  const [pending, tagged] = [(counts.pending ?? 0) + (counts.leased ?? 0), counts.tagged ?? 0];
  const bar = $("#done");
  bar.max = Math.max(1, pending + tagged);
  bar.value = tagged;
  $("#left").textContent = pending ? t("js.left", { n: pending }) : t("js.all-done");
}

/** @param {HTMLElement} button */
async function act(button) {
  const { post: path = "", body = "{}", done = "" } = button.dataset;
  try {
    await post(path, JSON.parse(body));
    toast(t(done));
    say(t(done));
    button.closest("tr")?.remove();
    soon();
  } catch (error) {
    toast(/** @type {Error} */ (error).message);
  }
}
