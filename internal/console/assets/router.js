// Where the reader is: #/a/b?c=d. Every view has an address of its own, so that links lead into the page.
import { signal } from "./vendor/ui.js";

/** @typedef {{ path: string[], query: URLSearchParams }} Place */

/** @returns {Place} */
function read() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map((s) => { try { return decodeURIComponent(s); } catch { return s; } }), query: new URLSearchParams(query ?? "") };
}

/** The place now. */
export const place = signal(read());
addEventListener("hashchange", () => { place.value = read(); });

/** The address of a place. @param {...string} path */
export const to = (...path) => `#/${path.map(encodeURIComponent).join("/")}`;

/** Goes to a place. @param {...string} path */
export function go(...path) { location.hash = to(...path); }

/** Keeps a choice in the address without a step back for each key. @param {Record<string, string>} values */
export function remember(values) {
  const { path, query } = place.peek();
  for (const [k, v] of Object.entries(values)) {
    if (v) query.set(k, v);
    else query.delete(k);
  }
  const text = query.toString();
  history.replaceState(null, "", to(...path) + (text ? `?${text}` : ""));
}
