// @ts-check
/** Starts what a page needs; every page works without it for finding and looking. */

import { searchBox } from "./combobox.js";
import { showHistory, undo } from "./decide.js";
import { $ } from "./dom.js";
import { help, on } from "./keyboard.js";
import * as live from "./live.js";

/** @type {Record<string, () => Promise<{start: () => void}>>} */
const PAGES = {
  search: () => import("./search.js"),
  photo: () => import("./photo.js"),
  review: () => import("./review.js"),
  status: () => import("./status.js"),
};

const go = (/** @type {string} */ path) => () => location.assign(path);

if ($("#q")) {
  searchBox();
  on("any", {
    search: () => { $("#q").focus(); $("#q").select(); },
    help, undo: () => { undo(); }, history: showHistory,
    "go-groups": go("/groups"), "go-review": go("/review"), "go-keywords": go("/keywords"), "go-status": go("/status"), "go-home": go("/"),
  });
  $("#help")?.addEventListener("click", help);
}

const page = document.body.dataset.page ?? "";
PAGES[page]?.().then((module) => module.start()).then(() => {
  document.documentElement.classList.add("ready");
});
if (!PAGES[page]) document.documentElement.classList.add("ready");
if ("live" in document.body.dataset) live.start();
