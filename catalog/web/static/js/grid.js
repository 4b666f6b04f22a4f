// @ts-check
/**
 * A grid of any number of photos in a window of the page: rows near the view are in the document
 * (at most MAX_TILES photos), the scroll box is never higher than MAX_BOX.
 *
 * Two measures of height: *virtual* pixels, in which all photos lie one below the other, and
 * *box* pixels, in which the page scrolls. Rows are drawn at virtual + offset. Small scrolls move
 * both alike; a jump of the scroll bar is stretched; when the page is idle the box is set to where
 * the virtual view is (see _settle). So heights that become known while scrolling move nothing.
 */

import { el, t } from "./dom.js";
import { GAP, clamp, estimate, firstBelow, justify } from "./justify.js";
import { cell, dropPictures, fetchPictures } from "./tiles.js";

/** @typedef {import("./tiles.js").Item} Item */
/** @typedef {import("./justify.js").Row} Row */

/**
 * @typedef {object} Section photos under one heading, such as a month
 * @property {string} key
 * @property {string} title empty for none
 * @property {number} count
 * @property {number} sum of ratios
 * @property {Item[] | null} items null while they are not loaded
 * @property {boolean} [partial] more are to be loaded
 * @property {Row[]} [rows]
 * @property {number} [top] in virtual pixels
 * @property {number} [height]
 * @property {Promise<void> | null} [loading]
 */

/** @typedef {{section: number, index: number}} Place of a photo */

export const MAX_BOX = 4_000_000;
export const MAX_TILES = 400;
const HEADING = 52;
const IDLE_MS = 140;
/** Faster than this many views a second, pictures are not asked for. */
const FAST = 6;

export class Grid extends EventTarget {
  /**
   * @param {HTMLElement} host
   * @param {{load: (section: Section) => Promise<Item[]>, href: (item: Item) => string, target: number,
   *   decorate?: (tile: HTMLElement, item: Item) => void, more?: () => void}} options
   */
  constructor(host, options) {
    super();
    this.host = host;
    this.options = options;
    /** @type {Section[]} */
    this.sections = [];
    this.target = options.target;
    this.width = 0;
    this.extent = 0;
    this.box = 0;
    /** Virtual position of the view's upper edge; negative above the grid. */
    this.top = 0;
    this.offset = 0;
    this.last = 0;
    /** @type {Place} */
    this.at = { section: 0, index: 0 };
    /** Rows in the document; `shift` is where they are drawn. @type {Map<string, {row: HTMLElement, y: number, shift?: number}>} */
    this.drawn = new Map();
    /** The link that Tab leads to. @type {HTMLElement | null} */
    this.stop = null;
    [this.moving, this.lacking] = [false, false];
    this.speed = 0;
    this.scrolledAt = 0;
    host.setAttribute("role", "grid");
    host.setAttribute("aria-rowcount", "-1");
    host.setAttribute("aria-multiselectable", "true");
    addEventListener("scroll", () => this._scrolled(), { passive: true });
    new ResizeObserver(() => this._resized()).observe(host);
    addEventListener("resize", () => this._resized());
    host.addEventListener("focusin", (event) => this._focused(event));
  }

  /** Replace all sections, and keep the photo at the upper edge where it is. @param {Section[]} sections */
  show(sections) {
    this.host.classList.add("live");
    this._change(() => { this.sections = sections; });
  }

  /** Add photos to the end of the last section. @param {Item[]} items */
  append(items) {
    this._change(() => {
      const section = this.sections[this.sections.length - 1];
      section.items = [...(section.items ?? []), ...items];
      section.count = section.items.length;
      this._lay(section);
    });
  }

  /** @param {number} target height of rows, in pixels */
  resize(target) {
    this.target = target;
    this._change(() => { for (const section of this.sections) section.rows = undefined; }, true);
  }

  /** Draw what changed in the items. */
  refresh() {
    this._clear();
    this._draw();
  }

  get photos() {
    return this.sections.reduce((sum, section) => sum + section.count, 0);
  }

  /** @param {Place} place @returns {Item | undefined} */
  item(place) {
    return this.sections[place.section]?.items?.[place.index];
  }

  /** @returns {Item | undefined} */
  get current() {
    return this.item(this.at);
  }

  /** Loaded photos from one place to another, in either order. @param {Place} a @param {Place} b */
  between(a, b) {
    const [from, to] = a.section < b.section || (a.section === b.section && a.index <= b.index) ? [a, b] : [b, a];
    const found = [];
    for (let n = from.section; n <= to.section; n++) {
      const items = this.sections[n].items ?? [];
      found.push(...items.slice(n === from.section ? from.index : 0, n === to.section ? to.index + 1 : items.length));
    }
    return found;
  }

