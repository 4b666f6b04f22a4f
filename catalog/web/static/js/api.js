// @ts-check
/** Requests to /api/v1; a problem (RFC 9457) becomes an error whose text can be shown. */

import { t } from "./dom.js";

export class Problem extends Error {
  /** @param {number} status @param {any} body */
  constructor(status, body) {
    super(body?.detail || body?.title || t("js.no-answer"));
    this.status = status;
    this.body = body;
  }
}

/**
 * @param {string} path below /api/v1
 * @param {Record<string, any>} [params] those that are null or empty are left out
 */
export function address(path, params = {}) {
  const given = Object.entries(params).filter(([, value]) => value != null && value !== "");
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return `/api/v1${path}${given.length ? `?${query}` : ""}`;
}

/**
 * @param {string} path
 * @param {Record<string, any>} [params]
 * @param {AbortSignal} [signal]
 */
export const get = (path, params, signal) => send(address(path, params), { signal });

/** @param {string} path @param {any} [body] */
export const post = (path, body = {}) => send(address(path), {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

/** @param {string} url @param {RequestInit} options */
async function send(url, options) {
  const answer = await fetch(url, { ...options, headers: { Accept: "application/json", ...options.headers } })
    .catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, null);
    });
  const body = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.status === 401) location.assign("/login");
  if (!answer.ok) throw new Problem(answer.status, body);
  return body;
}
