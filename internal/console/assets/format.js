// Numbers, times and sizes as people read them.
import { signal } from "./vendor/ui.js";

/** The time now, in milliseconds; ages follow it. */
export const now = signal(Date.now());
setInterval(() => { if (!document.hidden) now.value = Date.now(); }, 5000);

/** @param {number} seconds */
export function duration(seconds) {
  const s = Math.max(0, seconds);
  if (s < 10) return `${Math.round(s * 10) / 10} s`;
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 129600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

/** How long ago a time is. @param {string} time */
export const age = (time) => duration(Math.round((now.value - Date.parse(time)) / 1000));

/** @param {string | number} time */
export const exact = (time) => new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "long" });

/** A time of today as a time, another one with its day. @param {string | number} time */
export function moment(time) {
  const t = new Date(time);
  const today = t.toDateString() === new Date().toDateString();
  return today ? t.toLocaleTimeString() : t.toLocaleString([], { dateStyle: "short", timeStyle: "medium" });
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let n = bytes / 1024, i = 0;
  while (n >= 1024 && i < units.length - 1) { n /= 1024; i++; }
  return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

/** @param {number} n @param {string} one @param {string} [many] */
export const count = (n, one, many = `${one}s`) => `${n.toLocaleString()} ${n === 1 ? one : many}`;

/** How a state is shown. @param {string} state @returns {"good" | "bad" | "busy" | ""} */
export function tone(state) {
  if (["STABLE", "RUNNING", "FINISHED", "succeeded", "completed", "COMPLETED"].includes(state)) return "good";
  if (["FAILED", "LOST", "ERROR", "UNREACHABLE", "failed", "FAILING", "GONE"].includes(state)) return "bad";
  if (["SUSPENDED", "superseded", "CANCELED", "KILLED"].includes(state)) return "";
  return "busy";
}
