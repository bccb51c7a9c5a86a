/* How numbers, prices, dates and names of fields are written, in the reader's own language. */

/** @param {unknown} price @param {unknown} currency @returns {string} nothing where it is no number */
export function money(price, currency) {
  if (typeof price !== "number") return "";
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency: String(currency) }).format(price);
  } catch {
    return new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(price);
  }
}

/** @param {number} value @returns {string} */
export const number = (value) => new Intl.NumberFormat().format(value);

/** @param {number} share 0 to 1 @returns {string} */
export const percent = (share) => new Intl.NumberFormat(undefined, { style: "percent" }).format(share);

/** @param {number} ms @returns {string} */
export const milliseconds = (ms) =>
  `${new Intl.NumberFormat(undefined, { maximumFractionDigits: ms < 10 ? 1 : 0 }).format(ms)} ms`;

/** @param {string} day as 2024-05-31 @returns {string} */
export const month = (day) =>
  new Date(`${day}T12:00:00`).toLocaleDateString(undefined, { month: "short", year: "numeric" });

/** @param {string} name of a field, `article_type` @returns {string} Article type */
export function fieldName(name) {
  const words = name.replaceAll(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** @param {import("./state.js").Value} value @returns {string} */
export function plain(value) {
  if (value === true) return "yes";
  if (value === false) return "no";
  if (Array.isArray(value)) return value.join(", ");
  return typeof value === "number" ? String(value) : String(value ?? "");
}

/* Colours of things, not of lamps: and names that CSS does not know. */
const COLOURS = {
  red: "#cf3a30", blue: "#2f63c8", green: "#3c8f4c", yellow: "#f0cb3c", orange: "#ea8a30",
  purple: "#7b4aae", pink: "#f09bb6", brown: "#77502f", navy: "#202c57", grey: "#8e9094",
  "navy blue": "#202c57", "off white": "#f5f1e6", "rust": "#a4502a", "mustard": "#d9a928",
  "cream": "#f6edd5", "charcoal": "#3c4046", "burgundy": "#6d1530", "nude": "#e3bc9a",
  "camel": "#b98a54", "copper": "#b06a3a", "bronze": "#96703a", "taupe": "#8a7a6c",
  "grey melange": "#9b9ca0", "coffee brown": "#5a3d2b", "mushroom brown": "#94816f",
  "sea green": "seagreen", "lime green": "limegreen", "turquoise blue": "darkturquoise",
  "fluorescent green": "#4be31c", "steel": "#8d97a0", "rose": "#e8718d", "skin": "#e9c3a5",
  "peach": "#ffcba4", "metallic": "#9ea3a8",
};

/** @param {string} name @returns {string | null} what CSS calls it, or null where it is no colour */
export function colourOf(name) {
  const given = name.toLowerCase();
  if (Object.hasOwn(COLOURS, given)) return COLOURS[given];
  return /^[a-z]+$/.test(given) && CSS.supports("background-color", given) ? given : null;
}
