// @ts-check
/** Moves the focus of a grid by keys: by photos, rows, views, and to the ends. */

import { GAP, clamp } from "./justify.js";

/** @typedef {import("./grid.js").Grid} Grid */
/** @typedef {import("./grid.js").Place} Place */
/** @typedef {import("./justify.js").Row} Row */

/** Move the focus by photos. @param {Grid} grid @param {number} by */
export async function step(grid, by) {
  let { section, index } = grid.at;
  index += by;
  if (index < 0 && section > 0) {
    section -= 1;
    index = Infinity;
  } else if (index >= grid.sections[section].count && section < grid.sections.length - 1) {
    section += 1;
    index = 0;
  }
  await grid.focus({ section, index });
}

/** Move the focus to the photo above or below. @param {Grid} grid @param {1 | -1} by */
export async function row(grid, by) {
  const here = grid.bounds(grid.at);
  if (!here) return grid.focus(grid.at);
  const wanted = middle(grid, grid.at, here.row);
  let { section } = grid.at;
  let next = here.row + by;
  if (next < 0 || next >= (grid.sections[section].rows?.length ?? 0)) {
    section += by;
    if (!grid.sections[section]) return undefined;
    await grid.load(section);
    next = by > 0 ? 0 : (grid.sections[section].rows?.length ?? 1) - 1;
  }
  const found = grid.sections[section].rows?.[next];
  if (!found) return undefined;
  const away = (/** @type {number} */ index) => Math.abs(middle(grid, { section, index }, next) - wanted);
  let best = found.from;
  for (let index = found.from + 1; index < found.to; index++) if (away(index) < away(best)) best = index;
  return grid.focus({ section, index: best });
}

/** Move by a view. @param {Grid} grid @param {1 | -1} by */
export async function page(grid, by) {
  const here = grid.bounds(grid.at);
  const rows = Math.max(1, Math.floor((grid.view - 160) / ((here?.height ?? grid.target) + GAP)));
  for (let n = 0; n < rows; n++) await row(grid, by);
}

/** @param {Grid} grid */
export async function last(grid) {
  const section = grid.sections.length - 1;
  await grid.load(section);
  await grid.focus({ section, index: grid.sections[section].count - 1 });
}

/** Where the middle of a photo is in its row. @param {Grid} grid @param {Place} place @param {number} n */
function middle(grid, place, n) {
  const { items, rows } = grid.sections[place.section];
  const { from, height } = /** @type {Row[]} */ (rows)[n];
  let x = 0;
  for (let index = from; index < place.index; index++) x += clamp(items?.[index].ratio ?? 1) * height + GAP;
  return x + (clamp(items?.[place.index]?.ratio ?? 1) * height) / 2;
}
