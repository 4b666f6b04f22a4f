// @ts-check
/**
 * What happens in the catalogue, as it happens: one stream of events for all tabs of a browser.
 * The tab that holds the lock listens and tells the others; a hidden tab gives the lock away.
 */

import { address } from "./api.js";

/** Dispatches "tagged", "failed", "decided", "progress", "sidecar" and "away" with their data. */
export const live = new EventTarget();
const KINDS = ["tagged", "failed", "decided", "progress", "sidecar"];
const HIDDEN_MS = 60_000;
const channel = new BroadcastChannel("kadr-live");
let last = "";

/** @param {{kind: string, data: any, id: string}} message */
function tell({ kind, data, id }) {
  if (id) last = id;
  live.dispatchEvent(new CustomEvent(kind, { detail: data }));
}

channel.addEventListener("message", (event) => tell(event.data));

/** @returns {EventSource} */
function listen() {
  const source = new EventSource(address("/events", { after: last }));
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      const message = { kind, data: JSON.parse(event.data), id: event.lastEventId };
      tell(message);
      channel.postMessage(message);
    });
  }
  const state = (/** @type {boolean} */ away) => {
    const message = { kind: "away", data: away, id: "" };
    tell(message);
    channel.postMessage(message);
  };
  source.addEventListener("open", () => state(false));
  source.addEventListener("error", () => state(true));
  return source;
}

/** Lead until this page has been hidden for a minute. */
async function lead() {
  await navigator.locks.request("kadr-live", () => new Promise((release) => {
    const source = listen();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let waiting;
    const seen = () => {
      clearTimeout(waiting);
      if (document.hidden) waiting = setTimeout(end, HIDDEN_MS);
    };
    const end = () => {
      source.close();
      document.removeEventListener("visibilitychange", seen);
      release(undefined);
    };
    document.addEventListener("visibilitychange", seen);
    addEventListener("pagehide", end, { once: true });
    seen();
  }));
  whenVisible(lead);
}

/** @param {() => void} act */
function whenVisible(act) {
  if (!document.hidden) return act();
  const seen = () => {
    if (document.hidden) return;
    document.removeEventListener("visibilitychange", seen);
    act();
  };
  return document.addEventListener("visibilitychange", seen);
}

export function start() {
  if (!("locks" in navigator)) return void listen();
  let going = false;
  const go = () => {
    if (going) return;
    going = true;
    whenVisible(() => lead().catch(() => {}));
  };
  addEventListener("pageshow", (event) => { if (event.persisted) { going = false; go(); } });
  return go();
}
