/* Before the first query: words to begin with, and pictures to begin from. */

import { postJson } from "./api.js";
import { $, element } from "./dom.js";
import { number } from "./format.js";
import { addressOf, isAsked } from "./state.js";

const PICTURES = 18;
const WORDS = 8;

let isFilled = false;

/** @param {import("./state.js").View} view @param {Promise<any>} collection */
export function showStart(view, collection) {
  const isShown = !isAsked(view);
  $("start").hidden = !isShown;
  document.body.classList.toggle("at-start", isShown);
  if (isShown && !isFilled) fillStart(collection).catch(sayWhyNot);
}

/* One request: what items are called, and pictures that differ. */
async function fillStart(collection) {
  isFilled = true;
  const places = Array.from({ length: PICTURES }, () => element("li", { className: "ghost" }, element("span", { className: "picture" })));
  $("wall").replaceChildren(...places);
  const known = await collection;
  if (!known) return;
  $("about").textContent = `${number(known.items)} items`;
  const body = { text: "product", limit: PICTURES, by: "product", diversity: 0.5, literal: true, ...(known.kind ? { facets: [known.kind] } : {}) };
  const page = await postJson("v1/search", body);
  $("wall").replaceChildren(...page.hits.map(picture));
  const kinds = page.facets[0]?.values.slice(0, WORDS) ?? [];
  $("kinds").replaceChildren(...kinds.map(({ value }) =>
    element("li", {}, element("a", { className: "pill", href: addressOf({ q: String(value) }), textContent: String(value) }))));
}

const picture = (hit) => element("li", {},
  element("a", { href: addressOf({ like: hit.id }), "aria-label": `More like this: ${hit.title || hit.id}` },
    element("img", { src: hit.thumbnail_url, alt: "", decoding: "async", width: 400, height: 400 })));

function sayWhyNot(error) {
  isFilled = false;
  $("wall").replaceChildren();
  $("about").textContent = error.message;
}
