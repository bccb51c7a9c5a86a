/* The results of a view: asked for page by page, in one order, and remembered for "back". */

import { postJson, requestIdOf } from "./api.js";
import { card, ghost } from "./card.js";
import { $, element, fill } from "./dom.js";
import { refuseFilter, showFacets } from "./filters.js";
import { milliseconds, number } from "./format.js";
import { base64Of } from "./photos.js";
import { photoOrRefused } from "./picture.js";
import { MATCH, PAGE_SIZE, requestFor } from "./request.js";
import { current, go, isAsked, isNarrowed, NO_FILTERS, resultsKey } from "./state.js";

const GHOSTS = 12;
const BY_ITSELF = 120; // so many come by scrolling; then a button, so that the page has an end
const MOST_KEPT = 20;
const FILTER_CODES = ["filter_syntax", "unknown_field", "filter_type", "invalid_filter"];

/* Why there may be nothing at all, and what to do about it; the first that is so. */
const EMPTY = [
  {
    is: isNarrowed, said: "Nothing passes these filters.", cure: "Take one off, or all of them.",
    label: "Clear the filters", change: NO_FILTERS,
  },
  {
    is: (view) => view.sort, said: "Nothing here is enough like that to be put in order.",
    cure: "See what comes nearest instead.", label: "Show the nearest", change: { sort: "" },
  },
  {
    is: (view) => view.mode === "text", said: "No item has these words.", cure: "Look for how it looks instead.",
    label: "Search by looks", change: { mode: "visual" },
  },
  { is: () => true, said: "Nothing is left.", cure: "Exclude less.", label: "Exclude nothing", change: { without: [] } },
];

const kept = new Map(); // results by view: pages and how far they were scrolled
let results = null; // those that are shown: {view, pages, hits, isAll}
let running = null; // AbortController
let collection = null;

/** @param {Promise<any>} promised the collection that is searched */
export function startResults(promised) {
  collection = promised;
  $("more-button").addEventListener("click", () => more(true));
  new IntersectionObserver((seen) => {
    if (seen.some((each) => each.isIntersecting) && results && results.hits.length < BY_ITSELF) more(false);
  }, { rootMargin: "700px" }).observe($("more"));
}

/** How far one has scrolled, to come back there. @param {import("./state.js").View} view */
export function rememberScroll(view) {
  const found = kept.get(resultsKey(view));
  if (found) found.scroll = scrollY;
}

/**
 * @param {import("./state.js").View} view
 * @param {boolean} isBack whether it was seen before, and is to look as it did
 */
export async function showResults(view, isBack) {
  running?.abort();
  clear();
  if (!isAsked(view)) return sayNothingAsked(view);
  const found = kept.get(resultsKey(view));
  if (found && isBack) return restore(found);
  results = { view, pages: [], hits: [], isAll: false, image: "", scroll: 0 };
  $("grid").replaceChildren(...Array.from({ length: GHOSTS }, ghost));
  await load();
}

/** @param {string} id @returns {any} the hit of that item, where it was shown */
export const hitOf = (id) => results?.hits.find((hit) => hit.id === id) ?? null;

/**
 * @param {string} id of an item that is shown, as a result or its variant
 * @returns {{rank: number, request: string | null} | null} from 1, and the search that showed it
 */
export function placeOf(id) {
  let rank = 0;
  for (const page of results?.pages ?? []) {
    for (const hit of page.hits) {
      rank += 1;
      if ([hit, ...hit.variants].some((each) => each.id === id)) return { rank, request: requestIdOf(page) };
    }
  }
  return null;
}

/** @param {Error} error */
export function refuse(error) {
  if (error.name === "AbortError") return;
  $("status").textContent = "";
  if (FILTER_CODES.includes(error.code)) refuseFilter(error.message);
  $("error-text").textContent = error.message;
  $("error-retry").hidden = !error.mayPass;
  $("error").hidden = false;
}

async function more(isAskedFor) {
  if (running || !results || results.isAll) return;
  const before = results.hits.length;
  await load();
  if (isAskedFor) $("grid").querySelectorAll(".card .open")[before]?.focus({ preventScroll: true });
}

async function load() {
  const mine = (running = new AbortController());
  const into = results;
  $("grid").setAttribute("aria-busy", "true");
  $("more-button").hidden = true;
  if (!into.pages.length) $("status").textContent = "Searching …";
  try {
    const page = await ask(into, mine.signal);
    if (running !== mine) return;
    add(into, page);
  } catch (error) {
    if (running !== mine) return;
    if (!into.pages.length) $("grid").replaceChildren();
    else $("more-button").hidden = false;
    refuse(error);
  }
  running = null;
  $("grid").removeAttribute("aria-busy");
}

