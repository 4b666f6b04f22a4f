// @ts-check
/** The slider beside a grid by date: it addresses months, not pixels, and reaches every photo. */

import { $$, el, lang, t } from "./dom.js";

/** @typedef {import("./grid.js").Grid} Grid */

export class Scrubber {
  /** @param {HTMLElement} host @param {Grid} grid */
  constructor(host, grid) {
    this.host = host;
    this.grid = grid;
    this.thumb = el("div", { class: "thumb" });
    this.height = 0;
    this.marked = { sections: 0, extent: 1 };
    this.tip = el("div", { class: "tip", "aria-hidden": "true" });
    host.append(this.thumb, this.tip);
    for (const [name, value] of Object.entries({ role: "slider", tabindex: "0", "aria-orientation": "vertical",
      "aria-label": t("js.scrubber"), "aria-valuemin": "0" })) host.setAttribute(name, value);
    grid.addEventListener("measured", () => this._measured());
    grid.addEventListener("drawn", () => this._follow());
    host.addEventListener("pointerdown", (event) => this._grab(event));
    host.addEventListener("pointermove", (event) => this._hover(event));
    host.addEventListener("pointerleave", () => this._follow());
    for (const name of ["pointerup", "pointercancel"]) {
      host.addEventListener(name, () => { this.host.classList.remove("held"); this._follow(); });
    }
    host.addEventListener("keydown", (event) => this._key(event));
    addEventListener("resize", () => this._marks());
  }

  /** A month that is loaded changes the extent by little: marks stay until that is seen. */
  _measured() {
    const { sections, extent } = this.grid;
    const isSame = sections.length === this.marked.sections && Math.abs(extent / this.marked.extent - 1) < 0.01;
    if (!isSame) this._marks();
  }

  /** Years at their places, as many as there is room for. */
  _marks() {
    for (const old of $$(".year, .dot", this.host)) old.remove();
    const { sections, extent } = this.grid;
    this.host.hidden = sections.length < 2;
    this.height = this.host.clientHeight;
    this.marked = { sections: sections.length, extent };
    this.host.setAttribute("aria-valuemax", String(Math.max(0, sections.length - 1)));
    let [year, free] = ["", -Infinity];
    const marks = [];
    for (const section of sections) {
      const y = ((section.top ?? 0) / extent) * this.height;
      const named = section.key.slice(0, 4);
      const isYear = /^\d{4}$/.test(named) && named !== year && y >= free && y < this.height - 10;
      const mark = isYear ? el("span", { class: "year", text: named }) : el("span", { class: "dot" });
      if (isYear) [year, free] = [named, y + 26];
      else if (y < free - 16) continue;
      mark.style.top = `${Math.max(8, y)}px`;
      marks.push(mark);
    }
    this.host.prepend(...marks);
    this._follow();
  }

  /** @param {number} top in virtual pixels */
  _section(top) {
    const { sections } = this.grid;
    const after = sections.findIndex((section) => (section.top ?? 0) > top + 1);
    return after < 0 ? sections.length - 1 : Math.max(0, after - 1);
  }

  /** Show where the grid is. */
  _follow() {
    const { grid } = this;
    if (!grid.sections.length || this.host.classList.contains("held")) return;
    this._show(Math.max(0, grid.top), this._section(Math.max(0, grid.top + 80)));
  }

  /** @param {number} top @param {number} n */
  _show(top, n) {
    const section = this.grid.sections[n];
    const y = Math.min(1, top / Math.max(1, this.grid.extent - this.grid.view * 0.5)) * this.height;
    this.thumb.style.transform = `translateY(${y}px)`;
    this.tip.style.transform = `translateY(calc(${y}px - 50%))`;
    this.tip.textContent = section.title;
    this.host.setAttribute("aria-valuenow", String(n));
    this.host.setAttribute("aria-valuetext", `${section.title}, ${t("js.photos", { n: section.count })}`);
  }

  /** @param {PointerEvent} event */
  _place(event) {
    const box = this.host.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientY - box.top) / box.height));
    return share * Math.max(1, this.grid.extent - this.grid.view * 0.5);
  }

  /** @param {PointerEvent} event */
  _grab(event) {
    if (event.button) return;
    this.host.setPointerCapture(event.pointerId);
    this.host.classList.add("held");
    this._drag(event);
  }

  /** @param {PointerEvent} event */
  _drag(event) {
    const top = this._place(event);
    this.grid.scrollTo(top);
    this._show(top, this._section(top));
  }

  /** @param {PointerEvent} event */
  _hover(event) {
    if (this.host.classList.contains("held")) return this._drag(event);
    const top = this._place(event);
    const y = (top / Math.max(1, this.grid.extent - this.grid.view * 0.5)) * this.height;
    this.tip.style.transform = `translateY(calc(${y}px - 50%))`;
    this.tip.textContent = this.grid.sections[this._section(top)]?.title ?? "";
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const { sections, top } = this.grid;
    const n = this._section(Math.max(0, top + 80));
    const year = (/** @type {number} */ by) => {
      let at = n;
      const now = sections[n].key.slice(0, 4);
      while (sections[at + by] && sections[at].key.slice(0, 4) === now) at += by;
      return at;
    };
    /** @type {Record<string, () => number>} */
    const moves = { ArrowUp: () => n - 1, ArrowLeft: () => n - 1, ArrowDown: () => n + 1, ArrowRight: () => n + 1,
      PageUp: () => year(-1), PageDown: () => year(1), Home: () => 0, End: () => sections.length - 1 };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const to = Math.min(sections.length - 1, Math.max(0, move()));
    this.grid.scrollTo((sections[to].top ?? 0) - 72);
    this._show(Math.max(0, this.grid.top), to);
  }
}

/** @param {string} key a month, such as 2013-05, or "none" @returns {string} */
export function titleOf(key) {
  const found = /^(\d{4})-(\d{2})$/.exec(key);
  if (!found) return t("js.undated");
  const title = new Date(Date.UTC(Number(found[1]), Number(found[2]) - 1, 1))
    .toLocaleDateString(lang, { month: "long", year: "numeric", timeZone: "UTC" });
  return title.charAt(0).toLocaleUpperCase(lang) + title.slice(1);
}
