// @ts-check
/** The page of a search, a group, or similar photos: its grid, facets, and news. */

import { get } from "./api.js";
import { $, $$, count, dialog, el, percent, remember, say, t, toast } from "./dom.js";
import { events } from "./decide.js";
import { Grid } from "./grid.js";
import { on } from "./keyboard.js";
import { live } from "./live.js";
import { Scrubber } from "./scrubber.js";
import { Selection, mark } from "./selection.js";
import { Months, Pages, labelOf } from "./source.js";
import { keep } from "./tiles.js";
import * as walk from "./walk.js";

/** @typedef {import("./tiles.js").Item} Item */
/** @typedef {import("./grid.js").Place} Place */

const LIST = "kadr.list";
const NEAR = 400;
const [LOW, HIGH, STEP] = [120, 360, 40];

/** Photos that the server put into the page. @param {HTMLElement} host @returns {[Item[], string[]]} */
function readTiles(host) {
  const tiles = $$(".cell", host);
  const items = tiles.map((tile) => {
    const image = $("img", tile);
    keep(image);
    return { id: Number(tile.dataset.id), sha: image.dataset.sha, ratio: Number(tile.dataset.ratio), hash: tile.dataset.hash,
      label: $("a", tile).getAttribute("aria-label"), more: Number(tile.dataset.more ?? 0) };
  });
  const months = tiles.map((tile) => tile.dataset.month ?? "none");
  host.replaceChildren();
  return [items, months];
}

export function start() {
  const host = /** @type {HTMLElement | null} */ ($("#grid"));
  facets();
  sorts();
  if (!host) return waitForFirst();
  const data = host.dataset;
  const query = data.q ?? "";
  const suffix = data.suffix ?? "";
  const [items, keys] = readTiles(host);
  const months = data.mode === "date" ? new Months(query, data.sort === "oldest") : null;
  const pages = new Pages(data.path ?? "/photos", JSON.parse(data.params ?? "{}"), months ? null : data.next || null);
  const grid = new Grid(host, {
    load: (section) => /** @type {Months} */ (months).load(section),
    href: (item) => `/photo/${item.id}${suffix}`,
    target: rowHeight(),
    decorate: (tile) => mark(selection, tile),
    more: () => { if (!months) pages.more(grid).catch(() => {}); },
  });
  let total = Number(data.total) || 0;
  const selection = new Selection(host, query, async () => total || grid.photos);
  counting(query, data).then((n) => { if (n != null) total = n; });
  if (months) new Scrubber($("#scrubber"), grid);
  grid.show(months ? months.known(items, keys) : pages.known(items));
  const ready = months ? months.sections(grid.sections).then((sections) => grid.show(sections)).catch((error) => toast(error.message)) : Promise.resolve();
  const restored = ready.then(() => restore(grid, pages)).catch((error) => toast(error.message)).finally(() => {
    grid.addEventListener("settled", () => noteAnchor(grid));  // not before: it would forget the place to go back to
  });
  labels(grid);
  const picked = picking(grid, selection);
  selection.addEventListener("left", () => { grid.focus(grid.at); });
  keys_of(grid, selection, picked, pages);
  opening(host, grid);
  news(query, data, () => total, (n) => { total = n; });
  for (const name of ["decided", "undone"]) events.addEventListener(name, () => forgetLabels(grid));
  return restored;
}

const rowHeight = () => Math.min(HIGH, Math.max(LOW, Number(document.documentElement.dataset.row) || 200)) * (innerWidth < 600 ? 0.65 : 1);

/* Back to where one was */

/** @param {Grid} grid */
function noteAnchor(grid) {
  const anchor = grid._anchor();
  const section = grid.sections.find((each) => each.key === anchor.key);
  const id = section?.items?.[anchor.index]?.id;
  history.replaceState({ ...history.state, anchor: grid.top > 0 ? { ...anchor, id } : null, at: grid.current?.id, place: grid.at }, "");
}

