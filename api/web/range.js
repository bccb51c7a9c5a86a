/* A range of numbers or dates: a histogram with two handles, of which each is a slider by itself. */

import { element } from "./dom.js";
import { fieldName, month, number } from "./format.js";
import { isNumber } from "./fields.js";
import { current, go } from "./state.js";

/**
 * What a slider's whole numbers stand for.
 * @typedef {object} Scale
 * @property {number} most the last step; the first is 0
 * @property {(step: number) => string} value as filters want it
 * @property {(step: number) => string} text as people read it
 * @property {(value: string) => number} step the nearest to a value
 */

const STEPS = 100;

/**
 * @param {any} facet with ranges @param {string} type of its field
 * @param {string[] | undefined} range from and to, as the view has them
 */
export function rangeSection(facet, type, range) {
  const scale = isNumber(type) ? numbers(facet, type) : dates(facet);
  const at = [range?.[0] ? scale.step(range[0]) : 0, range?.[1] ? scale.step(range[1]) : scale.most];
  const said = element("p", { className: "range-said" });
  const bars = histogram(facet);
  const say = () => {
    const [from, to] = ordered(inputs);
    said.textContent = from === 0 && to === scale.most ? "Any" : `${scale.text(from)} – ${scale.text(to)}`;
    inputs.forEach((input) => input.setAttribute("aria-valuetext", scale.text(Number(input.value))));
    bars.forEach((bar, place) => {
      const [start, end] = [place, place + 1].map((edge) => (edge / bars.length) * scale.most);
      bar.classList.toggle("out", end <= from || start >= to);
    });
  };
  const commit = () => {
    const [from, to] = ordered(inputs);
    const wanted = [from > 0 ? scale.value(from) : "", to < scale.most ? scale.value(to) : ""];
    const { ranges } = current();
    const rest = Object.fromEntries(Object.entries(ranges).filter(([name]) => name !== facet.field));
    go({ ranges: wanted.some(Boolean) ? { ...rest, [facet.field]: wanted } : rest });
  };
  const inputs = ["from", "to"].map((end, place) => element("input", {
    type: "range", id: `r-${facet.field}-${end}`, min: "0", max: String(scale.most), step: "1",
    value: String(at[place]), oninput: say, onchange: commit,
    "aria-label": `${fieldName(facet.field)}, ${end === "from" ? "least" : "most"}`,
  }));
  say();
  return element("div", { className: "range" },
    element("div", { className: "bars", "aria-hidden": "true" }, ...bars),
    element("div", { className: "handles" }, ...inputs), said);
}

/** @param {string[]} range @returns {string} */
export function rangeText([from, to]) {
  const text = (value) => (/^\d{4}-\d\d-\d\d$/.test(value) ? month(value) : value);
  if (!from) return `up to ${text(to)}`;
  return to ? `${text(from)} – ${text(to)}` : `from ${text(from)}`;
}

/* Either handle may be the lower one. */
const ordered = (inputs) => inputs.map((input) => Number(input.value)).sort((a, b) => a - b);

function histogram({ ranges }) {
  const most = Math.max(...ranges.map(({ count }) => count), 1);
  return ranges.map(({ count }) => {
    const bar = element("span");
    bar.style.height = `${count ? Math.max(4, (100 * count) / most) : 0}%`;
    return bar;
  });
}

/** @returns {Scale} */
function numbers({ ranges }, type) {
  const start = ranges[0].start;
  const end = ranges.at(-1).end - (type === "integer" ? 1 : 0);
  const width = type === "integer" ? Math.max(1, Math.ceil((end - start) / STEPS)) : (end - start) / STEPS;
  const most = Math.max(1, Math.round((end - start) / width));
  const value = (step) => (step >= most ? end : start + step * width);
  const digits = type === "float" && width < 1 ? 2 : 0;
  // Years are numbers, and 2,012 is none.
  const isYear = type === "integer" && start >= 1000 && end <= 2999;
  return {
    most,
    value: (step) => String(+value(step).toFixed(digits)),
    text: (step) => (isYear ? String(value(step)) : number(+value(step).toFixed(digits))),
    step: (given) => Math.min(most, Math.max(0, Math.round((Number(given) - start) / width))),
  };
}

/** The edges of the ranges: what lies before the last one's end is all. @returns {Scale} */
function dates({ ranges }) {
  const edges = [...ranges.map(({ start }) => start), ranges.at(-1).end];
  return {
    most: ranges.length,
    value: (step) => edges[step],
    text: (step) => month(edges[step]),
    step: (given) => {
      const at = edges.findIndex((edge) => edge >= given);
      return at < 0 ? ranges.length : at;
    },
  };
}
