/* Jobs: those that run as they go on, then the others, newest first. */

import { fetchJson } from "./api.js";
import { $ } from "./dom.js";
import { Card } from "./operate-card.js";
import { confirmed } from "./operate-confirm.js";
import { follow, jobPath } from "./operate-follow.js";
import { outcome, stateOf, titleOf } from "./operate-words.js";

const PAGE = 20;
const MOST = 200;
const LOOK_MS = 15000;

/** @type {Map<string, Card>} */
const cards = new Map();
const followed = new Set();
let shown = PAGE;
let afterEnd = () => {};

/** @param {() => void} onEnd told when a job has ended: there may be another version */
export async function startJobs(onEnd) {
  afterEnd = onEnd;
  $("jobs-older").addEventListener("click", async () => {
    shown = Math.min(shown + PAGE, MOST);
    await showJobs();
  });
  addEventListener("popstate", openNamed);
  await showJobs();
  await openNamed();
  // Jobs that others start: on other pages, or with the command line.
  setInterval(() => document.hidden || showJobs().catch(() => {}), LOOK_MS);
}

/** @returns {any[]} those that are listed, newest first */
export const knownJobs = () => [...cards.values()].map((card) => card.job).sort(newestFirst);

/** Ask which jobs there are, and list them. */
export async function showJobs() {
  const { jobs, total } = await fetchJson(`v1/jobs?limit=${shown}`);
  for (const job of jobs) take(job);
  $("jobs-list").removeAttribute("aria-busy");
  $("jobs-empty").hidden = cards.size > 0;
  $("jobs-older").hidden = jobs.length >= total || shown >= MOST;
  arrange();
}

/** @param {any} job that was begun, resumed or changed */
function take(job) {
  const known = cards.get(job.id);
  // What was asked for before an event came may be older than that.
  if (!known) cards.set(job.id, new Card(job, { cancel, resume, toggle }));
  else if (job.revision >= known.job.revision) known.update(job);
  if (cards.get(job.id).job.state === "running") begin(job.id);
}

/** @param {any} job that was just begun */
export function begun(job) {
  take(job);
  $("jobs-empty").hidden = true;
  arrange();
  say(`${titleOf(job)} has begun.`, "good");
}

/* Only what is in the wrong place is moved: moving takes the focus away. */
function arrange() {
  const list = $("jobs-list");
  for (const bone of list.querySelectorAll(".bone")) bone.remove();
  const isRunning = ({ job }) => (job.state === "running" ? 0 : 1);
  const sorted = [...cards.values()].sort((a, b) => isRunning(a) - isRunning(b) || newestFirst(a.job, b.job));
  sorted.forEach((card, place) => {
    if (list.children[place] !== card.node) list.insertBefore(card.node, list.children[place] ?? null);
  });
}

const newestFirst = (a, b) => (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);

function begin(id) {
  if (followed.has(id)) return;
  followed.add(id);
  follow(id, (job) => heard(job), (isLost) => cards.get(id)?.lose(isLost));
}

function heard(job) {
  cards.get(job.id)?.update(job);
  if (job.state === "running") return;
  followed.delete(job.id);
  const [word, kind] = stateOf(job);
  say(`${titleOf(job)}: ${word.toLowerCase()}. ${outcome(job)}`, kind);
  arrange();
  afterEnd();
}

async function cancel(card) {
  const isReindex = card.job.kind === "reindex";
  if (!(await confirmed({
    title: `Cancel ${titleOf(card.job).replace(/^./, (first) => first.toLowerCase())}?`,
    lines: [
      "It stops at its next batch. What was embedded until then is kept, and Resume goes on from there: nothing is embedded twice.",
      isReindex ? "The live version stays as it is." : "Rows that were stored until then are found already.",
    ],
    yes: "Cancel the job",
    no: "Let it run",
  }))) return;
  await act(card, "DELETE", "", () => card.stop());
}

const resume = (card) => act(card, "POST", "/resume", (job) => begun(job));

async function act(card, method, what, then) {
  try {
    const job = await fetchJson(`${jobPath(card.job.id)}${what}`, { method });
    take(job);
    then(job);
  } catch (error) {
    say(error.message, "bad");
  }
  // The button that was pressed is gone.
  if (document.activeElement === document.body || document.activeElement.hidden) card.more.focus();
}

/* One at a time, by the address: a job's details are a link. */
function toggle(card) {
  const address = new URL(location.href);
  if (card.isOpen) address.searchParams.delete("job");
  else address.searchParams.set("job", card.job.id);
  history.pushState(null, "", address);
  openNamed();
}

async function openNamed() {
  const id = new URL(location.href).searchParams.get("job");
  if (id && !cards.has(id)) {
    try {
      take(await fetchJson(jobPath(id)));
      arrange();
    } catch (error) {
      say(error.message, "bad");
    }
  }
  for (const card of cards.values()) {
    if (card.job.id !== id) card.close();
    else if (!card.isOpen) card.open();
  }
}

function say(text, kind) {
  const said = $("jobs-said");
  said.className = `said ${kind}`;
  said.textContent = text;
}