async function ask(into, signal) {
  const known = await collection;
  const { view } = into;
  if (view.photo && !into.image) into.image = await base64Of(await photoOrRefused(view.photo));
  for (;;) {
    const isFirst = !into.pages.length;
    const facets = isFirst ? known?.facets ?? [] : [];
    const asked = { image: into.image, offset: into.hits.length, facets, types: known?.types ?? {} };
    const { path, body } = requestFor(view, asked);
    try {
      return await postJson(path, body, { signal }, sayWaiting);
    } catch (error) {
      // A field of texts that are nearly all different is no facet; its name is in the refusal.
      const wrong = facets.find((name) => error.details?.field === name && error.code === "invalid_query");
      if (!wrong) throw error;
      known.forget(wrong);
    }
  }
}

function add(into, page) {
  const isFirst = !into.pages.length;
  into.pages.push(page);
  into.isAll = page.hits.length < PAGE_SIZE;
  // Where there is no good match, "90% match" would be none: it only says which is the nearest.
  if (isWeak(into.pages[0])) for (const hit of page.hits) hit.relevance = null;
  if (isFirst) {
    $("grid").replaceChildren();
    remember(into);
    collection.then((known) => showFacets(page.facets, known?.types ?? {}, page.total));
    sayPage(into, page);
  }
  append(into, page.hits);
  into.hits.push(...page.hits);
  $("more-button").hidden = into.isAll;
}

/* Where the results stop being what was meant, a line says so. */
function append(into, hits) {
  const first = into.pages[0];
  let before = into.hits.at(-1)?.relevance ?? null;
  for (const hit of hits) {
    const isTurn = first.relevance >= MATCH && before !== null && before >= MATCH && hit.relevance !== null && hit.relevance < MATCH;
    if (isTurn && !into.isTurned) {
      into.isTurned = true;
      $("grid").append(element("li", { className: "turn", textContent: "From here on, less and less like it" }));
    }
    $("grid").append(card(hit));
    before = hit.relevance;
  }
}

function sayPage(into, page) {
  const { view } = into;
  const { length } = page.hits;
  const time = milliseconds(page.took_ms.total);
  const count = isNarrowed(view) && page.total !== null && page.total_is_exact
    ? `${number(page.total)} ${page.total === 1 ? "result" : "results"}, ` : "";
  $("status").textContent = length ? `${count}${view.sort ? "matches only" : "best first"} · ${time}` : "";
  $("status").title = Object.entries(page.took_ms).map(([stage, ms]) => `${stage} ${ms} ms`).join(", ");
  // The empty state says that there is no good match, and says it better.
  const notes = page.warnings.filter((text) => !(isWeak(page) && /no good match/i.test(text)));
  $("warnings").replaceChildren(...notes.map((textContent) => element("li", { textContent })));
  $("warnings").hidden = !notes.length;
  $("weak").hidden = !(isWeak(page) && length);
  if (!length) sayEmpty(view);
}

const isWeak = (page) => page.relevance !== null && page.relevance < MATCH;

function sayEmpty(view) {
  const { said, cure, label, change } = EMPTY.find(({ is }) => is(view));
  $("empty").hidden = false;
  $("empty-said").textContent = said;
  $("empty-cure").textContent = cure;
  $("empty-button").textContent = label;
  $("empty-button").onclick = () => go(change);
}

function sayNothingAsked(view) {
  results = null;
  if (isNarrowed(view)) $("status").textContent = "Say or show what to look for; the filters narrow it.";
}

const sayWaiting = (seconds, why) => fill($("status"), `${why.replace(/\.$/, "")}: trying again in ${Math.ceil(seconds)} s …`);

function clear() {
  $("grid").replaceChildren();
  $("grid").removeAttribute("aria-busy");
  running = null;
  for (const id of ["warnings", "error", "empty", "weak", "more-button"]) $(id).hidden = true;
  $("status").textContent = "";
  $("status").hidden = false;
}

/* ---- back ---- */

function remember(into) {
  kept.set(resultsKey(into.view), into);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
}

function restore(found) {
  const { pages, scroll } = found;
  results = { ...found, pages: [], hits: [], isTurned: false };
  for (const page of pages) add(results, page);
  scrollTo({ top: scroll });
}

/** Asks again for what is shown. */
export const retry = () => showResults(current(), false);
