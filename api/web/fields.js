/* What the collection knows of its items, and which of that is worth filtering and sorting by. */

import { fetchJson } from "./api.js";
import { fieldName } from "./format.js";

/** @typedef {{name: string, type: string}} Field */

const MOST_FACETS = 10;
const NO_FACETS = new Set(["id", "title", "product_id", "image_region", "currency", "split"]);
/* What people narrow by first comes first, whatever the order of the catalogue's columns. */
const FIRST = ["kind", "article_type", "product_type", "type", "category", "gender", "colour", "color", "price", "brand", "size", "pattern"];

/** The collection that answers. */
class Collection {
  /** @param {any} served as GET /v1/collections has it */
  constructor(served) {
    this.name = served.name;
    this.items = served.items;
    this.model = served.model.name;
    /** @type {Field[]} */
    this.fields = served.fields;
    this.types = Object.fromEntries(this.fields.map(({ name, type }) => [name, type]));
    this.facets = facetsOf(this.fields);
    this.sorts = sortsOf(this.fields);
  }

  /** @param {string} name of a field that turned out to be no category */
  forget(name) {
    this.facets = this.facets.filter((each) => each !== name);
  }

  /** @returns {string | undefined} the field that says what an item is: dress, shoes … */
  get kind() {
    const said = FIRST.slice(0, 5).find((name) => this.types[name] === "string");
    return said && this.facets.includes(said) ? said : undefined;
  }
}

/** @returns {Promise<Collection | null>} null where none is served */
export async function servedCollection() {
  const { collections } = await fetchJson("v1/collections");
  const served = collections.find((each) => each.served);
  return served ? new Collection(served) : null;
}

function facetsOf(fields) {
  const place = ({ name }) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  return fields
    .filter(({ name }) => !NO_FACETS.has(name))
    .sort((a, b) => place(a) - place(b)) // stable: the others keep the catalogue's order
    .slice(0, MOST_FACETS)
    .map(({ name }) => name);
}

/** @returns {{value: string, text: string}[]} */
function sortsOf(fields) {
  const sorts = [{ value: "", text: "Best match" }];
  const price = fields.find(({ name, type }) => isNumber(type) && /price/i.test(name));
  if (price) {
    sorts.push({ value: price.name, text: `${fieldName(price.name)}: low to high` });
    sorts.push({ value: `-${price.name}`, text: `${fieldName(price.name)}: high to low` });
  }
  const newest = fields.find(({ type }) => type === "date")
    ?? fields.find(({ name, type }) => isNumber(type) && /^year$/i.test(name));
  if (newest) sorts.push({ value: `-${newest.name}`, text: "Newest first" });
  return sorts;
}

/** @param {string} type */
export const isNumber = (type) => ["integer", "float"].includes(type);
