// The API of the service: calls, the token when there is one, uploads. Every address is relative to the page.
import { signal } from "./vendor/ui.js";

/** @typedef {{ field: string, message: string }} Problem */

const key = `flink-token ${location.pathname}`;
const renew = 3600000; // Half a day is what a session lasts.

/** The token of this tab; empty when none is needed or given. */
export const token = signal(sessionStorage.getItem(key) ?? "");
/** What the token may do. @type {import("./vendor/ui.js").Signal<"read" | "operate" | "admin" | "">} */
export const scope = signal("");
/** The question for a token while it is open. @type {import("./vendor/ui.js").Signal<{ why: string, answer: (token: string) => void } | null>} */
export const question = signal(null);

let began = 0;
let declined = false;
/** @type {Promise<boolean> | null} */
let asking = null;

/** What the API refused, with the problems of each field. */
export class Refusal extends Error {
  /** @param {string} message @param {number} status @param {Problem[]} details */
  constructor(message, status, details) {
    super(message);
    this.status = status;
    this.details = details;
  }
}

/** An address of the API: segments are escaped. @param {...string} segments */
export const at = (...segments) => `v1/${segments.map(encodeURIComponent).join("/")}`;

/** Asks for a token once, however many calls need it. @param {string} why @returns {Promise<boolean>} */
function ask(why) {
  if (declined) return Promise.resolve(false);
  asking ??= new Promise((resolve) => {
    question.value = {
      why: token.peek() ? why : "",
      answer(given) {
        question.value = null;
        asking = null;
        declined = given === "";
        if (given) {
          token.value = given;
          sessionStorage.setItem(key, given);
          began = 0;
        }
        resolve(given !== "");
      },
    };
  });
  return asking;
}

/** @param {Record<string, string>} [more] */
function headers(more) {
  return { Accept: "application/json", ...(token.peek() ? { Authorization: `Bearer ${token.peek()}` } : {}), ...more };
}

/** Reads an answer that is not good as an error. @param {number} status @param {string} text */
function refusal(status, text) {
  try {
    const value = JSON.parse(text);
    return new Refusal(value.message ?? value.errors?.[0]?.split("\n")[0] ?? `the service answered ${status}`, status, value.details ?? []);
  } catch {
    return new Refusal(`the answer ${status} is not from the service`, status, []);
  }
}

/**
 * Sends a request with the token; when one is missing or wrong, asks for it and tries again.
 * @param {string} path @param {RequestInit & { type?: string }} [options] @returns {Promise<Response>}
 */
export async function request(path, options = {}) {
  const sent = token.peek();
  // The time is that of one try: somebody may take long to find the token.
  const signal = options.signal ?? AbortSignal.timeout(30000);
  const response = await fetch(path, { ...options, signal, headers: headers(/** @type {Record<string, string>} */ (options.headers)) });
  if (response.status === 401) {
    const e = refusal(401, await response.text());
    if (sent !== token.peek() || await ask(e.message)) return request(path, options);
    throw e;
  }
  if (!response.ok) throw refusal(response.status, await response.text());
  return response;
}

/**
 * Calls the API and returns what it answers; null for nothing.
 * @param {string} method @param {string} path @param {unknown} [body] JSON, or YAML when it is a text @returns {Promise<any>}
 */
export async function call(method, path, body) {
  const type = typeof body === "string" ? "application/yaml" : "application/json";
  const response = await request(path, {
    method, ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body), headers: { "Content-Type": type } }),
  });
  const text = await response.text();
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(`the answer ${response.status} is not from the service`, response.status, []);
  }
}

/** @param {string} path */
export const get = (path) => call("GET", path);

/**
 * Uploads a file.
 * @param {File} file @param {(share: number) => void} progress gets 0 to 1 @param {AbortSignal} stop
 * @returns {Promise<{ sha256: string, name: string, uri: string, size: number }>}
 */
export function upload(file, progress, stop) {
  return new Promise((resolve, reject) => {
    const x = new XMLHttpRequest(); // Fetch tells nothing of how far an upload is.
    x.open("POST", `v1/artifacts?name=${encodeURIComponent(file.name)}`);
    for (const [k, v] of Object.entries(headers({ "Content-Type": "application/octet-stream" }))) x.setRequestHeader(k, v);
    x.upload.onprogress = (e) => { if (e.lengthComputable) progress(e.loaded / e.total); };
    x.onload = () => (x.status < 300 ? resolve(JSON.parse(x.responseText)) : reject(refusal(x.status, x.responseText)));
    x.onerror = () => reject(new Refusal("the upload was interrupted: try again", 0, []));
    x.onabort = () => reject(new Refusal("the upload was cancelled", 0, []));
    stop.addEventListener("abort", () => x.abort(), { once: true });
    x.send(file);
  });
}

/** Has the browser keep a session for links, which carry no token, and learns what the token may do. */
export async function session() {
  if (Date.now() - began < renew) return;
  if (token.peek()) await call("POST", "v1/session");
  scope.value = (await get("v1/session")).scope;
  began = Date.now();
}

/** Forgets the token. */
export async function signOut() {
  await call("DELETE", "v1/session");
  sessionStorage.removeItem(key);
  location.reload();
}

/** Whether the token may do what takes a scope. @param {"operate" | "admin"} need */
export const may = (need) => scope.value === "admin" || scope.value === need;
