// @ts-check
/** Where the photos of a grid come from: months of the timeline, or pages one after another. */

import { get } from "./api.js";
import { titleOf } from "./scrubber.js";

/** @typedef {import("./grid.js").Grid} Grid */
/** @typedef {import("./grid.js").Section} Section */
/** @typedef {import("./tiles.js").Item} Item */

/** @param {any} hit as the API gives it @returns {Item} */
export const itemOf = (hit) => ({
  id: hit.id, sha: hit.sha256, ratio: hit.width && hit.height ? hit.width / hit.height : 1.5, hash: hit.thumbhash ?? "",
  label: labelOf(hit.keywords.slice(0, 5).map((/** @type {any} */ word) => word.label ?? word.name), hit.taken_at), more: hit.alike?.length ?? 0,
});

/** @param {string[]} words @param {string | null} taken */
export function labelOf(words, taken) {
  const date = taken ? new Date(`${taken.slice(0, 10)}T00:00Z`).toLocaleDateString(document.documentElement.lang, { dateStyle: "long", timeZone: "UTC" }) : "";
  return [words.join(", "), date].filter(Boolean).join("; ");
}

/** Months of a search, newest or oldest first, and the photos of each when they are wanted. */
export class Months {
  /** @param {string} query @param {boolean} rising oldest first */
  constructor(query, rising) {
    this.query = query;
    this.rising = rising;
  }

  /** @param {Item[]} first photos that are known already @param {string[]} keys their months @returns {Section[]} */
  known(first, keys) {
    /** @type {Map<string, Item[]>} */
    const by = new Map();
    first.forEach((item, n) => by.set(keys[n], [...(by.get(keys[n]) ?? []), item]));
    return [...by].map(([key, items]) => ({ key, title: titleOf(key), count: items.length, sum: sumOf(items), items, partial: false }));
  }

  /** @param {Section[]} known @returns {Promise<Section[]>} */
  async sections(known) {
    const { months } = await get("/timeline", { q: this.query });
    const dated = months.filter((/** @type {any} */ each) => each.month);
    if (this.rising) dated.reverse();
    return [...dated, ...months.filter((/** @type {any} */ each) => !each.month)].map((each) => {
      const key = each.month ?? "none";
      const items = known.find((section) => section.key === key)?.items ?? null;
      return { key, title: titleOf(key), count: each.photos, sum: each.ratios, items, partial: items !== null && items.length !== each.photos };
    });
  }

  /** @param {Section} section @returns {Promise<Item[]>} */
  async load(section) {
    const columns = await get(`/timeline/${section.key}`, { q: this.query });
    const items = columns.id.map((/** @type {number} */ id, /** @type {number} */ n) => (
      { id, ratio: columns.ratio[n], sha: columns.sha256[n], hash: columns.hash[n] ?? "" }));
    return this.rising ? items.reverse() : items;
  }
}

/** @param {Item[]} items */
const sumOf = (items) => items.reduce((sum, item) => sum + item.ratio, 0);

/** Pages by a cursor, as one section that grows. */
export class Pages {
  /** @param {string} path @param {Record<string, any>} params @param {string | null} next */
  constructor(path, params, next) {
    this.path = path;
    this.params = params;
    this.next = next;
    /** The page that is on its way. @type {Promise<void> | null} */
    this.loading = null;
  }

  /** @param {Item[]} items @returns {Section[]} */
  known(items) {
    return [{ key: "all", title: "", count: items.length, sum: sumOf(items), items }];
  }

  /** Add the next page to the end of a grid; the one that is on its way, if there is one. @param {Grid} grid @returns {Promise<void>} */
  more(grid) {
    if (!this.next) return Promise.resolve();
    this.loading ??= this._fetch(grid).finally(() => { this.loading = null; });
    return this.loading;
  }

  /** @param {Grid} grid */
  async _fetch(grid) {
    const page = await get(this.path, { ...this.params, limit: 100, after: this.next });
    this.next = page.next;
    grid.append(page.items.map(itemOf));
  }

  /** All pages: the last photo of a search is at their end. @param {Grid} grid */
  async rest(grid) {
    while (this.next) await this.more(grid);
  }
}