  /** @param {number} id @returns {Place | null} where a loaded photo is */
  find(id) {
    for (const [section, { items }] of this.sections.entries()) {
      const index = items?.findIndex((item) => item.id === id) ?? -1;
      if (index >= 0) return { section, index };
    }
    return null;
  }

  /* Geometry */

  /** @param {() => void} change @param {boolean} [anew] */
  _change(change, anew = false) {
    const anchor = this.top > 0 ? this._anchor() : null;
    change();
    this._measure();
    this.last = scrollY - (this.start ?? 0);
    this.top = anchor ? this._position(anchor) : this.last;
    this.offset = this.last - this.top;
    if (anchor) this._settleSoon();
    if (anew) this._clear();
    this._draw();
  }

  /** @param {Section} section */
  _lay(section) {
    const head = section.title ? HEADING : 0;
    if (section.items) {
      const { rows, height } = justify(section.items.map((item) => item.ratio), this.width, this.target);
      section.rows = rows;
      section.height = head + height;
      const missing = section.count - section.items.length;
      if (section.partial && missing > 0) section.height += estimate(missing * 1.4, this.width, this.target);
    } else {
      section.rows = undefined;
      section.height = head + estimate(section.sum, this.width, this.target);
    }
  }

  _measure() {
    const scrubbed = this.host.getBoundingClientRect();
    const style = getComputedStyle(this.host);
    this.width = this.host.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    this.start = scrubbed.top + scrollY;
    let top = 0;
    for (const section of this.sections) {
      if (!section.rows || !section.height) this._lay(section);
      section.top = top;
      top += section.height ?? 0;
    }
    this.extent = top;
    this.box = Math.min(this.extent, MAX_BOX - 2000);
    this.host.style.height = `${this.box}px`;
    this.dispatchEvent(new Event("measured"));
  }

  _resized() {
    const before = this.width;
    const style = getComputedStyle(this.host);
    const now = this.host.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    this.start = this.host.getBoundingClientRect().top + scrollY;
    if (now === before || !this.sections.length) return this._draw();
    const anchor = this.top > 0 ? this._anchor() : null;
    for (const section of this.sections) section.rows = undefined;
    this._measure();
    this._clear();
    if (anchor) this._jump(this._position(anchor));
    else this._draw();
  }

  /** The photo at the upper edge of the view. */
  _anchor() {
    const n = Math.max(0, this.sections.findIndex((each) => (each.top ?? 0) + (each.height ?? 0) > this.top));
    const section = this.sections[n];
    const within = this.top - (section?.top ?? 0) - (section?.title ? HEADING : 0);
    const row = section?.rows?.find((each) => each.y + each.height + GAP > within);
    if (!section || !row || within < 0) {
      return { key: section?.key, index: -1, share: within / (section?.height || 1), within };
    }
    return { key: section.key, index: row.from, share: (within - row.y) / row.height, within };
  }

  /** @param {{key?: string, index: number, share: number, within: number}} anchor */
  _position(anchor) {
    const section = this.sections.find((each) => each.key === anchor.key);
    if (!section) return this.top;
    const start = (section.top ?? 0) + (section.title ? HEADING : 0);
    if (anchor.within < 0) return start + anchor.within;
    const row = anchor.index < 0 ? null : section.rows?.find((each) => each.to > anchor.index);
    return row ? start + row.y + anchor.share * row.height : start + anchor.share * (section.height ?? 0);
  }

  get view() {
    return innerHeight;
  }

  /** How far the virtual view can go, and the box. */
  get _ends() {
    const rest = Math.max(0, document.documentElement.scrollHeight - (this.start ?? 0) - this.box);
    return [Math.max(0, this.extent + rest - this.view), Math.max(0, this.box + rest - this.view)];
  }

  /* Scrolling */

  _scrolled() {
    const now = scrollY - (this.start ?? 0);
    const moved = now - this.last;
    if (!moved) return;
    const time = performance.now();
    this.speed = Math.abs(moved) / this.view / Math.max(0.016, (time - this.scrolledAt) / 1000);
    this.scrolledAt = time;
    this.last = now;
    const [far, boxFar] = this._ends;
    if (now <= 0) this.top = now;
    else if (now >= boxFar - 1) this.top = far;
    else if (Math.abs(moved) > 3 * this.view && this.extent > this.box) this.top = (now / boxFar) * far;
    else this.top += moved;
    this.top = Math.min(this.top, far);
    this.offset = now - this.top;
    cancelAnimationFrame(this.frame ?? 0);
    this.frame = requestAnimationFrame(() => this._draw());
    this._settleSoon();
  }

