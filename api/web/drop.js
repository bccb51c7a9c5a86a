/* Pictures that are dropped or pasted anywhere on the page; results that are dragged into the box. */

import { Refused } from "./api.js";
import { searchByItem, searchByPhoto } from "./box.js";
import { $ } from "./dom.js";
import { chose } from "./feedback.js";

const ITEM = "application/x-vitrine-item";

/** @param {(error: Error) => void} refuse shows what could not be done */
export function startDrop(refuse) {
  const show = (is) => $("drop").classList.toggle("on", is);
  addEventListener("dragover", (event) => {
    if (!kindOf(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    $("drop-text").textContent = kindOf(event) === ITEM
      ? "Drop it on the search box to find more like it" : "Drop the picture to search by it";
    show(true);
  });
  addEventListener("dragleave", (event) => !event.relatedTarget && show(false));
  addEventListener("dragend", () => show(false));
  addEventListener("drop", async (event) => {
    show(false);
    const kind = kindOf(event);
    if (!kind) return;
    event.preventDefault();
    // A result that slips out of the hand over the results is no query.
    if (kind === ITEM) return event.target.closest?.("#search, #asked") && useItem(event.dataTransfer.getData(ITEM));
    await usePicture([...event.dataTransfer.files]).catch(refuse);
  });
  addEventListener("paste", async (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    await usePicture(files).catch(refuse);
  });
}

/** @param {DragEvent} event of an item that begins to be dragged @param {string} id */
export function dragItem(event, id) {
  event.dataTransfer.setData(ITEM, id);
  event.dataTransfer.effectAllowed = "copy";
}

/* Dragging a picture of the page offers it as a file too: then it is the item that is meant. */
function kindOf(event) {
  const types = [...(event.dataTransfer?.types ?? [])];
  return [ITEM, "Files"].find((kind) => types.includes(kind)) ?? null;
}

function useItem(id) {
  chose(id);
  searchByItem(id);
}

async function usePicture(files) {
  const picture = files.find((file) => file.type.startsWith("image/"));
  if (picture) return searchByPhoto(picture);
  throw new Refused({ code: "no_image", message: `“${files[0]?.name ?? "That"}” is no picture.` });
}
