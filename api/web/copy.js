/* The query as a program would ask it: for curl, and in Python. */

import { $ } from "./dom.js";
import { requestFor } from "./request.js";
import { current } from "./state.js";

const PHOTO = "photo.jpg";
const HERE = "\u0000photo\u0000"; // stands for the picture's bytes until they are said

let collection = null;
let session = null;

/**
 * @param {Promise<any>} promised the collection that is searched
 * @param {Promise<any>} known what the service says of the session: whether it wants a key
 */
export function startCopy(promised, known) {
  collection = promised;
  session = known;
  $("copy-curl").addEventListener("click", () => copy(asCurl, "curl"));
  $("copy-python").addEventListener("click", () => copy(asPython, "Python"));
  $("copy-link").addEventListener("click", () => put(location.href, "The link"));
  const menu = $("copy");
  addEventListener("click", (event) => !menu.contains(event.target) && (menu.open = false));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

async function copy(write, name) {
  const [known, said] = [await collection, await session];
  const { path, body } = requestFor(current(), { image: HERE, limit: 10, types: known?.types ?? {} });
  await put(write(new URL(path, document.baseURI).href, body, Boolean(said?.needs_key)), `The query for ${name}`);
}

/* Not every page may write to the clipboard: then the text is there to be taken. */
async function put(text, name) {
  $("copied-text").textContent = text;
  try {
    await navigator.clipboard.writeText(text);
    $("copied").textContent = `${name} is copied.`;
  } catch {
    $("copied").textContent = "Here it is, to copy:";
  }
  $("copied-text").hidden = false;
}

/* The key itself is nowhere in the browser: both take it from the environment. */

function asCurl(url, body, needsKey) {
  const json = JSON.stringify(body, null, 2);
  const key = needsKey ? '-H "Authorization: Bearer $VITRINE_API_KEY" ' : "";
  const head = `curl ${url} \\\n  -H 'Content-Type: application/json' ${key}`;
  if (!json.includes(JSON.stringify(HERE))) return `${head}-d '${json.replaceAll("'", "'\\''")}'`;
  // Only a document that the shell reads can hold what a command says: the rest of it is told apart.
  const safe = json.replaceAll(/[\\$`]/g, "\\$&");
  const marked = JSON.stringify(HERE).replaceAll("\\", "\\\\");
  return `${head}-d @- <<END\n${safe.replace(marked, `"$(base64 < ${PHOTO} | tr -d '\\n')"`)}\nEND`;
}

function asPython(url, body, needsKey) {
  const said = literal(body, "");
  const hasPhoto = said.includes(literal(HERE, ""));
  const photo = `base64.b64encode(Path("${PHOTO}").read_bytes()).decode()`;
  const key = needsKey ? `, "Authorization": "Bearer " + os.environ["VITRINE_API_KEY"]` : "";
  return [
    ...(hasPhoto ? ["import base64"] : []), "import json", ...(needsKey ? ["import os"] : []), "import urllib.request",
    ...(hasPhoto ? ["from pathlib import Path"] : []), "",
    `query = ${said.replace(literal(HERE, ""), photo)}`,
    "request = urllib.request.Request(",
    `    ${literal(url, "")},`,
    "    data=json.dumps(query).encode(),",
    `    headers={"Content-Type": "application/json"${key}},`,
    ")",
    "with urllib.request.urlopen(request, timeout=30) as answer:",
    "    page = json.load(answer)",
    'for hit in page["hits"]:',
    '    print(f"{hit[\'score\']:.3f}  {hit[\'id\']}  {hit[\'title\']}")',
    "",
  ].join("\n");
}

/* JSON's texts are Python's too, and so are its numbers. */
function literal(value, indent) {
  const inner = `${indent}    `;
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map((each) => literal(each, indent)).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const rows = Object.entries(value).map(([key, each]) => `${inner}${JSON.stringify(key)}: ${literal(each, inner)},`);
  return `{\n${rows.join("\n")}\n${indent}}`;
}
