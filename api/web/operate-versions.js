/* Collections: their versions, which of them answers, and the way back to another. */

import { fetchJson, postJson } from "./api.js";
import { $, element } from "./dom.js";
import { counted, bytes, capital, versionName, when } from "./operate-words.js";
import { confirmed } from "./operate-confirm.js";

let afterSwitch = () => {};

/** @param {() => void} onSwitch told when another version was made live */
export function startVersions(onSwitch) {
  afterSwitch = onSwitch;
}

/** @param {any} all as GET /v1/versions has it */
export function showVersions(all) {
  showAnswering(all);
  const body = $("collections-body");
  body.removeAttribute("aria-busy");
  body.replaceChildren(...(all.collections.length ? all.collections.map(collection) : [nothing()]));
}

function showAnswering({ answers, reason, behind, collections }) {
  const line = $("answering");
  line.className = `answering ${!answers || behind?.reason ? "bad" : behind ? "warn" : "good"}`;
  if (!collections.length) line.textContent = ""; // below it says what there is to do
  else if (!answers) line.textContent = reason;
  else if (!behind) line.textContent = `${answers} answers`;
  else line.textContent = `${answers} answers. ${behind.collection} is live: ${behind.reason ?? "its model is being loaded."}`;
  $("served").textContent = answers ?? "";
}

const nothing = () => element("div", { className: "nothing" },
  element("p", {}, element("strong", { textContent: "There is no collection yet. " }),
    "Index a catalogue with a job, or with the command line before the service starts:"),
  element("pre", { tabIndex: 0, textContent: "vitrine index products.csv" }));

function collection(each) {
  const live = each.versions.find((version) => version.live);
  return element("article", { className: "panel collection" },
    element("h3", {}, element("span", { textContent: each.alias }),
      each.served ? element("span", { className: "tag plain", textContent: "searched by this service" }) : null),
    element("ul", { className: "versions", "aria-label": `Versions of ${each.alias}` },
      ...each.versions.map((version) => row(each, version, live))));
}

function row(each, version, live) {
  const { model, indexed } = version;
  const size = version.disk_bytes ?? version.vector_bytes;
  const where = version.disk_bytes === null ? "of vectors" : "on disk";
  const fact = (text, title = null) => element("span", { textContent: text, title });
  return element("li", { className: version.live ? "version live" : "version" },
    element("span", { className: "version-name" },
      element("strong", { textContent: capital(versionName(version)) }),
      version.live ? element("span", { className: "tag good", textContent: "live" }) : null),
    fact(counted(version.items, "item")),
    fact(`${model.name}, ${model.dim} dims`, `Fingerprint ${model.fingerprint.slice(0, 12)}`),
    fact(`${bytes(size)} ${where}`),
    fact(indexed ? `indexed ${when(indexed)}` : "indexed: not known"),
    element("span", { className: "version-action" }, canSwitch(version, live) ? switcher(each, version, live) : null));
}

const canSwitch = (version, live) =>
  Boolean(live) && !version.live && version.number !== null && version.items > 0;

const switcher = (each, version, live) => element("button", {
  type: "button", className: "small quiet",
  textContent: version.number < live.number ? "Go back to it" : "Make it live",
  "aria-label": `${version.number < live.number ? "Go back to it" : "Make it live"}: version ${version.number} of ${each.alias}`,
  onclick: () => change(each, version, live),
});

async function change(each, version, live) {
  const back = version.number < live.number;
  const to = versionName(version);
  if (!(await confirmed({
    title: back ? `Go back to ${to} of ${each.alias}?` : `Make ${to} of ${each.alias} live?`,
    lines: consequences(version, live),
    yes: back ? `Go back to ${to}` : `Make ${to} live`,
    no: `Keep ${versionName(live)}`,
  }))) return;
  const said = $("collections-said");
  said.className = "said";
  said.textContent = `Switching to ${to} …`;
  try {
    const done = await postJson(`v1/collections/${encodeURIComponent(each.alias)}/rollback`, { to: version.number });
    said.className = "said good";
    said.textContent = `${capital(to)} of ${done.alias} is live now: ${counted(done.items, "item")}, model ${done.model}.`;
  } catch (error) {
    said.className = "said bad";
    said.textContent = `Nothing was changed. ${error.message}`;
  }
  said.focus();
  afterSwitch();
}

function consequences(version, live) {
  const [to, from] = [versionName(version), versionName(live)];
  const lines = [
    `Everybody's searches are then answered from ${to}: ${counted(version.items, "item")}, model ${version.model.name}. `
    + `Live now is ${from}: ${counted(live.items, "item")}, model ${live.model.name}.`,
  ];
  if (version.model.fingerprint !== live.model.fingerprint) {
    lines.push(`Its model is another one: until that is loaded, ${from} goes on answering.`);
  }
  lines.push(`Nothing is deleted, and searches go on meanwhile. ${capital(from)} stays until a later reindex clears it away.`);
  return lines;
}

/** @returns {Promise<any>} */
export const fetchVersions = () => fetchJson("v1/versions");
