// @ts-check
/** Texts in the person's language, elements made without markup, and what pages say aloud. */

/** @type {Record<string, string | Record<string, string>>} */
const texts = JSON.parse(document.getElementById("texts")?.textContent || "{}");
export const lang = document.documentElement.lang;
const plural = new Intl.PluralRules(lang);
const number = new Intl.NumberFormat(lang);

/** @param {number} n */
export const count = (n) => number.format(n);

/** @param {number} share from 0 to 1 */
export const percent = (share) => `${Math.round(share * 100)}\u00a0%`;

/**
 * The text of a key; `n` chooses the plural form, `{names}` are replaced.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  let found = texts[key] ?? key;
  if (typeof found !== "string") found = found[plural.select(Number(values.n))] ?? found.other;
  return found.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? count(value) : value;
  });
}

/**
 * A new element. Attributes that are functions listen; `class` and `text` are what they say.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string | null | undefined | false)} children
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (name === "text") made.textContent = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, String(value));
  }
  made.append(.../** @type {(Node | string)[]} */ (children.filter(Boolean)));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** @param {string} name of a symbol in the page's sprite */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/**
 * @param {string} selector
 * @param {ParentNode} [within]
 * @returns {any}
 */
export const $ = (selector, within = document) => within.querySelector(selector);

/**
 * @param {string} selector
 * @param {ParentNode} [within]
 * @returns {any[]}
 */
export const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

/** Say something to people who do not see the page. @param {string} text */
export function say(text) {
  const region = $("#say");
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}

/** Where bars and messages float, above all else. */
export const float = () => $("#float");

/** @type {ReturnType<typeof setTimeout> | undefined} */
let leaving;

/**
 * Show a short message, with at most one thing to do about it.
 * @param {string} text
 * @param {{label: string, act: () => void} | null} [offer]
 */
export function toast(text, offer = null) {
  clearTimeout(leaving);
  $(".toast")?.remove();
  const close = () => made.remove();
  const made = el("div", { class: "toast" }, el("span", { text }));
  if (offer) {
    made.append(el("button", { type: "button", text: offer.label, click: () => { close(); offer.act(); } }));
  }
  made.append(el("button", { type: "button", class: "plain round", "aria-label": t("js.close"), click: close }, icon("x")));
  float().append(made);
  say(text);
  const wait = () => { leaving = setTimeout(close, 10_000); };
  made.addEventListener("pointerenter", () => clearTimeout(leaving));
  made.addEventListener("pointerleave", wait);
  wait();
}

/**
 * A modal dialog that gives the focus back when it closes.
 * @param {string} title
 * @param {(Node | string)[]} content
 * @param {string} [kind]
 */
export function dialog(title, content, kind = "") {
  const close = () => made.close();
  const made = /** @type {HTMLDialogElement} */ (el("dialog", { class: kind, "aria-labelledby": "dialog-title" },
    el("div", { class: "inside" },
      el("div", { class: "line" },
        el("h2", { id: "dialog-title", text: title }),
        el("button", { type: "button", class: "plain round", "aria-label": t("js.close"), click: close }, icon("x"))),
      ...content)));
  made.addEventListener("close", () => made.remove());
  made.addEventListener("click", (event) => { if (event.target === made) close(); });
  document.body.append(made);
  made.showModal();
  return made;
}

/**
 * Ask before something large is done.
 * @param {string} title
 * @param {string} text
 * @param {string} yes
 * @returns {Promise<boolean>}
 */
export function ask(title, text, yes) {
  return new Promise((resolve) => {
    let answer = false;
    const made = dialog(title, [
      el("p", { text }),
      el("div", { class: "line" },
        el("button", { type: "button", text: t("js.cancel"), click: () => made.close() }),
        el("button", { type: "button", class: "primary", autofocus: true, text: yes,
          click: () => { answer = true; made.close(); } })),
    ], "short");
    made.addEventListener("close", () => resolve(answer));
  });
}

/** @param {string} name @param {string | number} value */
export function remember(name, value) {
  document.cookie = `kadr_${name}=${encodeURIComponent(String(value))}; Path=/; Max-Age=31536000; SameSite=Lax`;
}
