/* The query box: words, the picture beside them, and what is not wanted. */

import { imagePath } from "./api.js";
import { $, fill, removable } from "./dom.js";
import { keepPhoto } from "./photos.js";
import { current, go, hasPicture, onView } from "./state.js";
import { closeSuggestions, suggestFor } from "./suggest.js";

/** @param {(error: Error) => void} refuse shows what could not be done */
export function startBox(refuse) {
  const form = $("search");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    searchFor(form.q.value);
  });
  suggestFor(form.q, searchFor);
  $("chip-remove").addEventListener("click", () => {
    go({ like: "", photo: "", crop: null, q: form.q.value.trim() });
    form.q.focus();
  });
  $("file").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (file) await searchByPhoto(file).catch(refuse);
    event.target.value = ""; // the same file can be picked again
  });
  startNots();
  onView(showView);
  showView(current());
}

/** @param {string} text */
function searchFor(text) {
  closeSuggestions();
  go({ q: text.trim(), item: "" });
}

/** The photo takes the place of any picture of the query; words stay. @param {File | Blob} file */
export async function searchByPhoto(file) {
  const photo = await keepPhoto(file);
  go({ photo, like: "", crop: null, item: "", q: $("q").value.trim() });
}

/** @param {string} id of an item that is to be asked with */
export const searchByItem = (id) => go({ like: id, photo: "", crop: null, item: "", q: $("q").value.trim() });

function showView(view) {
  $("q").value = view.q;
  $("chip").hidden = !hasPicture(view);
  if (view.like) {
    $("chip-image").src = imagePath(view.like, 96);
    $("chip-text").textContent = "Picture";
  }
  $("q").placeholder = hasPicture(view) ? "Add words, such as “in blue”" : "Describe it, or show a picture";
  showNots(view);
}

/** What the picture of the query looks like, and is called. @param {string} url @param {string} text */
export function showChip(url, text) {
  if (url) $("chip-image").src = url;
  fill($("chip-text"), text);
}

/* ---- what is not wanted ---- */

function startNots() {
  const [adding, input] = [$("not-add"), $("not-input")];
  const close = () => {
    input.value = "";
    input.hidden = true;
    adding.hidden = false;
    adding.setAttribute("aria-expanded", "false");
  };
  adding.addEventListener("click", () => {
    adding.hidden = true;
    input.hidden = false;
    input.focus();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      close();
      adding.focus();
    }
    if (event.key !== "Enter") return;
    event.preventDefault();
    const phrase = input.value.trim().replace(/^(not|no|without|-)\s*/i, "");
    close();
    if (phrase) exclude(phrase);
    adding.focus();
  });
  input.addEventListener("blur", () => !input.value.trim() && close());
}

/** @param {string} phrase that no result may show */
function exclude(phrase) {
  const { without } = current();
  go({ without: [...new Set([...without, phrase])], q: $("q").value.trim() });
}

function showNots({ without }) {
  const drop = (phrase) => {
    go({ without: current().without.filter((each) => each !== phrase) });
    $("not-add").focus();
  };
  $("nots").replaceChildren(...without.map((phrase) =>
    removable(`not ${phrase}`, `Remove: not ${phrase}`, () => drop(phrase), "not")));
  $("nots").hidden = !without.length;
}
