/* Why an item is a result: what each part of the query gave, and where in the picture words are. */

import { itemPath } from "./api.js";
import { $, element } from "./dom.js";
import { titleOf } from "./picture.js";

const MOST_WORDS = 6;
/* Words that no picture shows by themselves. */
const SMALL = new Set("a an and are as at but by for from in is it its no not of on or that the this to under with without".split(" "));

const SAID = {
  text: (said) => `Words: “${said}”`,
  image: (said, view) => (view.like ? "The part you chose" : "Your picture"),
  item: () => "The picture you chose",
  change: (said) => `Changed: ${said}`,
  without: (said) => `Without: ${said}`,
  words: () => "Words of its title",
  rerank: () => "A second look",
  boost: () => "Raised by the service",
};

/** @param {{kind: string, said: string, value: number}[]} contributions @param {any} view */
export function showContributions(contributions, view) {
  $("why").hidden = !contributions.length;
  // One bar alone would always be full: it is of 1.
  const least = contributions.length > 1 ? 1e-6 : 1;
  const most = Math.max(...contributions.map(({ value }) => Math.abs(value)), least);
  const rows = contributions.map(({ kind, said, value }) => {
    const name = element("span", { className: "why-name", textContent: SAID[kind]?.(said, view) ?? kind });
    if (kind === "item" && view.like) titleOf(view.like).then((title) => (name.textContent = `Looks like ${title}`));
    const bar = element("span", { className: value < 0 ? "meter minus" : "meter" });
    bar.style.width = `${(100 * Math.abs(value)) / most}%`;
    return element("li", {}, name, element("span", { className: "why-value", textContent: signed(value) }),
      element("span", { className: "track", "aria-hidden": "true" }, bar));
  });
  $("why-parts").replaceChildren(...rows);
  const sum = contributions.reduce((total, { value }) => total + value, 0);
  $("why-sum").textContent = contributions.length > 1
    ? `Together ${signed(sum)}: that is what it is ranked by.`
    : "That is what it is ranked by; 1 would be the very same.";
}

const signed = (value) => (value < 0 ? "−" : "") + Math.abs(value).toFixed(3);

/** @param {string} id of an item @param {string} text of the query: its words can be looked for */
export function showPlaces(id, text) {
  const words = wordsOf(text);
  const plainButton = place("Picture", "", id);
  $("places").replaceChildren(plainButton, ...words.map((word) => place(word, word, id)));
  $("place-form").onsubmit = (event) => {
    event.preventDefault();
    const word = $("place-input").value.trim();
    if (word) show(id, word);
  };
  $("place-input").value = "";
  show(id, "");
}

function place(label, word, id) {
  return element("button", {
    type: "button", className: "pill", textContent: label, "data-word": word, "aria-pressed": "false",
    onclick: () => show(id, word),
  });
}

/* The heat map lies over the picture; without a word there is only the picture. */
function show(id, word) {
  const heat = $("details-heat");
  for (const button of $("places").children) button.setAttribute("aria-pressed", String(button.dataset.word === word));
  $("places-note").textContent = word ? `Warm is where the model finds “${word}”.` : "";
  heat.hidden = true;
  heat.removeAttribute("src");
  heat.onload = () => (heat.hidden = false);
  heat.onerror = () => ($("places-note").textContent = "This model cannot say where in the picture it finds that.");
  if (!word) return;
  heat.alt = `Where “${word}” is in the picture`;
  heat.src = `${itemPath(id)}/heatmap?${new URLSearchParams({ text: word, size: "800" })}`;
}

/** @param {string} text @returns {string[]} the whole of it and its words, each once */
function wordsOf(text) {
  const words = text.replaceAll('"', " ").split(/[\s,;]+/)
    .filter((word) => word.length > 2 && !word.startsWith("-") && !SMALL.has(word.toLowerCase()));
  const all = words.length > 1 ? [text, ...words] : words;
  return [...new Set(all.map((each) => each.trim()))].slice(0, MOST_WORDS);
}