/** @param {Grid} grid @param {Pages} pages */
async function restore(grid, pages) {
  history.scrollRestoration = "manual";
  const { anchor, place, at } = history.state ?? {};
  const back = performance.getEntriesByType("navigation")[0];
  if (!(/** @type {any} */ (back))?.type?.match(/back_forward|reload/)) return;
  if (anchor) {
    const n = grid.sections.findIndex((section) => section.key === anchor.key);
    if (n < 0) return;
    if (!grid.sections[n].items || grid.sections[n].partial) await grid.load(n);
    while (pages.next && grid.sections[n].count <= anchor.index) await pages.more(grid);
    grid.scrollTo(grid._position(anchor));
  }
  if (place && at) {
    grid.at = place;
    if (grid.current?.id === at) grid._link(at)?.focus({ preventScroll: true });
  }
}

/* Names of photos for people who do not see them */

/** @param {Grid} grid */
function labels(grid) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  const fill = async () => {
    const bare = $$("[data-cell]", grid.host).flatMap((link) => {
      const item = grid.item(placeOf(link.closest(".cell")));
      return item && item.label === undefined ? [item] : [];
    });
    if (!bare.length) return;
    for (const item of bare) item.label = "";
    const { items } = await get("/photos/labels", { ids: bare.slice(0, 400).map((item) => item.id).join(",") }).catch(() => ({ items: [] }));
    const found = new Map(items.map((/** @type {any} */ each) => [each.id, each]));
    for (const item of bare) {
      const known = /** @type {any} */ (found.get(item.id));
      item.label = known ? labelOf(known.keywords.slice(0, 5), known.taken_at) : "";
      if (item.label) grid._link(item.id)?.setAttribute("aria-label", item.label);
    }
  };
  grid.addEventListener("drawn", () => {
    clearTimeout(waiting);
    waiting = setTimeout(fill, 250);
  });
}

/** @param {Grid} grid */
function forgetLabels(grid) {
  for (const section of grid.sections) for (const item of section.items ?? []) item.label = undefined;
  grid.dispatchEvent(new Event("drawn"));
}

/** @param {HTMLElement} tile @returns {Place} */
function placeOf(tile) {
  const [section, index] = (tile.dataset.place ?? "0:0").split(":").map(Number);
  return { section, index };
}

/* Selecting and opening */

/** @param {Grid} grid @param {Selection} selection */
function picking(grid, selection) {
  /** @type {Place | null} */
  let from = null;
  /** @type {Item[]} */
  let range = [];
  const extend = (/** @type {Place} */ to) => {
    from ??= { ...grid.at };
    const items = grid.between(from, to);
    selection.range(items, range);
    range = items;
  };
  const start_here = (/** @type {Place} */ place) => {
    from = { ...place };
    range = [];
  };
  selection.addEventListener("picked", (event) => {
    const { tile, range: isRange } = /** @type {CustomEvent} */ (event).detail;
    const place = placeOf(tile);
    if (isRange && from) return extend(place);
    start_here(place);
    grid.at = place;
    return selection.toggle(Number(tile.dataset.id));
  });
  return { extend, start_here, forget: () => { from = null; range = []; } };
}

/** @param {HTMLElement} host @param {Grid} grid */
function opening(host, grid) {
  host.addEventListener("click", (event) => {
    const link = /** @type {HTMLElement} */ (event.target).closest("[data-cell]");
    if (!link || event.defaultPrevented) return;
    leave(grid, placeOf(/** @type {HTMLElement} */ (link.closest(".cell"))));
  });
}

/** Keep the photos around one, for the arrows of its page. @param {Grid} grid @param {Place} place */
function leave(grid, place) {
  grid.at = place;
  noteAnchor(grid);
  const all = grid.sections.flatMap((section) => section.items ?? [null]);
  const item = grid.item(place);
  const n = all.indexOf(/** @type {any} */ (item));
  let [from, to] = [n, n];
  while (from > 0 && n - from < NEAR && all[from - 1]) from--;
  while (to < all.length - 1 && to - n < NEAR && all[to + 1]) to++;
  sessionStorage.setItem(LIST, JSON.stringify({ search: grid.host.dataset.suffix ?? "", back: location.pathname + location.search,
    ids: all.slice(from, to + 1).map((each) => each?.id), starts: from === 0, ends: to === all.length - 1 }));
}

