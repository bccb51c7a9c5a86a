/* One result: its picture, what it is, what it costs, how well it fits, and its other variants. */

import { imagePath } from "./api.js";
import { dragItem } from "./drop.js";
import { element, fill, icon } from "./dom.js";
import { money, percent, plain } from "./format.js";
import { knowTitle } from "./picture.js";
import { addressOf, current, NOTHING } from "./state.js";

const MOST_SWATCHES = 5;

/** @param {any} hit @returns {string} how well it fits, in words */
export const fitOf = (hit) =>
  hit.relevance === null ? `score ${hit.score.toFixed(2)}` : `${percent(hit.relevance)} match`;

/** @param {any} item @returns {string} */
export function priceOf(item) {
  const { price, currency } = { ...item.extra, ...item.fields };
  return money(price, currency);
}

/** @param {any} hit @returns {HTMLElement} */
export function card(hit) {
  const picture = element("img", { loading: "lazy", decoding: "async", width: 400, height: 400, alt: "" });
  const open = element("a", { className: "open", draggable: true });
  const like = element("a", { className: "act like" }, icon("like"), element("span", { textContent: "More like this" }));
  const why = element("a", { className: "act why" }, icon("why"), element("span", { textContent: "Why?" }));
  const badge = element("span", { className: "badge", hidden: true, textContent: "Out of stock" });
  const fit = element("span", { className: "fit" });
  const frame = element("div", { className: "picture" }, picture, badge, fit);
  const [brand, price] = [element("p", { className: "by" }), element("p", { className: "price" })];
  const node = element("li", { className: "card" }, frame,
    element("div", { className: "text" }, element("h3", { className: "title" }, open), brand, price),
    element("div", { className: "acts" }, like, why));
  picture.addEventListener("error", () => frame.classList.add("none"));
  picture.addEventListener("load", () => frame.classList.remove("none"));
  open.addEventListener("dragstart", (event) => {
    dragItem(event, node.dataset.id);
    event.dataTransfer.setDragImage(picture, 60, 60);
  });
  const show = (item) => {
    const title = item.title || item.id;
    knowTitle(item);
    node.dataset.id = item.id;
    picture.src = item.thumbnail_url;
    badge.hidden = item.fields.in_stock !== false;
    fit.textContent = fitOf(item);
    open.textContent = title;
    open.href = why.href = addressOf({ ...current(), item: item.id });
    // Everything that was said was said about something else.
    like.href = addressOf({ ...NOTHING, like: item.id });
    like.setAttribute("aria-label", `More like this: ${title}`);
    why.setAttribute("aria-label", `Why is this here: ${title}`);
    fill(brand, makerOf(item));
    fill(price, priceOf(item));
  };
  show(hit);
  if (hit.variants.length) node.append(swatches(hit, show));
  return node;
}

function makerOf({ fields, extra }) {
  const { brand } = { ...extra, ...fields };
  return typeof brand === "string" ? brand : "";
}

/* The other images of a product. The pointer looks, a click stays. */
function swatches(hit, show) {
  const all = [hit, ...hit.variants];
  let kept = hit;
  const buttons = all.slice(0, MOST_SWATCHES).map((item) => element("button", {
    type: "button", className: "swatch", "aria-pressed": String(item === hit),
    "aria-label": variantName(item, all), title: variantName(item, all),
    onpointerenter: (event) => event.pointerType === "mouse" && show(item),
    onpointerleave: () => show(kept),
    onclick: () => {
      kept = item;
      show(item);
      buttons.forEach((each) => each.setAttribute("aria-pressed", String(each === button(item))));
    },
  }, element("img", { src: imagePath(item.id, 64), alt: "", loading: "lazy", width: 28, height: 28 })));
  const button = (item) => buttons[all.indexOf(item)];
  const more = hit.variant_count + 1 - buttons.length;
  return element("div", { className: "swatches", role: "group", "aria-label": "Variants" }, ...buttons,
    more > 0 ? element("span", { className: "more-swatches", textContent: `+${more}` }) : null);
}

/* What tells it from its siblings: the values in which they differ, or its title. */
function variantName(item, all) {
  const telling = Object.keys(item.fields).filter((name) => typeof item.fields[name] === "string"
    && name !== "added_on" && all.some((other) => other.fields[name] !== item.fields[name]));
  return telling.map((name) => plain(item.fields[name])).join(", ") || item.title || item.id;
}

/** @returns {HTMLElement} a place that is kept for a result */
export function ghost() {
  return element("li", { className: "card ghost", "aria-hidden": "true" },
    element("div", { className: "picture" }),
    element("div", { className: "text" }, element("div", { className: "bone" }), element("div", { className: "bone" })));
}
