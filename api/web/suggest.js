/* Suggestions under the query box, after the ARIA pattern of a combobox with a list.
   Where there are none to be had, nothing is said. */

import { fetchJson } from "./api.js";
import { $, element } from "./dom.js";

const WAIT_MS = 120;
const MOST = 8;
const LONGEST = 200; // what the service takes; no title begins with more

let timer = 0;
let running = null; // AbortController
let input = null;

/** @param {HTMLInputElement} box @param {(text: string) => void} choose */
export function suggestFor(box, choose) {
  input = box;
  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => suggest(box.value.trim(), choose), WAIT_MS);
  });
  box.addEventListener("blur", closeSuggestions);
  box.addEventListener("keydown", (event) => onKey(event, choose));
}

/** Takes the list away, and whatever is still asked for. */
export function closeSuggestions() {
  clearTimeout(timer);
  running?.abort();
  $("suggestions").hidden = true;
  $("suggestions").replaceChildren();
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

async function suggest(text, choose) {
  if (text.length < 2 || text.length > LONGEST) return closeSuggestions();
  running?.abort();
  running = new AbortController();
  try {
    const asked = new URLSearchParams({ q: text, limit: String(MOST) });
    const { suggestions } = await fetchJson(`v1/suggest?${asked}`, { signal: running.signal });
    if (document.activeElement === input && input.value.trim() === text) show(suggestions, text, choose);
  } catch (error) {
    if (error.name !== "AbortError") closeSuggestions();
  }
}

function show(suggestions, typed, choose) {
  const wanted = suggestions.filter(({ text }) => text.toLowerCase() !== typed.toLowerCase());
  if (!wanted.length) return closeSuggestions();
  $("suggestions").replaceChildren(...wanted.map(({ text }, place) =>
    element("li", {
      id: `suggestion-${place}`, role: "option", "aria-selected": "false", "data-text": text,
      // Before the box loses its focus, and the list with it.
      onmousedown: (event) => event.preventDefault(),
      onclick: () => choose(text),
    }, ...emphasised(text, typed))));
  $("suggestions").hidden = false;
  input.setAttribute("aria-expanded", "true");
  input.removeAttribute("aria-activedescendant");
}

/* What is not typed yet stands out. */
function emphasised(text, typed) {
  const isBeginning = text.toLowerCase().startsWith(typed.toLowerCase());
  const cut = isBeginning ? typed.length : 0;
  return [text.slice(0, cut), element("b", { textContent: text.slice(cut) })];
}

function onKey(event, choose) {
  const options = [...$("suggestions").children];
  if (event.key === "Escape" && options.length) {
    event.preventDefault(); // else the browser empties the box
    return closeSuggestions();
  }
  const at = options.findIndex((each) => each.getAttribute("aria-selected") === "true");
  if (event.key === "Enter" && at >= 0) {
    event.preventDefault();
    return choose(options[at].dataset.text);
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !options.length) return;
  event.preventDefault();
  const next = at < 0 && step < 0 ? options.length - 1 : (at + step + options.length) % options.length;
  options.forEach((each, place) => each.setAttribute("aria-selected", String(place === next)));
  options[next].scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", options[next].id);
}
