/* A small form that starts a job. What it leaves out the API and the command line have. */

import { postJson } from "./api.js";
import { $, fill } from "./dom.js";
import { begun } from "./operate-jobs.js";

/** Have the form opened, closed and sent. */
export function startForm() {
  const form = $("start-form");
  $("start-open").addEventListener("click", () => show(form.hidden));
  $("start-close").addEventListener("click", () => show(false));
  form.addEventListener("change", fit);
  form.addEventListener("keydown", (event) => event.key === "Escape" && show(false));
  form.addEventListener("submit", send);
  fit();
}

function show(isShown) {
  $("start-form").hidden = !isShown;
  $("start-open").setAttribute("aria-expanded", String(isShown));
  fill($("start-error"), "");
  (isShown ? $("start-source") : $("start-open")).focus();
}

const kind = () => $("start-form").elements.kind.value;

/* What a kind of job has no use for is not asked. */
function fit() {
  const isIndex = kind() === "index";
  $("start-source").required = isIndex;
  $("start-missing").hidden = !isIndex;
  $("start-source-note").textContent = isIndex
    ? "A path on the service's machine, or an address."
    : "Blank: the one that was read last.";
}

async function send(event) {
  event.preventDefault();
  const { elements } = $("start-form");
  const button = event.submitter ?? $("start-form").querySelector("button");
  const [source, model] = [elements.source.value.trim(), elements.model.value.trim()];
  const options = { ...(model && { model }), ...(kind() === "index" && elements.missing.checked && { delete_missing: true }) };
  fill($("start-error"), "");
  button.disabled = true;
  try {
    const job = await postJson("v1/jobs", { kind: kind(), ...(source && { source }), options });
    $("start-form").reset();
    fit();
    show(false);
    begun(job);
  } catch (error) {
    fill($("start-error"), error.message);
  } finally {
    button.disabled = false;
  }
}
