// @ts-check
/** Turns keys into actions by the table of keys.js, and shows that table as help. */

import { KEYS } from "./keys.js";
import { $, dialog, el, t } from "./dom.js";

/** @typedef {(event: KeyboardEvent) => void | boolean} Action returns false to leave the key alone */

/** @type {Map<string, Record<string, Action>>} */
const places = new Map();
let first = "";
let firstAt = 0;

/** Names of keys that no person would say. @type {Record<string, string>} */
const SHOWN = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc",
  Control: "Ctrl", PageUp: "PgUp", PageDown: "PgDn" };

/**
 * Make keys of a place work.
 * @param {string} place as in keys.js
 * @param {Record<string, Action>} actions by what the key does
 */
export function on(place, actions) {
  places.set(place, { ...places.get(place), ...actions });
}

/** Whether keys of single letters are on: a setting (WCAG 2.1.4). */
const letters = () => document.documentElement.dataset.keys !== "off";

/** @param {KeyboardEvent} event */
function nameOf(event) {
  const key = event.key === " " ? "Space" : event.key;
  if (event.ctrlKey || event.metaKey) return `Control+${key.toLowerCase()}`;
  if (event.shiftKey && (key.length > 1 || /^\p{Lu}$/u.test(key))) return `Shift+${key}`;
  return key;
}

/** @param {any} target */
export const isTyping = (target) => target instanceof HTMLElement
  && (target.isContentEditable || target.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=range])"));

/** A control has its own meaning for these keys. @param {any} target @param {string} name */
const isTaken = (target, name) => ["Enter", "Space"].includes(name)
  && target instanceof HTMLElement && target.closest("button, summary, select, input, a:not([data-cell], .tile > a)")
  || target instanceof HTMLElement && target.closest("[role=slider], [role=combobox], [type=radio]")
  && /^(Arrow|Home|End|Page)/.test(name);

/** @param {string} name @returns {[Action, string] | null} */
function find(name) {
  for (const [place, actions] of places) {
    const row = KEYS.find((key) => key.in.includes(place) && key.keys.includes(name) && actions[key.does]);
    if (row) return [actions[row.does], row.does];
  }
  return null;
}

/** @param {KeyboardEvent} event */
function handle(event) {
  if (event.defaultPrevented || event.altKey || event.isComposing || $("dialog[open]")) return;
  if (isTyping(event.target)) return;
  let name = nameOf(event);
  if (isTaken(event.target, name)) return;
  if (!letters() && [...name].length === 1) return;
  if (first && event.timeStamp - firstAt < 1500) name = `${first} ${name}`;
  first = "";
  const found = find(name);
  if (found && found[0](event) !== false) {
    event.preventDefault();
    return;
  }
  if (letters() && KEYS.some((key) => key.keys.some((each) => each.startsWith(`${name} `)))) {
    first = name;
    firstAt = event.timeStamp;
  }
}

/** @param {string} name */
function shown(name) {
  return el("kbd", { text: name.split("+").map((part) => SHOWN[part] ?? t(`key.name.${part}`).replace(/^key\.name\./, "")).join(" ") || "+" });
}

/** The keys that work on this page, as the table says. */
export function help() {
  const sections = [];
  for (const place of [...places.keys()].reverse()) {
    const actions = places.get(place) ?? {};
    const rows = KEYS.filter((key) => key.in.includes(place) && actions[key.does]);
    if (!rows.length) continue;
    sections.push(el("section", {}, el("h3", { text: t(`key.in.${place}`) }),
      el("dl", {}, ...rows.map((row) => el("div", {}, el("dt", { text: t(row.text) }),
        el("dd", {}, ...row.keys.flatMap((key, n) => [n ? " " : "", key === "+" ? el("kbd", { text: "+" }) : shown(key)])))))));
  }
  dialog(t("key.title"), [
    el("div", { class: "keys" }, ...sections),
    el("p", { class: "small soft", text: t(letters() ? "key.off-hint" : "key.are-off") }),
  ]);
}

document.addEventListener("keydown", handle);
