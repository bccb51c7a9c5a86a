/* The details of an item, in a dialog: its picture, what the catalogue says, and why it is a result.
   An open dialog is a view like any other: it has an address, and "back" closes it. */

import { fetchJson, imagePath, itemPath, postJson } from "./api.js";
import { fitOf, priceOf } from "./card.js";
import { $, element, fill } from "./dom.js";
import { fieldName, plain } from "./format.js";
import { base64Of } from "./photos.js";
import { photoOrRefused } from "./picture.js";
import { requestFor } from "./request.js";
import { hitOf } from "./results.js";
import { addressOf, current, goBack, isAsked, NOTHING } from "./state.js";
import { showContributions, showPlaces } from "./why.js";

const SHOWN_APART = new Set(["price", "currency", "brand"]);

let collection = null;

/** @param {Promise<any>} promised the collection that is searched */
export function startDetails(promised) {
  collection = promised;
  const dialog = $("details");
  const close = () => goBack({ ...current(), item: "" });
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault(); // the address closes it
    close();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && close());
  $("details-close").addEventListener("click", close);
}

/** @param {import("./state.js").View} view */
export async function showDetails(view) {
  const dialog = $("details");
  if (!view.item) return dialog.open && dialog.close();
  $("details-error").hidden = true;
  $("details-body").hidden = false;
  const hit = hitOf(view.item);
  showItem(hit ?? { id: view.item, title: "", fields: {}, extra: {} }, view);
  showWhy(hit, view);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  try {
    const known = hit ?? (await fetchJson(itemPath(view.item)));
    if (current().item !== view.item) return;
    showItem(known, view);
    if (!hit) await explain(view);
  } catch (error) {
    $("details-body").hidden = true;
    fill($("details-error"), error.message);
  }
}

function showItem(item, view) {
  const title = item.title || item.id;
  $("details-title").textContent = title;
  $("details-image").alt = title;
  const image = imagePath(item.id, 800);
  if ($("details-image").getAttribute("src") !== image) $("details-image").src = image;
  const { brand } = { ...item.extra, ...item.fields };
  fill($("details-brand"), typeof brand === "string" ? brand : "");
  fill($("details-price"), priceOf(item));
  $("details-like").href = addressOf({ ...NOTHING, like: item.id });
  const rows = Object.entries({ ...item.fields, ...item.extra })
    .filter(([name, value]) => !SHOWN_APART.has(name) && value !== null && plain(value) !== "")
    .map(([name, value]) => [fieldName(name), typeof value === "object" && !Array.isArray(value) ? JSON.stringify(value) : plain(value)]);
  const id = rows.length || item.title ? [["Id", item.id]] : [];
  $("details-fields").replaceChildren(...[...rows, ...id].flatMap(([name, value]) => [
    element("dt", { textContent: name }), element("dd", { textContent: value }),
  ]));
  showPlaces(item.id, view.q);
}

function showWhy(hit, view) {
  fill($("details-fit"), hit ? fitOf(hit) : "");
  showContributions(hit?.contributions ?? [], view);
}

/* Of an item that is not among the results that are shown, the service is asked by itself. By words
   the comparison is with the best of all, and of one alone it would be wrong. */
async function explain(view) {
  if (!isAsked(view) || view.mode !== "visual") return;
  const known = await collection;
  const image = view.photo ? await base64Of(await photoOrRefused(view.photo)) : "";
  const { path, body } = requestFor(view, { image, limit: 1, only: view.item, types: known?.types ?? {} });
  const page = await postJson(path, body).catch(() => null);
  if (page?.hits.length && current().item === view.item) showWhy(page.hits[0], view);
}