  _settleSoon() {
    this.moving = true;
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this._settle(), IDLE_MS);
  }

  /** Set the box to where the virtual view is. */
  _settle() {
    this.speed = 0;
    this.moving = false;
    const [far, boxFar] = this._ends;
    const share = far > boxFar && this.top > 0 ? boxFar / far : 1;
    const wanted = Math.round(this.top * share);
    if (Math.abs(wanted - this.last) > 1) this._jump(this.top, wanted);
    else this._draw();
    this.dispatchEvent(new Event("settled"));
  }

  /** @param {number} top @param {number} [box] */
  _jump(top, box) {
    const [far, boxFar] = this._ends;
    this.top = Math.min(top, far);
    const wanted = box ?? (far > boxFar && this.top > 0 ? Math.round(this.top * (boxFar / far)) : this.top);
    scrollTo(0, wanted + (this.start ?? 0));
    this.last = scrollY - (this.start ?? 0);
    this.offset = this.last - this.top;
    this._draw();
  }

  /** @param {number} y in virtual pixels */
  scrollTo(y) {
    this._jump(y);
    this._settleSoon();
  }

  /* Drawing */

  /** Rows in view first, then those around it as far as MAX_TILES allows. */
  _wanted() {
    const over = this.speed > FAST ? 0 : this.view;
    /** @type {{key: string, section: number, row: number, y: number, tiles: number, distance: number}[]} */
    const near = [];
    this.lacking = false;
    for (const [n, section] of this.sections.entries()) {
      const top = section.top ?? 0;
      if (top + (section.height ?? 0) < this.top - over) continue;
      if (top > this.top + this.view + over) break;
      this._load(n, top - this.top);
      this.lacking ||= !section.items;
      const add = (/** @type {number} */ row, /** @type {number} */ y, /** @type {number} */ height, /** @type {number} */ tiles) => {
        const distance = Math.max(0, this.top - (y + height), y - (this.top + this.view));
        if (distance <= over) near.push({ key: `${section.key}:${row}`, section: n, row, y, tiles, distance });
      };
      if (section.title) add(-1, top, HEADING, 0);
      const start = top + (section.title ? HEADING : 0);
      const rows = section.rows ?? [];
      for (let i = firstBelow(rows, this.top - over - start); i < rows.length; i++) {
        if (start + rows[i].y > this.top + this.view + over) break;
        add(i, start + rows[i].y, rows[i].height, rows[i].to - rows[i].from);
      }
    }
    let tiles = 0;
    return near.sort((a, b) => a.distance - b.distance).filter((row) => (tiles += row.tiles) <= MAX_TILES || row.distance === 0);
  }

  /** @param {number} n @param {number} below the upper edge of the view, in pixels */
  _load(n, below) {
    const section = this.sections[n];
    if ((section.items && !section.partial) || section.loading) return;
    if (this.speed > FAST && Math.abs(below) > this.view) return;
    section.loading = this.load(n).catch(() => { setTimeout(() => { section.loading = null; this._draw(); }, 3000); });
  }

  /** @param {number} n @returns {Promise<void>} */
  async load(n) {
    const section = this.sections[n];
    if (!section || (section.items && !section.partial)) return;
    const items = await this.options.load(section);
    if (this.sections[n] !== section) return;
    this._change(() => {
      this._forget(section.key, section.items?.length ?? 0);
      section.items = items;
      section.count = items.length;
      section.partial = false;
      this._lay(section);
    });
  }

  /** Rows of a section that may change when more of its photos are known. @param {string} key @param {number} known */
  _forget(key, known) {
    for (const [name, { row }] of this.drawn) {
      if (name.startsWith(`${key}:`) && (!known || Number(row.dataset.to) >= known || name.endsWith(":-1"))) {
        row.remove();
        this.drawn.delete(name);
      }
    }
  }

  _clear() {
    for (const { row } of this.drawn.values()) row.remove();
    this.drawn.clear();
  }

  _draw() {
    if (!this.sections.length || !this.width) return;
    const held = document.activeElement?.closest?.("[data-cell]")?.getAttribute("data-cell");
    const wanted = this._wanted();
    const kept = new Set(wanted.map((row) => row.key));
    for (const [key, { row }] of this.drawn) {
      if (kept.has(key)) continue;
      dropPictures(row);
      row.remove();
      this.drawn.delete(key);
    }
    /** @type {HTMLElement | null} */
    let before = null;
    for (const { key, section, row, y } of wanted.sort((a, b) => a.y - b.y)) {
      let made = this.drawn.get(key);
      if (!made) {
        made = { row: row < 0 ? this._heading(this.sections[section]) : this._row(section, row), y };
        this.drawn.set(key, made);
        if (before) before.after(made.row);  // in the order of the photos
        else this.host.prepend(made.row);
      }
      made.y = y;
      if (made.shift !== y + this.offset) {
        made.shift = y + this.offset;
        made.row.style.transform = `translateY(${made.shift}px)`;
      }
      before = made.row;
    }
    if (this.speed <= FAST) fetchPictures(this.host);
    this._roving();
    this._tellBusy();
    if (held && !document.activeElement?.closest?.("[data-cell]")) this._link(Number(held))?.focus({ preventScroll: true });
    const end = this.sections[this.sections.length - 1];
    if ((end.top ?? 0) + (end.height ?? 0) < this.top + 4 * this.view) this.options.more?.();
    this.dispatchEvent(new Event("drawn"));
  }

  /** Whether the grid scrolls or waits for photos. */
  _tellBusy() {
    const busy = String(this.moving || this.lacking);
    if (this.host.getAttribute("aria-busy") !== busy) this.host.setAttribute("aria-busy", busy);
  }

  /** @param {Section} section */
  _heading(section) {
    const made = el("div", { class: "row title", role: "row" },
      el("div", { role: "gridcell" }, el("span", { text: section.title }),
        el("span", { class: "soft number", text: t("js.photos", { n: section.count }) })));
    made.style.height = `${HEADING}px`;
    return made;
  }

  /** @param {number} n @param {number} row */
  _row(n, row) {
    const section = this.sections[n];
    const { from, to, height } = /** @type {Row[]} */ (section.rows)[row];
    const made = el("div", { class: "row", role: "row", "data-to": to });
    made.style.height = `${height}px`;
    const items = /** @type {Item[]} */ (section.items);
    let x = 0;
    for (let index = from; index < to; index++) {
      const item = items[index];
      const end = x + clamp(item.ratio) * height;
      const [left, right] = [Math.round(x), Math.round(end)];
      const tile = cell(item, { x: left, width: right - left, height, href: this.options.href(item), column: index - from + 1 });
      tile.dataset.place = `${n}:${index}`;
      this.options.decorate?.(tile, item);
      made.append(tile);
      x = end + GAP;
    }
    return made;
  }

  /* One tab stop */

  /** @param {number} id @returns {HTMLElement | null} */
  _link(id) {
    return this.host.querySelector(`[data-cell="${id}"]`);
  }

  /** Tab leads to the current photo, or to the first in view; no layout is asked for while scrolling. */
  _roving() {
    const current = this.current;
    const stop = (current && this._link(current.id)) ?? this._firstSeen();
    if (stop === this.stop) return;
    this.stop?.setAttribute("tabindex", "-1");
    stop?.setAttribute("tabindex", "0");
    this.stop = stop;
  }

  /** @returns {HTMLElement | null} */
  _firstSeen() {
    let [found, least] = [/** @type {HTMLElement | null} */ (null), Infinity];
    for (const { row, y } of this.drawn.values()) {
      const link = y < least && y >= this.top ? /** @type {HTMLElement | null} */ (row.querySelector("[data-cell]")) : null;
      if (link) [found, least] = [link, y];
    }
    return found;
  }

  /** @param {FocusEvent} event */
  _focused(event) {
    const tile = event.target instanceof HTMLElement && event.target.closest(".cell");
    const place = tile && /** @type {HTMLElement} */ (tile).dataset.place;
    if (!place) return;
    const [section, index] = place.split(":").map(Number);
    this.at = { section, index };
    this._roving();
  }

  /** Focus a photo, wherever it is. @param {Place} place */
  async focus(place) {
    const section = this.sections[place.section];
    if (!section) return;
    if (!section.items || (section.partial && place.index >= section.items.length)) await this.load(place.section);
    const index = Math.min(Math.max(0, place.index), (section.items?.length ?? 1) - 1);
    this.at = { section: place.section, index };
    this.reveal(this.at);
    const item = this.current;
    if (item) this._link(item.id)?.focus({ preventScroll: true });
  }

  /** @param {Place} place */
  reveal(place) {
    const bounds = this.bounds(place);
    if (!bounds) return;
    const [head, foot] = [76, 96];
    if (bounds.y - head < this.top) this.scrollTo(bounds.y - head - (place.index === 0 ? HEADING : 0));
    else if (bounds.y + bounds.height + foot > this.top + this.view) this.scrollTo(bounds.y + bounds.height + foot - this.view);
    else this._draw();
  }

  /** @param {Place} place @returns {{y: number, height: number, row: number} | null} */
  bounds(place) {
    const section = this.sections[place.section];
    const row = section?.rows?.findIndex((each) => each.to > place.index) ?? -1;
    if (row < 0) return null;
    const found = /** @type {Row[]} */ (section.rows)[row];
    return { y: (section.top ?? 0) + (section.title ? HEADING : 0) + found.y, height: found.height, row };
  }
}
