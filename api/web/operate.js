/* The operator's page: who may see it, and its parts, each of which fails by itself. */

import { $ } from "./dom.js";
import { lock, unlocked } from "./key.js";
import { showEvaluation } from "./operate-evaluation.js";
import { knownJobs, showJobs, startJobs } from "./operate-jobs.js";
import { startForm } from "./operate-start.js";
import { fetchVersions, showVersions, startVersions } from "./operate-versions.js";

const AGAIN_MS = 3000;
const LATER_MS = 15000;

let looking = null; // the timer of another look at what answers
const later = {}; // by part, the timer of another try

start();

async function start() {
  const who = await unlocked();
  if (who && who.scope !== "admin") return refuse(who);
  if (who?.needs_key) {
    $("who-name").textContent = who.name;
    $("who").hidden = false;
    $("sign-out").addEventListener("click", lock);
  }
  $("page").hidden = false;
  startForm();
  startVersions(refresh);
  let isStarted = false;
  await Promise.all([
    part("jobs", () => (isStarted ? showJobs() : startJobs(refresh).then(() => (isStarted = true)))),
    part("collections", versions),
  ]);
  await part("quality", quality);
}

function refuse(who) {
  $("refused-why").textContent = `The key “${who.name}” is one of scope ${who.scope}: it may look, but not run jobs or switch versions. An operator makes another with “vitrine keys create --scope admin”.`;
  $("refused").hidden = false;
  $("refused-key").addEventListener("click", lock);
}

async function versions() {
  const all = await fetchVersions();
  showVersions(all);
  clearTimeout(looking);
  // A model is being loaded, or a collection made: it says so until it is there.
  const isSettled = (all.answers && !all.behind) || !all.collections.length;
  if (!isSettled) looking = setTimeout(() => part("collections", versions), AGAIN_MS);
  return all;
}

const quality = async () => showEvaluation(await fetchVersions(), knownJobs());

async function refresh() {
  await part("collections", versions);
  await part("quality", quality);
}

/* Does it, and says in its place if that went wrong, with a way to try again. */
async function part(name, work) {
  const failure = $(`${name}-error`);
  const body = $(`${name}-body`) ?? $(`${name}-list`);
  clearTimeout(later[name]);
  try {
    await work();
    failure.hidden = true;
    body.hidden = false;
  } catch (error) {
    const [text, button] = failure.children;
    if (text.textContent !== error.message) text.textContent = error.message; // else it is read out again
    button.onclick = () => part(name, work);
    failure.hidden = false;
    body.hidden = body.querySelector(".bone") !== null;
    if (error.mayPass) later[name] = setTimeout(button.onclick, LATER_MS);
  }
}
