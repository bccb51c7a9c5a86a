/* What is asked, and the address that says it: every view is a link, and "back" goes back.

   A view is its address and nothing else. Pictures of one's own are too large for one: the address
   names them, and the browser keeps them (photos.js). */

/** @typedef {string | number | boolean | string[] | null} Value */
/**
 * @typedef {object} View
 * @property {string} q the words
 * @property {string} like id of the item that is asked with
 * @property {string} photo name of the picture that is asked with
 * @property {number[] | null} crop the part of the picture that counts: x0, y0, x1, y1, 0 to 1
 * @property {number} share how much a picture counts beside words, 0.1 to 0.9
 * @property {string[]} without what no result may show
 * @property {string} filter a filter that somebody wrote
 * @property {Object<string, string[]>} picked values by field: any of them
 * @property {Object<string, string[]>} ranges by field: from and to, either may be empty
 * @property {string} sort a field, `-` before it for the largest first; nothing for the best first
 * @property {"visual" | "hybrid" | "text"} mode
 * @property {string} item id of the item whose details are open
 */

export const HALF = 0.5;
const MODES = ["visual", "hybrid", "text"];

/** @type {View} */
export const NOTHING = Object.freeze({
  q: "", like: "", photo: "", crop: null, share: HALF, without: [], filter: "",
  picked: {}, ranges: {}, sort: "", mode: "visual", item: "",
});

/** @param {string} search the address from its question mark on @returns {View} */
export function viewOf(search) {
  const params = new URLSearchParams(search);
  const text = (name) => (params.get(name) ?? "").trim();
  const picked = {}, ranges = {};
  for (const key of new Set(params.keys())) {
    if (key.startsWith("f.")) picked[key.slice(2)] = [...new Set(params.getAll(key))];
    if (key.startsWith("r.")) ranges[key.slice(2)] = rangeOf(params.get(key));
  }
  const mode = text("mode");
  return {
    ...NOTHING, q: text("q"), like: params.get("like") ?? "", photo: text("photo"),
    crop: cropOf(text("crop")), share: shareOf(text("share")), filter: text("filter"),
    without: [...new Set(params.getAll("not").map((phrase) => phrase.trim()).filter(Boolean))],
    picked, ranges, sort: text("sort"), mode: MODES.includes(mode) ? mode : "visual",
    item: params.get("item") ?? "",
  };
}

/** @param {Partial<View>} given @returns {string} the address, relative to the page */
export function addressOf(given) {
  const view = { ...NOTHING, ...given };
  const params = new URLSearchParams();
  const put = (name, value) => value && params.append(name, value);
  for (const name of ["q", "like", "photo"]) put(name, view[name]);
  if (hasPicture(view)) put("crop", view.crop?.map((edge) => +edge.toFixed(3)).join(","));
  if (hasPicture(view) && view.q && view.share !== HALF) put("share", view.share);
  for (const phrase of view.without) put("not", phrase);
  for (const [field, values] of Object.entries(view.picked)) for (const value of values) put(`f.${field}`, value);
  for (const [field, [from, to]] of Object.entries(view.ranges)) if (from || to) put(`r.${field}`, `${from}..${to}`);
  put("filter", view.filter);
  put("sort", view.sort);
  if (view.mode !== "visual") put("mode", view.mode);
  put("item", view.item);
  const text = params.toString();
  return text ? `?${text}` : location.pathname;
}

/** @param {View} view @returns {string} the same for views that show the same results */
export const resultsKey = (view) => addressOf({ ...view, item: "" });

/** @param {View} view */
export const hasPicture = (view) => Boolean(view.like || view.photo);

/** @param {View} view @returns {boolean} whether there is anything to search for */
export const isAsked = (view) => Boolean(view.q || hasPicture(view) || view.without.length);

/** @param {View} view @returns {boolean} whether a filter of any sort is set */
export const isNarrowed = (view) =>
  Boolean(view.filter || Object.keys(view.picked).length || Object.keys(view.ranges).length);

/** Takes all filters off. @type {Partial<View>} */
export const NO_FILTERS = { filter: "", picked: {}, ranges: {} };

/* ---- the view that is shown ---- */

const listeners = [];
let shown = viewOf(location.search);

/** @returns {View} */
export const current = () => shown;

/** @param {(view: View, before: View | null) => void} listener told of every change of view */
export const onView = (listener) => listeners.push(listener);

/** @param {Partial<View>} change what is different from now @param {{replace?: boolean}} [how] */
export function go(change, { replace = false } = {}) {
  const address = addressOf({ ...shown, ...change });
  const inside = (history.state?.inside ?? 0) + (replace ? 0 : 1);
  history[replace ? "replaceState" : "pushState"]({ inside }, "", address);
  tell();
}

/** Back to where one was before on this page; else to `instead`. @param {Partial<View>} instead */
export function goBack(instead) {
  if (history.state?.inside > 0) history.back();
  else go(instead, { replace: true });
}

/** Shows what the address says. */
export function tell() {
  const before = shown;
  shown = viewOf(location.search);
  for (const listener of listeners) listener(shown, before);
}

/* ---- what addresses say in numbers ---- */

function cropOf(text) {
  const edges = text.split(",").map(Number);
  const [x0, y0, x1, y1] = edges;
  const isBox = edges.length === 4 && 0 <= x0 && x0 < x1 && x1 <= 1 && 0 <= y0 && y0 < y1 && y1 <= 1;
  return isBox ? edges : null;
}

function shareOf(text) {
  const share = Number(text);
  return text && share >= 0.1 && share <= 0.9 ? share : HALF;
}

function rangeOf(text) {
  const [from = "", to = ""] = text.split("..");
  return [from, to];
}
