/* The picture of the query, large: the part of it that counts, and how much it counts beside words. */

import { fetchJson, imagePath, itemPath, Refused } from "./api.js";
import { showChip } from "./box.js";
import { Crop } from "./crop.js";
import { $ } from "./dom.js";
import { percent } from "./format.js";
import { photoNamed } from "./photos.js";
import { hasBoth } from "./request.js";
import { current, go, hasPicture, onView } from "./state.js";

let crop = null;
let url = ""; // object URL of the photo that is shown
let name = ""; // and its name
const titles = new Map(); // of items that were asked with

/** Begins to show the picture of each view. */
export function startPicture() {
  crop = new Crop($("crop"), (edges) => go({ crop: edges }));
  const share = $("share");
  share.addEventListener("input", () => sayShare(Number(share.value)));
  share.addEventListener("change", () => go({ share: Number(share.value) }, { replace: true }));
  onView(showView);
  showView(current());
}

async function showView(view) {
  $("asked").hidden = !hasPicture(view);
  $("weigh").hidden = !hasBoth(view);
  $("share").value = view.share;
  sayShare(view.share);
  crop.show(view.crop);
  if (view.photo) await showPhoto(view.photo);
  if (view.like) await showItem(view.like);
}

async function showPhoto(wanted) {
  if (name !== wanted) {
    const photo = await photoNamed(wanted);
    if (current().photo !== wanted) return;
    URL.revokeObjectURL(url);
    url = photo ? URL.createObjectURL(photo) : "";
    name = wanted;
  }
  $("asked-image").src = url;
  $("asked-image").alt = "Your picture";
  showChip(url, "Your picture");
}

async function showItem(id) {
  $("asked-image").src = imagePath(id, 400);
  const title = await titleOf(id);
  if (current().like !== id) return;
  $("asked-image").alt = title;
  showChip("", title);
}

/** @param {string} id @returns {Promise<string>} its title; the id where it has none */
export async function titleOf(id) {
  if (!titles.has(id)) {
    const item = await fetchJson(itemPath(id)).catch(() => null);
    if (!item) return id;
    titles.set(id, item.title || id);
  }
  return titles.get(id);
}

/** @param {{id: string, title: string}} item */
export const knowTitle = (item) => titles.set(item.id, item.title || item.id);

/** @param {string} photo @returns {Promise<Blob>} rejects with `Refused` where it is gone */
export async function photoOrRefused(photo) {
  const found = await photoNamed(photo);
  if (found) return found;
  throw new Refused({
    code: "photo_gone",
    message: "This link names a picture that only the browser knows in which it was picked. Pick it again.",
  });
}

function sayShare(share) {
  $("share").setAttribute("aria-valuetext", `Picture ${percent(share)}, words ${percent(1 - share)}`);
  $("share-words").textContent = `Words ${percent(1 - share)}`;
  $("share-picture").textContent = `Picture ${percent(share)}`;
}
