/* The service: asks it, waits when it says so, and tells in words what went wrong. */

import { fetchUnlocked } from "./key.js";

const MOST_TRIES = 5;
const MOST_WAIT_S = 30;

const requestIds = new WeakMap(); // by the JSON of an answer

/** What the service, or the way to it, refused. */
export class Refused extends Error {
  /**
   * @param {{message: string, code: string, details?: Object<string, any>}} error
   * @param {boolean} mayPass whether the same may be answered a moment later
   */
  constructor({ message, code, details = {} }, mayPass = false) {
    super(message);
    Object.assign(this, { code, details, mayPass });
  }
}

const OFFLINE = { code: "offline", message: "The service does not answer. Is it running?" };

/**
 * @param {string} path @param {RequestInit} [options]
 * @param {(seconds: number, why: string) => void} [waiting] told when the service is too busy, or
 *   still starting, and is asked again in so many seconds
 * @returns {Promise<any>} the JSON of the answer; rejects with `Refused`, or as `fetch` where aborted
 */
export async function fetchJson(path, options = {}, waiting = () => {}) {
  for (let tries = 1; ; tries += 1) {
    const response = await fetchUnlocked(path, options).catch((error) => {
      throw error.name === "AbortError" ? error : new Refused(OFFLINE, true);
    });
    const body = await response.json().catch((error) => {
      if (error.name === "AbortError") throw error;
      return null;
    });
    if (response.ok && body) {
      requestIds.set(body, response.headers.get("X-Request-ID"));
      return body;
    }
    const wait = waitOf(response);
    if (wait === null || tries >= MOST_TRIES) throw refusalOf(response, body);
    waiting(wait, response.status === 429 ? "The service is busy" : body?.error?.message ?? "Not ready yet");
    await pause(wait, options.signal);
  }
}

/** @param {object} body of an answer @returns {string | null} the id under which the service gave it */
export const requestIdOf = (body) => requestIds.get(body) ?? null;

/** @param {string} path @param {object} body @param {RequestInit} [options] */
export const postJson = (path, body, options = {}, waiting = undefined) =>
  fetchJson(path, {
    ...options, method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" },
  }, waiting);

/** @param {string} id @returns {string} the item's address */
export const itemPath = (id) => `v1/items/${encodeURIComponent(id)}`;

/** @param {string} id @param {number} size in pixels */
export const imagePath = (id, size) => `${itemPath(id)}/image?size=${size}`;

function refusalOf(response, body) {
  return new Refused(body?.error ?? {
    code: "unknown", message: `The service answered with ${response.status}.`,
  }, response.status === 429 || response.status >= 500);
}

/* Seconds after which it may be asked again; null where that is no use. */
function waitOf(response) {
  if (![429, 503].includes(response.status) || !response.headers.has("Retry-After")) return null;
  const seconds = Number(response.headers.get("Retry-After"));
  return seconds >= 0 && seconds <= MOST_WAIT_S ? Math.max(seconds, 0.2) : null;
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("Another query took its place.", "AbortError"));
    }, { once: true });
  });
}
