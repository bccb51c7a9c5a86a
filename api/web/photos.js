/* Pictures of one's own. Each is kept in the browser under a name made of its bytes, so that an
   address can name it and "back" and "reload" find it again; it leaves the browser only as a query. */

import { Refused } from "./api.js";

const STORE = "photos";
const MOST_KEPT = 30;
const MOST_BYTES = 1_300_000; // a JSON body has at most 2 MB, of which base64 takes a third
const SHRUNK_SIDE = 1600;

const here = new Map(); // those of this visit, also where nothing can be kept

/** @param {File | Blob} file @returns {Promise<string>} the name that addresses give it */
export async function keepPhoto(file) {
  const known = file.size <= MOST_BYTES && /^image\/(jpeg|png|webp)$/.test(file.type);
  const photo = known ? file : await shrunk(file);
  const digest = await digestOf(await photo.arrayBuffer());
  here.set(digest, photo);
  await keep(digest, photo).catch(() => {}); // a private window may refuse: this visit has it
  return digest;
}

/** @param {string} name @returns {Promise<Blob | null>} null where this browser has it no more */
export async function photoNamed(name) {
  if (!here.has(name)) {
    const kept = await read(name).catch(() => null);
    if (!kept) return null;
    here.set(name, kept.photo);
  }
  return here.get(name);
}

/** @param {Blob} photo @returns {Promise<string>} */
export function base64Of(photo) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",")[1] ?? "");
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(photo);
  });
}

/* A smaller JPEG of the same, upright. The model looks at far fewer pixels than that. */
async function shrunk(file) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) {
    throw new Refused({ code: "no_image", message: `“${file.name ?? "That"}” is no picture that this browser can read.` });
  }
  const scale = Math.min(1, SHRUNK_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // what is transparent lies on white, as the service sees it
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
}

/* `crypto.subtle` is there on https and on this machine only; FNV-1a does where it is not. */
async function digestOf(buffer) {
  if (globalThis.crypto?.subtle) {
    const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", buffer));
    return [...bytes.slice(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  let hash = 0x811c9dc5;
  for (const byte of new Uint8Array(buffer)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return `${hash.toString(16)}${buffer.byteLength.toString(16)}`;
}

/* ---- the browser's own store ---- */

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("vitrine", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE).createIndex("at", "at");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

async function read(name) {
  const database = await opened();
  return done(database.transaction(STORE).objectStore(STORE).get(name));
}

async function keep(name, photo) {
  const database = await opened();
  const store = database.transaction(STORE, "readwrite").objectStore(STORE);
  await done(store.put({ photo, at: Date.now() }, name));
  const keys = await done(store.index("at").getAllKeys()); // the oldest first
  for (const old of keys.slice(0, Math.max(0, keys.length - MOST_KEPT))) store.delete(old);
}