/** @param {Grid} grid @param {Selection} selection @param {ReturnType<typeof picking>} picked @param {Pages} pages */
function keys_of(grid, selection, picked, pages) {
  const focused = () => document.activeElement?.closest("[data-cell]") != null;
  const move = (/** @type {() => Promise<void>} */ act) => (/** @type {KeyboardEvent} */ event) => {
    if (event.target instanceof HTMLElement && event.target.closest("summary, .switch, .chips, select")) return false;
    picked.forget();
    if (focused()) act();
    else grid.focus(visible(grid) ?? grid.at);
    return undefined;
  };
  const range = (/** @type {() => Promise<void>} */ act) => async () => {
    picked.extend(grid.at);
    await act();
    picked.extend(grid.at);
  };
  const [left, right] = [() => walk.step(grid, -1), () => walk.step(grid, 1)];
  const [up, down] = [() => walk.row(grid, -1), () => walk.row(grid, 1)];
  on("grid", {
    left: move(left), right: move(right), up: move(up), down: move(down),
    "range-left": () => { range(left)(); }, "range-right": () => { range(right)(); },
    "range-up": () => { range(up)(); }, "range-down": () => { range(down)(); },
    first: () => { picked.forget(); grid.focus({ section: 0, index: 0 }); scrollTo(0, 0); },
    last: () => { picked.forget(); pages.rest(grid).then(() => walk.last(grid)); },
    "page-up": move(() => walk.page(grid, -1)), "page-down": move(() => walk.page(grid, 1)),
    open: () => { if (!focused() || !grid.current) return false; leave(grid, grid.at); location.assign(grid.options.href(grid.current)); return true; },
    toggle: () => { if (!focused() || !grid.current) return false; picked.start_here(grid.at); selection.toggle(grid.current.id); return true; },
    all: () => { selection.everything(); },
    clear: () => { if (!selection.size) return false; picked.forget(); selection.clear(); return true; },
    add: () => { takeFocused(grid, selection); selection.ask("add"); },
    remove: () => { takeFocused(grid, selection); selection.ask("remove"); },
    similar: () => { if (!grid.current) return false; location.assign(`/photo/${grid.current.id}/similar`); return true; },
    fold: () => { const box = $("#fold"); if (!box) return false; box.checked = !box.checked; box.form.requestSubmit(); return true; },
    details: () => { if (!grid.current) return false; details(grid.current.id); return true; },
    larger: () => zoom(grid, STEP), smaller: () => zoom(grid, -STEP),
  });
  $("#larger")?.addEventListener("click", () => zoom(grid, STEP));
  $("#smaller")?.addEventListener("click", () => zoom(grid, -STEP));
}

/** With nothing selected, the focused photo is meant. @param {Grid} grid @param {Selection} selection */
function takeFocused(grid, selection) {
  if (!selection.size && document.activeElement?.closest("[data-cell]") && grid.current) selection.toggle(grid.current.id);
}

/** The first photo in view. @param {Grid} grid */
function visible(grid) {
  const tile = $$(".cell", grid.host).find((each) => each.getBoundingClientRect().top > 60);
  return tile ? placeOf(tile) : null;
}

/** @param {Grid} grid @param {number} by */
function zoom(grid, by) {
  const now = Number(document.documentElement.dataset.row) || 200;
  const next = Math.min(HIGH, Math.max(LOW, now + by));
  document.documentElement.dataset.row = String(next);
  remember("row", next);
  grid.resize(rowHeight());
  say(t("js.row-height", { n: next }));
}

/** @param {number} id */
async function details(id) {
  const photo = await get(`/photos/${id}`).catch((error) => toast(error.message));
  if (!photo) return;
  const facts = [[t("js.file"), photo.files[0]?.path], [t("js.taken"), labelOf([], photo.taken_at)], [t("js.camera"), photo.camera],
    [t("js.size"), photo.width && `${photo.width} × ${photo.height}`]].filter(([, value]) => value);
  dialog(t("js.details"), [
    el("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", {}, el("bdi", { text: value }))])),
    el("p", { class: "chips" }, ...photo.keywords.filter((/** @type {any} */ word) => word.decision !== "rejected").slice(0, 20).map((/** @type {any} */ word) => (
      el("span", { class: "chip" }, el("span", {}, el("bdi", { text: word.label ?? word.name }), el("span", { class: "count number", text: percent(word.confidence) }))))))
  ], "short");
}

/* What is around the grid */

function sorts() {
  const form = $("#tools");
  form?.addEventListener("change", () => form.requestSubmit());
}

