// @ts-check
/** Completion of the word that is being typed (ARIA 1.2 combobox with a list). */

import { get } from "./api.js";
import { $, count, el, say, t } from "./dom.js";

let made = 0;

/**
 * @param {HTMLInputElement} input
 * @param {{whole?: boolean, recent?: () => string[], accept?: (text: string) => void, leave?: () => void}} [options] `whole`:
 *   the text is one keyword, not a query; `recent`: what to offer while it is empty; `accept`: called when one is
 *   chosen; `leave`: called by Esc while nothing is offered
 */
export function combobox(input, { whole = false, recent, accept, leave = () => input.blur() } = {}) {
  const list = el("div", { class: "complete", role: "listbox", id: `complete-${++made}`, "aria-label": t("js.completions"), hidden: true });
  /** @type {{text: string, label: string, photos: number | null}[]} */
  let found = [];
  let at = -1;
  /** @type {AbortController | undefined} */
  let asking;
  input.after(list);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-expanded": "false", "aria-controls": list.id,
    "aria-autocomplete": "list", autocomplete: "off" })) input.setAttribute(name, value);

  const close = () => {
    list.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };

  const mark = (/** @type {number} */ n) => {
    at = n;
    for (const [index, option] of [...list.children].entries()) option.setAttribute("aria-selected", String(index === n));
    if (n < 0) return input.removeAttribute("aria-activedescendant");
    list.children[n].scrollIntoView({ block: "nearest" });
    return input.setAttribute("aria-activedescendant", list.children[n].id);
  };

  const choose = (/** @type {number} */ n) => {
    input.value = found[n].text;
    close();
    accept?.(input.value);
    input.focus();
  };

  const show = () => {
    list.replaceChildren(...found.map((each, n) => el("div", { role: "option", id: `${list.id}-${n}`, "aria-selected": "false",
      pointerdown: (/** @type {Event} */ event) => event.preventDefault(), click: () => choose(n) },
      el("bdi", { text: each.label }),
      each.photos == null ? null : el("span", { class: "soft number", text: count(each.photos) }))));
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    mark(-1);
    if (found.length) say(t("js.n-completions", { n: found.length }));
  };

  const look = async () => {
    asking?.abort();
    const text = input.value.slice(0, input.selectionStart ?? input.value.length);
    if (!text.trim()) {
      found = (recent?.() ?? []).map((each) => ({ text: each, label: each, photos: null }));
      return show();
    }
    asking = new AbortController();
    try {
      const answer = await get("/complete", whole ? { text: `"${text.trim()}` } : { text: input.value, at: text.length }, asking.signal);
      const rest = input.value.slice(text.length);
      found = answer.completions.map((/** @type {any} */ each) => ({
        text: whole ? each.word : each.text + rest, label: each.word === each.tag ? each.word : `${each.word} (${each.tag})`, photos: each.photos }));
      return show();
    } catch (error) {
      if (/** @type {Error} */ (error).name !== "AbortError") close();
      return undefined;
    }
  };

  input.addEventListener("input", look);
  input.addEventListener("focus", () => { if (!input.value && recent) look(); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (list.hidden) leave();
      if (!list.hidden) event.preventDefault();
      close();
      event.stopPropagation();
    } else if (list.hidden || !found.length) {
      if (event.key === "ArrowDown") { event.preventDefault(); look(); }
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      mark(((at + step + 1 + found.length + 1) % (found.length + 1)) - 1);
    } else if (event.key === "Enter" && at >= 0) {
      event.preventDefault();
      choose(at);
    }
  });
  return { close };
}

const RECENT = "kadr.recent";

/** @returns {string[]} */
export function recentSearches() {
  try {
    const kept = JSON.parse(localStorage.getItem(RECENT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((each) => typeof each === "string").slice(0, 8) : [];
  } catch {
    return [];
  }
}

/** @param {string} text */
export function noteSearch(text) {
  if (text.trim()) localStorage.setItem(RECENT, JSON.stringify([text, ...recentSearches().filter((each) => each !== text)].slice(0, 8)));
}

/** The box on top of every page. */
export function searchBox() {
  const input = $("#q");
  if (!input) return;
  noteSearch(new URLSearchParams(location.search).get("q") ?? "");
  combobox(input, { recent: recentSearches });
  const way = $("#search [name=by]");
  $("#search").addEventListener("submit", () => {
    noteSearch(input.value);
    if (way) way.disabled = !way.value;  // an address without `by=`
  });
  addEventListener("pageshow", () => { if (way) way.disabled = false; });
}
