/* The search page: puts its parts together. */

import { startBox } from "./box.js";
import { startCopy } from "./copy.js";
import { showDetails, startDetails } from "./details.js";
import { $, isPlainClick } from "./dom.js";
import { startDrop } from "./drop.js";
import { servedCollection } from "./fields.js";
import { startFeedback } from "./feedback.js";
import { showFilters, startFilters } from "./filters.js";
import { number } from "./format.js";
import { lock, unlocked } from "./key.js";
import { startPicture, titleOf } from "./picture.js";
import { refuse, rememberScroll, retry, showResults, startResults } from "./results.js";
import { current, go, isAsked, onView, resultsKey, tell, viewOf } from "./state.js";
import { showStart } from "./start.js";
import { closeSuggestions } from "./suggest.js";

history.scrollRestoration = "manual"; // results come later than the browser would scroll
let isBack = false;

const session = unlocked();
const collection = session.then(servedCollection);

startBox(refuse);
startDrop(refuse);
startPicture();
startFilters();
startResults(collection.catch(() => null)); // a search that fails too says why
startDetails(collection.catch(() => null));
startCopy(collection.catch(() => null), session);
startFeedback(session);
showTools();

onView(showView);
showView(current(), null);

function showView(view, before) {
  const isSame = before && resultsKey(before) === resultsKey(view);
  if (!isSame) {
    closeSuggestions();
    showStart(view, collection);
    $("layout").hidden = !isAsked(view);
    $("sort").value = view.sort;
    $("mode").value = view.mode;
    $("mode-label").hidden = !view.q;
    $("copied-text").hidden = true;
    $("copied").textContent = "";
    $("copy").open = false;
    showFilters(view);
    showHeading(view);
    showResults(view, isBack);
    if (!isBack && before && isAnotherQuestion(before, view)) scrollTo({ top: 0 });
  }
  isBack = false;
  showDetails(view);
}

/* Filters and order leave one where one is. */
const isAnotherQuestion = (before, view) =>
  ["q", "like", "photo"].some((name) => before[name] !== view[name]);

async function showHeading(view) {
  const words = view.q ? `“${view.q}”` : view.without.map((phrase) => `Not ${phrase}`).join(", ");
  const say = (picture) => {
    const seen = `${view.crop ? "a part of " : ""}${picture}`;
    $("heading").textContent = picture ? `Looks like ${seen}${words && ` and ${words}`}` : words;
    document.title = isAsked(view) ? `${$("heading").textContent} · vitrine` : "vitrine";
  };
  say(view.photo ? "your picture" : view.like);
  if (!view.like) return;
  const title = await titleOf(view.like);
  if (current() === view || current().like === view.like) say(title);
}

async function showTools() {
  $("sort").addEventListener("change", () => go({ sort: $("sort").value }));
  $("mode").addEventListener("change", () => go({ mode: $("mode").value }));
  $("error-retry").addEventListener("click", retry);
  $("lock").addEventListener("click", lock);
  session.then((said) => {
    $("lock").hidden = !said?.needs_key;
    $("operate").hidden = said?.scope !== "admin";
  });
  const known = await collection.catch(() => null);
  if (!known) return;
  const option = ({ value, text }) => Object.assign(document.createElement("option"), { value, textContent: text });
  $("sort").replaceChildren(...known.sorts.map(option));
  $("sort").value = current().sort;
  $("sort-label").hidden = known.sorts.length < 2;
  $("served").textContent = `${number(known.items)} items · ${known.name} · ${known.model}`;
}

/* Links of this page change the view and load nothing anew. */
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || !isPlainClick(event) || link.target) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || url.pathname !== location.pathname || url.hash) return;
  event.preventDefault();
  rememberScroll(current());
  const { activeElement } = document;
  go(viewOf(url.search));
  if (activeElement === link && !current().item) $("results").focus({ preventScroll: true });
});

addEventListener("popstate", () => {
  isBack = true;
  tell();
});

addEventListener("scroll", () => rememberScroll(current()), { passive: true });

addEventListener("keydown", (event) => {
  const isTyping = document.activeElement?.matches?.("input:not([type=checkbox], [type=range]), textarea, select");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  $("q").focus();
});