/** @param {string} query @param {DOMStringMap} data @returns {Promise<number | null>} */
async function counting(query, data) {
  if (data.counted !== "later") return null;
  const { photos } = await get("/photos/count", { q: query }).catch(() => ({ photos: null }));
  if (photos != null) $("#found").textContent = t("js.photos", { n: photos });
  return photos;
}

/** @param {string} word */
const quote = (word) => (/^[\p{L}\p{N}_]+$/u.test(word) && !/^(AND|OR|NOT|TO)$/i.test(word) ? word : `"${word.replace(/(["\\])/g, "\\$1")}"`);

function facets() {
  const box = $("#facets");
  if (!box) return;
  const fill = async () => {
    if (!box.open || box.dataset.full) return;
    box.dataset.full = "1";
    const place = $(".in", box);
    try {
      const found = await get("/facets", { q: box.dataset.q });
      const kinds = /** @type {[string, (value: string) => string][]} */ ([["keywords", quote], ["years", (value) => `taken:${value}`],
        ["cameras", (value) => `camera:${quote(value)}`], ["formats", (value) => `format:${quote(value)}`]]);
      const asked = new Set($$(".understood .chip:not(.not) > :first-child bdi").map((chip) => chip.innerText.toLowerCase()));
      for (const [kind, write] of kinds) {  // what all photos have, or the search says, narrows nothing down
        found[kind] = found[kind].filter((/** @type {any} */ each) => each.photos < found.photos && !asked.has(write(each.value).toLowerCase()));
      }
      place.replaceChildren(...kinds.filter(([kind]) => found[kind].length).map(([kind, write]) => (
        el("section", {}, el("h2", { text: t(`js.facet.${kind}`) }), el("div", { class: "chips" },
          ...found[kind].slice(0, 14).map((/** @type {any} */ each) => facet(box, each, write(each.value))))))));
      if (!place.childElementCount) place.append(el("p", { class: "soft", text: t("js.no-facets") }));
    } catch (error) {
      place.replaceChildren(el("p", { class: "problem", text: /** @type {Error} */ (error).message }));
    }
  };
  box.addEventListener("toggle", fill);
  fill();
}

/** @param {HTMLElement} box @param {{value: string, label?: string, photos: number}} each @param {string} text */
function facet(box, each, text) {
  const go = (/** @type {string} */ part) => {
    const params = new URLSearchParams(location.search);
    params.set("q", box.dataset.base ? `${box.dataset.base} AND ${part}` : part);
    for (const name of ["after", "facets"]) params.delete(name);
    return `/?${params}`;
  };
  return el("span", { class: "chip" }, el("a", { href: go(text), title: t("js.facet-hint"),
    click: (/** @type {MouseEvent} */ event) => {
      if (!event.altKey) return;
      event.preventDefault();
      location.assign(go(`NOT ${text}`));
    } }, el("bdi", { text: each.label ?? each.value }), el("span", { class: "count number", text: count(each.photos) })));
}

/* News */

/** @param {string} query @param {DOMStringMap} data @param {() => number} total @param {(n: number) => void} set */
function news(query, data, total, set) {
  if (data.live === undefined) return;
  let fresh = 0;
  let busy = false;
  let again = false;
  const look = async () => {
    if (busy) { again = true; return; }
    busy = true;
    const known = total();
    const { photos } = await get("/photos/count", { q: query }).catch(() => ({ photos: known }));
    if (known && photos > known) fresh += photos - known;
    set(photos);
    if (fresh) pill(query, fresh);
    setTimeout(() => { busy = false; if (again) { again = false; look(); } }, 1000);
  };
  live.addEventListener("tagged", () => { if (total()) look(); });
}

/** @param {string} query @param {number} n */
function pill(query, n) {
  const params = new URLSearchParams({ q: query, sort: "added" });
  const made = $(".pill") ?? el("a", { class: "button primary pill", href: `/?${params}`, click: (/** @type {Event} */ event) => {
    if (new URLSearchParams(location.search).get("sort") !== "added") return;
    event.preventDefault();
    scrollTo(0, 0);
    history.replaceState(null, "");
    location.reload();
  } });
  made.textContent = t("js.new", { n });
  if (!made.isConnected) document.body.append(made);
  say(made.textContent ?? "");
}

/** An empty catalogue: show the first photos as soon as there are some. */
function waitForFirst() {
  if ($("[data-first]")) live.addEventListener("tagged", () => location.reload(), { once: true });
}
