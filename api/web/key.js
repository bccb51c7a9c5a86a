/* Asks for a key where the service wants one. The key is sent once and kept nowhere: what stands for
   it from then on is a cookie that scripts cannot read, and that pictures carry too. */

const SESSION = "v1/session";

let asking = null; // the promise of the form that is shown

/* What the service says of the session, as soon as it answers to this page: at once where no key is
   wanted. Null where it does not answer. */
export async function unlocked() {
  const known = await session();
  if (!known?.needs_key || known.scope) return known;
  await askForKey("This service wants a key.");
  return session();
}

const session = () => fetch(SESSION).then((response) => response.json()).catch(() => null);

/* `fetch`, that asks for a key and tries again when a session has ended meanwhile. */
export async function fetchUnlocked(path, options) {
  const response = await fetch(path, options);
  if (response.status !== 401) return response;
  await askForKey("The session has ended: the key, please.");
  return fetch(path, options);
}

/* Lets go of the session and begins anew. */
export async function lock() {
  await fetch(SESSION, { method: "DELETE" });
  location.reload();
}

function askForKey(why) {
  asking ??= shownForm(why).finally(() => (asking = null));
  return asking;
}

function shownForm(why) {
  addStyle();
  const dialog = document.createElement("dialog");
  dialog.className = "key";
  dialog.setAttribute("aria-labelledby", "key-title");
  const title = element("h2", { id: "key-title", textContent: why });
  const label = element("label", { htmlFor: "key-input", textContent: "Key" });
  const input = element("input", {
    id: "key-input", type: "password", required: true, autocomplete: "current-password",
    placeholder: "vk_…", spellcheck: false,
  });
  const problem = element("p", { className: "key-problem" });
  problem.setAttribute("role", "alert");
  const form = element("form", { method: "dialog" });
  form.append(title, label, input, problem, element("button", { textContent: "Continue" }));
  dialog.append(form);
  document.body.append(dialog);
  dialog.addEventListener("cancel", (event) => event.preventDefault()); // there is nothing behind it
  dialog.showModal();
  return new Promise((resolve) => {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      problem.textContent = await refusal(input.value.trim());
      if (problem.textContent) return input.select();
      input.value = "";
      dialog.remove();
      resolve();
    });
  });
}

/* Why the key is not taken; nothing if it is. */
async function refusal(key) {
  if (!/^[\x21-\x7e]+$/.test(key)) return "That is no key.";
  const headers = { Authorization: `Bearer ${key}` };
  const response = await fetch(SESSION, { method: "POST", headers }).catch(() => null);
  if (response?.ok) return "";
  const body = await response?.json().catch(() => null);
  return body?.error?.code === "unauthorized"
    ? "That is no key of this service, or no longer."
    : body?.error?.message ?? "The service does not answer. Is it running?";
}

function addStyle() {
  if (document.getElementById("key-style")) return;
  document.head.append(element("link", { id: "key-style", rel: "stylesheet", href: "web/key.css" }));
}

function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}
