/* The search page. What is asked stands in the address (q, filter, like), so that every view but
   that of an uploaded picture is a link, and the browser's back button works. */

const PAGE_SIZE = 24;
const GHOSTS = 8;

const $ = (id) => document.getElementById(id);
const form = $("search");
const grid = $("grid");

let picture = null; // the File of an uploaded picture
let running = null; // AbortController of the request under way
let shown = 0;

/* ---- what is asked ---- */

function asked() {
  const params = new URLSearchParams(location.search);
  return {
    q: (params.get("q") ?? "").trim(),
    filter: (params.get("filter") ?? "").trim(),
    like: params.get("like") ?? "",
  };
}

function addressOf({ q, filter, like }) {
  const params = new URLSearchParams();
  if (q) params.set("q", q);
  if (like) params.set("like", like);
  if (filter) params.set("filter", filter);
  const text = params.toString();
  return text ? `?${text}` : location.pathname;
}

function go(query) {
  history.pushState(null, "", addressOf(query));
  return show();
}

function requestFor({ q, filter, like }, offset) {
  if (picture) {
    const body = new FormData();
    body.set("file", picture);
    if (q) body.set("text", q);
    if (filter) body.set("filter", filter);
    body.set("limit", PAGE_SIZE);
    body.set("offset", offset);
    return ["v1/search/image", { method: "POST", body }];
  }
  if (like && q) {
    const parts = [{ item: like }, { text: q }];
    const body = JSON.stringify({ parts, filter: filter || null, limit: PAGE_SIZE, offset });
    return ["v1/search", { method: "POST", body, headers: { "Content-Type": "application/json" } }];
  }
  const params = new URLSearchParams({ limit: PAGE_SIZE, offset });
  if (filter) params.set("filter", filter);
  if (like) return [`v1/items/${encodeURIComponent(like)}/similar?${params}`, {}];
  params.set("q", q);
  return [`v1/search?${params}`, {}];
}

class Refused extends Error {
  constructor({ message, code }) {
    super(message);
    this.code = code;
  }
}

async function fetchJson(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused({ code: "offline", message: "The service does not answer. Is it running?" });
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  throw new Refused(body?.error ?? { code: "unknown", message: `The service answered with ${response.status}.` });
}

/* ---- what is shown ---- */

async function show() {
  const query = asked();
  form.q.value = query.q;
  form.filter.value = query.filter;
  showChip(query);
  clear();
  const isAsked = Boolean(query.q || query.like || picture);
  $("start").hidden = isAsked;
  document.title = query.q ? `${query.q} · vitrine` : "vitrine";
  if (!isAsked) {
    running?.abort();
    if (query.filter) $("status").textContent = "Say or show what to look for; the filter narrows it.";
    return;
  }
  showGhosts();
  await load(query, 0);
}

async function load(query, offset) {
  running?.abort();
  const mine = (running = new AbortController());
  grid.setAttribute("aria-busy", "true");
  $("status").textContent = "Searching …";
  try {
    const [path, options] = requestFor(query, offset);
    const page = await fetchJson(path, { ...options, signal: mine.signal });
    if (offset === 0) grid.replaceChildren();
    showPage(page, query);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (offset === 0) grid.replaceChildren();
    showError(error);
  }
  if (running === mine) grid.removeAttribute("aria-busy");
}

function clear() {
  shown = 0;
  grid.replaceChildren();
  grid.removeAttribute("aria-busy");
  for (const id of ["warnings", "error", "empty", "more", "filter-error"]) $(id).hidden = true;
  form.filter.removeAttribute("aria-invalid");
  $("heading").textContent = "";
  $("status").textContent = "";
}

function showPage(page, query) {
  const cards = page.hits.map(card);
  grid.append(...cards);
  if (shown > 0) cards[0]?.querySelector(".like").focus({ preventScroll: true });
  shown += page.hits.length;
  showHeading(query);
  $("status").textContent = shown ? `${shown} best matches · ${milliseconds(page.took_ms.total)}` : "";
  $("status").title = Object.entries(page.took_ms).map(([stage, ms]) => `${stage} ${ms} ms`).join(", ");
  $("warnings").replaceChildren(...page.warnings.map((text) => element("li", text)));
  $("warnings").hidden = page.warnings.length === 0;
  $("empty").hidden = shown > 0;
  $("more").hidden = page.hits.length < PAGE_SIZE;
}

function showHeading({ q, like }) {
  const words = q ? `“${q}”` : "";
  if (!picture && !like) {
    $("heading").textContent = words;
    return;
  }
  const name = element("span", $("chip-text").textContent);
  name.className = "like-name";
  $("heading").replaceChildren("Looks like ", name, words && ` and ${words}`);
}

function showError(error) {
  $("status").textContent = "";
  $("more").hidden = true;
  if (["filter_syntax", "unknown_field", "filter_type", "invalid_filter"].includes(error.code)) {
    form.filter.setAttribute("aria-invalid", "true");
    $("filter-error").textContent = error.message;
    $("filter-error").hidden = false;
    return;
  }
  $("error").replaceChildren(element("p", error.message));
  $("error").hidden = false;
}

