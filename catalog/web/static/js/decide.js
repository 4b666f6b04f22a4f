// @ts-check
/** Decisions about keywords, sent to the catalogue, and taken back. */

import { get, post } from "./api.js";
import { dialog, el, t, toast } from "./dom.js";

/** @typedef {{id: string, text: string}} Change ids of changes, joined by commas, and what they were */

const KEPT = "kadr.changes";
export const events = new EventTarget();

/** @returns {Change[]} newest last */
export function changes() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
  } catch {
    return [];
  }
}

/** @param {Change[]} all */
const keep = (all) => sessionStorage.setItem(KEPT, JSON.stringify(all.slice(-50)));

/** @param {Change} change */
export function note(change) {
  if (change.id) keep([...changes(), change]);
}

/**
 * @param {"add" | "confirm" | "reject" | "remove"} action
 * @param {string[]} words
 * @param {{photos?: number[], query?: string, expect?: number}} about
 * @param {{quiet?: boolean}} [options]
 */
export async function decide(action, words, about, { quiet = false } = {}) {
  const answer = await settled(await post("/decisions", { action, words, ...about }));
  const text = t(`js.did.${action}`, { n: answer.photos, words: words.join(", ") });
  if (answer.change_id) note({ id: answer.change_id, text });
  if (!quiet) toast(answer.changed ? text : t("js.did.nothing"), answer.changed ? { label: t("js.undo"), act: () => undo() } : null);
  events.dispatchEvent(new CustomEvent("decided", { detail: { action, words, about, answer } }));
  return answer;
}

/** Wait for a job, where the change was large. @param {any} answer */
async function settled(answer) {
  if (!answer?.job) return answer;
  toast(t("js.working"));
  for (;;) {
    const job = await get(`/jobs/${answer.job}`);
    if (job.state === "failed") throw new Error(job.detail ?? t("js.no-answer"));
    if (job.state === "done") return job.result;
    await new Promise((resolve) => { setTimeout(resolve, 500); });
  }
}

/** Take back the newest change of this tab, or one of them. @param {string} [id] */
export async function undo(id) {
  const all = changes();
  const change = id ? all.find((each) => each.id === id) : all[all.length - 1];
  if (!change) return toast(t("js.nothing-to-undo"));
  try {
    for (const each of change.id.split(",").reverse()) await post(`/decisions/${each}/undo`);
    keep(changes().filter((each) => each.id !== change.id));
    toast(t("js.undone", { what: change.text }));
    events.dispatchEvent(new CustomEvent("undone", { detail: change }));
  } catch (error) {
    keep(changes().filter((each) => each.id !== change.id));
    toast(/** @type {Error} */ (error).message);
  }
}

/** What was decided in this tab. */
export function showHistory() {
  const all = changes().reverse();
  const made = dialog(t("js.history"), [all.length
    ? el("ul", { class: "history" }, ...all.map((each) => el("li", { class: "line" }, el("span", { text: each.text }),
      el("button", { type: "button", text: t("js.undo"), click: () => { made.close(); undo(each.id); } }))))
    : el("p", { class: "soft", text: t("js.nothing-to-undo") })], "short");
}
