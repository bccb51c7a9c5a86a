/* A view as the service is asked for it: POST /v1/search, or /v1/similar for an item alone, whole. */

import { HALF, hasPicture } from "./state.js";

export const PAGE_SIZE = 24;
export const MATCH = 0.5; // from here on the service calls it a match

/**
 * @param {import("./state.js").View} view
 * @param {object} options
 * @param {string} [options.image] the photo, base64
 * @param {number} [options.offset]
 * @param {number} [options.limit]
 * @param {string[]} [options.facets] fields to count
 * @param {string} [options.only] id of the one item that is asked about
 * @param {Object<string, string>} options.types types of the fields that filters name
 * @returns {{path: string, body: Object<string, any>}}
 */
export function requestFor(view, { image = "", offset = 0, limit = PAGE_SIZE, facets = [], only = "", types }) {
  const body = { ...what(view, image), limit, by: only ? "item" : "product" };
  if (offset) body.offset = offset;
  const filter = filterOf(view, types, only);
  if (filter) body.filter = filter;
  if (view.without.length) body.without = view.without;
  if (view.mode !== "visual" && view.q) body.mode = view.mode;
  // In order of price, what is not meant would come first: only what matches is put in order.
  if (view.sort && !only) Object.assign(body, { sort: [view.sort], min_relevance: MATCH });
  body.relevance = true;
  body.explain = true;
  if (facets.length) Object.assign(body, { facets, total: true });
  return { path: body.items ? "v1/similar" : "v1/search", body };
}

function what(view, image) {
  if (view.like && !view.crop && !view.q) return { items: [{ id: view.like }] };
  const crop = view.crop ? { crop: view.crop } : {};
  const picture = view.like ? { item: view.like, ...crop } : { image, ...crop };
  if (!hasPicture(view)) return { text: view.q || notWords(view) };
  if (!view.q) return picture;
  const weighed = (share) => (view.share === HALF ? {} : { weight: +(2 * share).toFixed(2) });
  return {
    parts: [{ ...picture, ...weighed(view.share) }, { text: view.q, ...weighed(1 - view.share) }],
  };
}

/* Nothing but exclusions: "not red" is everything else. Said in words, because a text has to be. */
const notWords = (view) => `not ${view.without[0] ?? ""}`;

/**
 * The short text form of the view's filters.
 * @param {import("./state.js").View} view @param {Object<string, string>} types by field
 * @param {string} [only] id of the only item
 */
function filterOf(view, types, only = "") {
  const terms = view.filter ? [isAlone(view, only) ? view.filter : `(${view.filter})`] : [];
  for (const [field, values] of Object.entries(view.picked)) {
    if (!values.length) continue;
    const sign = types[field] === "strings" ? ":" : "=";
    const isBare = ["boolean", "integer", "float"].includes(types[field]);
    terms.push(`${name(field)}${sign}${values.map((value) => (isBare ? value : quoted(value))).join(",")}`);
  }
  for (const [field, [from, to]] of Object.entries(view.ranges)) {
    if (from || to) terms.push(`${name(field)}:${from}..${to}`);
  }
  if (only) terms.push(`id=${quoted(only)}`);
  return terms.join(" ");
}

const isAlone = (view, only) =>
  !only && !Object.keys(view.picked).length && !Object.keys(view.ranges).length;
const quoted = (text) => `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
const name = (field) => (/^[\p{L}_][\p{L}\p{N}_.]*$/u.test(field) ? field : quoted(field));

/** @param {import("./state.js").View} view @returns {boolean} */
export const hasBoth = (view) => hasPicture(view) && Boolean(view.q);