function showGhosts() {
  const ghost = () => {
    const item = element("li");
    item.className = "card ghost";
    item.setAttribute("aria-hidden", "true");
    const [square, text, bone, other] = ["picture", "text", "bone", "bone"].map((name) =>
      Object.assign(element("div"), { className: name }));
    text.append(bone, other);
    item.append(square, text);
    return item;
  };
  grid.replaceChildren(...Array.from({ length: GHOSTS }, ghost));
}

function card(hit) {
  const node = $("card").content.firstElementChild.cloneNode(true);
  const find = (name) => node.querySelector(`.${name}`);
  const title = hit.title || hit.id;
  const image = node.querySelector("img");
  image.addEventListener("error", () => find("picture").classList.add("none"));
  image.src = hit.thumbnail_url;
  node.dataset.id = hit.id;
  find("title").textContent = title;
  const { brand, price, currency, in_stock: inStock } = { ...hit.extra, ...hit.fields };
  fill(find("brand-name"), typeof brand === "string" ? brand : "");
  fill(find("badge"), inStock === false ? "Out of stock" : "");
  find("price").textContent = money(price, currency);
  find("score").textContent = `score ${hit.score.toFixed(3)}`;
  find("score").title = "Cosine similarity to the query";
  const like = find("like");
  like.href = addressOf({ like: hit.id, filter: asked().filter });
  like.setAttribute("aria-label", `More like this: ${title}`);
  return node;
}

function showChip(query) {
  const chip = $("chip");
  chip.hidden = !(picture || query.like);
  if (chip.hidden) return;
  const url = picture
    ? URL.createObjectURL(picture)
    : `v1/items/${encodeURIComponent(query.like)}/image?size=96`;
  $("chip-image").src = url;
  if (picture) $("chip-image").onload = () => URL.revokeObjectURL(url);
  $("chip-text").textContent = picture ? "your picture" : query.like;
  if (!picture) nameLike(query.like);
}

/* The address has the item's id; people want its title. */
async function nameLike(id) {
  const item = await fetchJson(`v1/items/${encodeURIComponent(id)}`).catch(() => null);
  if (!item?.title || picture || asked().like !== id) return;
  for (const node of document.querySelectorAll(".like-name")) node.textContent = item.title;
}

/* ---- small things ---- */

function element(name, text = "") {
  const node = document.createElement(name);
  node.textContent = text;
  return node;
}

function fill(node, text) {
  node.textContent = text;
  node.hidden = !text;
}

function money(price, currency) {
  if (typeof price !== "number") return "";
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(price);
  } catch {
    return new Intl.NumberFormat(undefined, { minimumFractionDigits: 2 }).format(price);
  }
}

function milliseconds(ms) {
  return `${new Intl.NumberFormat(undefined, { maximumFractionDigits: ms < 10 ? 1 : 0 }).format(ms)} ms`;
}

/* ---- what people do ---- */

function usePicture(file) {
  if (!file) return;
  if (!file.type.startsWith("image/")) {
    clear();
    showError(new Refused({ code: "no_image", message: `“${file.name}” is not a picture.` }));
    return;
  }
  picture = file;
  go({ q: form.q.value.trim(), filter: form.filter.value.trim(), like: "" });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const like = picture ? "" : asked().like;
  go({ q: form.q.value.trim(), filter: form.filter.value.trim(), like });
});

$("chip-remove").addEventListener("click", () => {
  picture = null;
  go({ q: form.q.value.trim(), filter: form.filter.value.trim(), like: "" });
  form.q.focus();
});

$("file").addEventListener("change", (event) => {
  usePicture(event.target.files[0]);
  event.target.value = ""; // the same file can be picked again
});

grid.addEventListener("click", (event) => {
  const link = event.target.closest(".like");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  picture = null;
  go({ q: "", filter: asked().filter, like: event.target.closest(".card").dataset.id });
  scrollTo({ top: 0 });
  $("results").focus({ preventScroll: true });
});

$("more").addEventListener("click", () => load(asked(), shown));

addEventListener("popstate", () => {
  picture = null;
  show();
});

addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
  if (!file) return;
  event.preventDefault();
  usePicture(file);
});

const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  $("drop").classList.add("on");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) $("drop").classList.remove("on");
});
addEventListener("drop", (event) => {
  $("drop").classList.remove("on");
  if (!hasFiles(event)) return;
  event.preventDefault();
  usePicture(event.dataTransfer.files[0]);
});

addEventListener("keydown", (event) => {
  const isTyping = /^(INPUT|TEXTAREA)$/.test(document.activeElement?.tagName);
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  form.q.focus();
});

async function about() {
  const { collections } = await fetchJson("v1/collections");
  const served = collections.find((each) => each.served);
  if (!served) return;
  const count = new Intl.NumberFormat().format(served.items);
  const names = served.fields.map((field) => field.name).join(", ");
  $("served").textContent = `${count} items · ${served.name} · ${served.model.name}`;
  $("about").textContent = `${count} items. Filters may name ${names}.`;
}

show();
about().catch((error) => {
  if (!$("start").hidden) $("about").textContent = error.message;
});
