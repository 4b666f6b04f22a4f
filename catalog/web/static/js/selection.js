// @ts-check
/** Photos that are selected in a grid, and the bar that adds and removes keywords. */

import { get } from "./api.js";
import { combobox } from "./combobox.js";
import { decide } from "./decide.js";
import { $, ask, count, el, float, icon, say, t, toast } from "./dom.js";

/** @typedef {import("./tiles.js").Item} Item */

/** More photos than this are changed by their query, not by their ids. */
const MOST = 10_000;

export class Selection extends EventTarget {
  /** @param {HTMLElement} host the grid @param {string} query @param {() => Promise<number>} total */
  constructor(host, query, total) {
    super();
    this.host = host;
    this.query = query;
    this.total = total;
    /** @type {Set<number>} */
    this.ids = new Set();
    /** All photos of the search, by their number; 0 for those of `ids`. */
    this.all = 0;
    events(this);
  }

  get size() {
    return this.all || this.ids.size;
  }

  /** @param {number} id */
  has(id) {
    return this.all > 0 || this.ids.has(id);
  }

  /** @param {number} id */
  toggle(id) {
    this.all = 0;
    if (!this.ids.delete(id)) this.ids.add(id);
    this._changed();
  }

  /** @param {Item[]} items @param {Item[]} [instead] items that were selected by the range before */
  range(items, instead = []) {
    this.all = 0;
    for (const item of instead) this.ids.delete(item.id);
    for (const item of items) this.ids.add(item.id);
    this._changed();
  }

  clear() {
    this.ids.clear();
    this.all = 0;
    this._changed();
  }

  /** Select all of the search, if the person means it. */
  async everything() {
    const n = await this.total();
    if (!n || !(await ask(t("js.select-all"), t("js.select-all-of", { n }), t("js.select-n", { n })))) return;
    this.ids.clear();
    this.all = n;
    this._changed();
  }

  /** What a decision is about. */
  about() {
    return this.all ? { query: this.query, expect: this.all } : { photos: [...this.ids].slice(0, MOST) };
  }

  _changed() {
    this.host.classList.toggle("picking", this.size > 0);
    for (const tile of this.host.querySelectorAll(".cell")) mark(this, /** @type {HTMLElement} */ (tile));
    this._bar();
    say(this.size ? t("js.selected", { n: this.size }) : t("js.none-selected"));
    this.dispatchEvent(new Event("changed"));
  }

  _bar() {
    if (!this.size) {
      $(".bar")?.remove();
      return;
    }
    const bar = $(".bar") ?? this._makeBar();
    $("strong", bar).textContent = t("js.selected", { n: this.size });
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this._shared(), 200);
  }

  _makeBar() {
    const input = /** @type {HTMLInputElement} */ (el("input", { type: "text", "aria-label": t("js.words"), placeholder: t("js.words"), size: 16, maxlength: 200 }));
    const form = el("form", { submit: (/** @type {Event} */ event) => { event.preventDefault(); this._apply("add", input); } }, input,
      el("button", { class: "primary", text: t("js.add") }),
      el("button", { type: "button", "data-remove": true, text: t("js.remove"), click: () => this._apply("remove", input) }));
    const bar = el("div", { class: "bar", role: "region", "aria-label": t("js.selection") }, el("strong", { class: "number" }), form,
      el("span", { class: "chips", "data-shared": true }),
      el("button", { type: "button", class: "plain round", "aria-label": t("js.clear"), click: () => this.clear() }, icon("x")));
    float().append(bar);
    combobox(input, { whole: true, leave: () => this._leave() });
    return bar;
  }

  /** Focus the box of words; Enter adds, or removes. @param {"add" | "remove"} action */
  ask(action) {
    if (!this.size) return toast(t("js.select-first"));
    const input = $(".bar input");
    input.focus();
    input.onkeydown = action === "remove" ? (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter" && !event.defaultPrevented) {
        event.preventDefault();
        this._apply("remove", input);
      }
    } : null;
    input.placeholder = t(action === "remove" ? "js.words-remove" : "js.words");
    return undefined;
  }

  /** Lead back to the photos, where keys mean what they say. */
  _leave() {
    this.dispatchEvent(new Event("left"));
  }

  /** @param {"add" | "remove"} action @param {HTMLInputElement} input */
  async _apply(action, input) {
    const words = input.value.split(",").map((word) => word.trim()).filter(Boolean);
    if (!words.length) return input.focus();
    try {
      await decide(action, words, this.about());
      input.value = "";
      this._shared();
      this._leave();
    } catch (error) {
      toast(/** @type {Error} */ (error).message);
    }
    return undefined;
  }

  /** Keywords of the selected photos with how many have them: "cat 5 of 12". */
  async _shared() {
    const place = $("[data-shared]");
    if (!place || this.all || this.ids.size > 500) return place?.replaceChildren();
    const { items } = await get("/photos/labels", { ids: [...this.ids].join(",") }).catch(() => ({ items: [] }));
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const item of items) for (const word of item.keywords) counts.set(word, (counts.get(word) ?? 0) + 1);
    const top = [...counts].sort((a, b) => b[1] - a[1]).slice(0, innerWidth < 700 ? 3 : 5);
    place.replaceChildren(...top.map(([word, n]) => el("span", { class: "chip" },
      el("button", { type: "button", class: "plain", title: t("js.put-word"), click: () => { const input = $(".bar input"); input.value = word; input.focus(); } },
        el("bdi", { text: word }), el("span", { class: "count number", text: n === items.length ? t("js.all") : `${count(n)}/${count(items.length)}` })))));
  }
}

/** @param {Selection} selection @param {HTMLElement} tile */
export function mark(selection, tile) {
  const on = selection.has(Number(tile.dataset.id));
  tile.setAttribute("aria-selected", String(on));
  tile.querySelector(".pick")?.setAttribute("aria-label", t(on ? "js.unselect" : "js.select"));
}

/** Mouse and touch. @param {Selection} selection */
function events(selection) {
  const { host } = selection;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let held;
  let skip = false;
  host.addEventListener("click", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const tile = /** @type {HTMLElement | null} */ (target.closest(".cell"));
    if (!tile) return;
    const pick = target.closest(".pick");
    if (!pick && !event.shiftKey && !skip && !(selection.size && matchMedia("(pointer: coarse)").matches)) return;
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (!skip) selection.dispatchEvent(new CustomEvent("picked", { detail: { tile, range: event.shiftKey } }));
    skip = false;
  });
  host.addEventListener("pointerdown", (event) => {
    const tile = /** @type {HTMLElement} */ (event.target).closest(".cell");
    skip = false;
    if (event.pointerType !== "touch" || !tile) return;
    held = setTimeout(() => {
      skip = true;
      selection.dispatchEvent(new CustomEvent("picked", { detail: { tile, range: false } }));
    }, 450);
  });
  for (const name of ["pointerup", "pointermove", "pointercancel"]) host.addEventListener(name, () => clearTimeout(held));
  host.addEventListener("contextmenu", (event) => { if (skip) event.preventDefault(); });
}
