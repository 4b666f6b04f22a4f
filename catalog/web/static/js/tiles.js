// @ts-check
/** One tile of a grid: a cell with a link, a picture, and a mark to select it. */

import { el, icon, t } from "./dom.js";

/**
 * @typedef {object} Item a photo in a grid
 * @property {number} id
 * @property {string} sha sha256 of its content, hexadecimal
 * @property {number} ratio width by height
 * @property {string} [hash] thumbhash, base64
 * @property {string} [label] its keywords and date
 * @property {number} [more] photos folded behind it
 * @property {number} [sure] confidence of the word that is reviewed
 */

/** Pictures that the server put into the page and that are on their way. @type {Map<string, any>} */
const under_way = new Map();

/** @param {HTMLImageElement} image */
export function keep(image) {
  under_way.set(image.dataset.sha ?? "", image);
}

/** @param {string} sha @param {240 | 360 | 1600} size */
export const thumb = (sha, size) => `/t/${sha}/${size}.webp`;

/**
 * The mean colour of a thumbhash: its first three bytes hold lightness and two differences.
 * @param {string | undefined} hash base64
 */
export function colour(hash) {
  if (!hash) return "";
  try {
    const [a, b, c] = [...atob(hash).slice(0, 3)].map((char) => char.charCodeAt(0));
    const header = a | (b << 8) | (c << 16);
    const [l, p, q] = [(header & 63) / 63, ((header >> 6) & 63) / 31.5 - 1, ((header >> 12) & 63) / 31.5 - 1];
    const blue = l - (2 / 3) * p;
    const red = (3 * l - blue + q) / 2;
    const rgb = [red, red - q, blue].map((part) => Math.round(255 * Math.min(1, Math.max(0, part))));
    return `rgb(${rgb.join(" ")})`;
  } catch {
    return "";
  }
}

/**
 * @param {Item} item
 * @param {{width: number, height: number, alt?: string}} size
 */
export function picture(item, { width, height, alt = "" }) {
  const image = under_way.get(item.sha) ?? el("img", { decoding: "async", draggable: "false" });
  under_way.delete(item.sha);
  image.alt = alt;
  const sharp = Math.max(height, width / item.ratio) * devicePixelRatio > 264;
  const wanted = thumb(item.sha, sharp ? 360 : 240);
  image.dataset.src = wanted;
  const came = () => image.classList.add("in");
  image.addEventListener("load", came);
  image.addEventListener("error", () => {
    if (!image.getAttribute("src")) return;
    image.closest(".cell, .tile")?.classList.add("broken");
    image.closest(".cell")?.setAttribute("data-note", t("js.no-picture"));
  });
  if (image.complete && image.naturalWidth) came();
  return image;
}

/** Ask for a picture that is wanted. @param {ParentNode} within */
export function fetchPictures(within) {
  for (const image of within.querySelectorAll("img[data-src]")) {
    if (!(image instanceof HTMLImageElement)) continue;
    image.removeAttribute("srcset");
    if (image.getAttribute("src") !== image.dataset.src) image.src = image.dataset.src ?? "";
    image.removeAttribute("data-src");
  }
}

/** Stop what nobody waits for any more. @param {ParentNode} within */
export function dropPictures(within) {
  for (const image of within.querySelectorAll("img")) {
    if (!image.complete) image.removeAttribute("src");
  }
}

/**
 * @param {Item} item
 * @param {{x: number, width: number, height: number, href: string, column: number}} place
 */
export function cell(item, { x, width, height, href, column }) {
  const link = el("a", { href, "data-cell": item.id, tabindex: "-1", "aria-label": item.label || t("js.photo", { n: item.id }) },
    picture(item, { width, height }));
  const made = el("div", { class: "cell", role: "gridcell", "aria-colindex": column, "aria-selected": "false", "data-id": item.id }, link,
    el("button", { type: "button", class: "pick", tabindex: "-1", "aria-label": t("js.select"), "data-pick": item.id }, icon("check")));
  if (item.more) made.append(el("span", { class: "more", text: `+${item.more}` }));
  made.style.transform = `translateX(${x}px)`;
  made.style.width = `${width}px`;
  made.style.backgroundColor = colour(item.hash);
  return made;
}
