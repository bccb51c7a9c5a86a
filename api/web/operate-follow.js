/* A job as it goes on: server-sent events, taken up again whatever breaks them off. */

import { fetchJson } from "./api.js";

const AGAIN_MS = 3000;

/** @param {string} id @returns {string} the job's address */
export const jobPath = (id) => `v1/jobs/${encodeURIComponent(id)}`;

/**
 * @param {string} id of a job that is running
 * @param {(job: any) => void} heard told at once, with each change, and when it has ended
 * @param {(isLost: boolean) => void} lost whether nothing is heard for now
 */
export function follow(id, heard, lost) {
  const source = new EventSource(`${jobPath(id)}/events`);
  const hear = (event) => {
    lost(false);
    heard(JSON.parse(event.data));
  };
  source.addEventListener("progress", hear);
  source.addEventListener("end", (event) => {
    source.close(); // else the browser would ask again
    hear(event);
  });
  source.addEventListener("error", () => {
    lost(true);
    // Where the service cannot be reached the browser tries again by itself. Where it refused, as
    // when the session has ended, asking for the job says why, or asks for the key.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => resume(id, heard, lost), AGAIN_MS);
  });
}

async function resume(id, heard, lost) {
  const job = await fetchJson(jobPath(id)).catch(() => null);
  if (!job) return setTimeout(() => resume(id, heard, lost), AGAIN_MS);
  lost(false);
  heard(job);
  if (job.state === "running") follow(id, heard, lost);
}
