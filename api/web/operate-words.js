/* What the operator's page says: sizes, times, states and what a job does, in words. */

import { number } from "./format.js";

/** @param {number} size in bytes @returns {string} 1.2 MB */
export function bytes(size) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(size, 1)) / 3));
  const style = { style: "unit", unit: units[step], unitDisplay: "short", maximumFractionDigits: step ? 1 : 0 };
  return new Intl.NumberFormat(undefined, style).format(size / 1000 ** step);
}

/** @param {number} seconds @returns {string} 1 h 20 min, 3 min 5 s, 12 s, 0.4 s */
export function duration(seconds) {
  if (seconds < 10) return `${new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 }).format(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
}

/** @param {string} iso @returns {string} today 12:03, or 21 Nov 2026, 12:03 */
export function when(iso) {
  const then = new Date(iso);
  const time = then.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  if (then.toDateString() === new Date().toDateString()) return `today ${time}`;
  return `${then.toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" })}, ${time}`;
}

/** @param {number} count @param {string} one @param {string} [many] @returns {string} 1 row, 2 rows */
export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** @param {number} value @returns {string} 0.842 */
export const measure = (value) =>
  new Intl.NumberFormat(undefined, { minimumFractionDigits: 3, maximumFractionDigits: 3 }).format(value);

/** @param {{name: string, number: number | null}} version @returns {string} */
export const versionName = ({ name, number: which }) => (which === null ? name : `version ${which}`);

/** @param {string} text @returns {string} */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

const STATES = {
  running: ["Running", "now"], done: ["Done", "good"], failed: ["Failed", "bad"],
  cancelled: ["Cancelled", "warn"], interrupted: ["Interrupted", "warn"],
};

/** @param {any} job @returns {[string, string]} its state in a word, and the kind of its colour */
export function stateOf(job) {
  if (job.state === "done" && failedRows(job)) return [`Done, ${number(failedRows(job))} left out`, "warn"];
  return STATES[job.state] ?? [capital(job.state), "warn"];
}

/** @param {any} job @returns {number} rows that were left out */
export const failedRows = (job) => job.report?.failed ?? job.progress.failed;

/** @param {any} job @returns {string} Index of products.csv */
export function titleOf(job) {
  const what = { index: "Index", reindex: "Reindex", run: "Command line run" }[job.kind] ?? job.kind;
  const file = job.source?.replace(/[/\\]+$/, "").split(/[/\\]/).pop();
  return file ? `${what} of ${file}` : `${what} of ${job.collection}`;
}

/** @param {any} job @returns {string} what became of it, or why nothing did */
export function outcome(job) {
  if (job.error) return job.error.message;
  if (job.report) return reported(job.report);
  const { done } = job.progress;
  const soFar = done ? ` after ${counted(done, "row")}` : "";
  if (job.state === "interrupted") return `The service stopped, or was killed${soFar}. What was embedded is kept.`;
  if (job.state === "cancelled") return `Stopped${soFar}. What was embedded is kept.`;
  return job.progress.stages.store ? `${counted(job.progress.stages.store, "row")} stored.` : "";
}

function reported({ indexed, updated, columns_updated: columns, unchanged, deleted, failed, rollout }) {
  const parts = [
    [indexed, "new"], [updated, "updated"], [columns, "with other columns"], [unchanged, "unchanged"],
    [deleted, "removed"], [failed, "left out"],
  ].filter(([count]) => count).map(([count, what]) => `${number(count)} ${what}`);
  const rows = parts.length ? `${capital(parts.join(", "))}.` : "Nothing to do.";
  if (!rollout) return rows;
  return `${rows} ${rollout.switched ? `${rollout.new} is live.` : `${rollout.new} was built, and is not live.`}`;
}
