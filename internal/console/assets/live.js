// What is known of all clusters, kept up to date by the event stream, or by asking where a gateway holds the stream back.
import { at, get, request, session } from "./api.js";
import { batch, signal, useEffect, useRef, useSignal } from "./vendor/ui.js";

/**
 * @typedef {{ name: string, kind: string, state: string, phase?: string, flinkVersion: string, taskManagers: number,
 *   wantedTaskManagers: number, slotsTotal: number, slotsAvailable: number, jobsRunning: number, waiting?: string,
 *   paused?: boolean, created: string }} Summary
 * @typedef {{ id?: number, cluster: string, time: string, type: string, message: string, count?: number }} Happening
 * @typedef {import("./vendor/ui.js").Signal<Summary>} Row
 */

/** The clusters by name. The map is a new one when clusters come or go; a row changes by itself. @type {import("./vendor/ui.js").Signal<Map<string, Row>>} */
export const clusters = signal(new Map());
/** Grows with every change of any row: what sorts or counts rows depends on it. */
export const rowsChanged = signal(0);
/** Whether the first answer has come. */
export const loaded = signal(false);
/** @type {import("./vendor/ui.js").Signal<"connecting" | "live" | "polling" | "lost" | "refused">} */
export const connection = signal("connecting");
/** Why the connection is lost. */
export const trouble = signal("");
/** @type {Record<string, number>} */
const none = {};
/** The last thing that happened to each cluster, by a number that grows; "" is any. */
const touched = signal(none);

const silence = 40000; // The stream says something every 15 s.
const first = 5000; // So long the first message may take; a gateway that buffers takes longer.
let last = ""; // id of the last message

/** @param {string[]} names */
function touch(names) {
  /** @type {Record<string, number>} */
  const next = { ...touched.peek() };
  next[""] = (next[""] ?? 0) + 1;
  for (const n of names) next[n] = (next[n] ?? 0) + 1;
  touched.value = next;
}

/** @param {{ all?: boolean, clusters: Summary[], removed?: string[] }} message */
export function take(message) {
  batch(() => {
    const known = clusters.peek();
    const next = message.all ? new Map() : new Map(known);
    let other = message.all && known.size !== message.clusters.length || (message.removed ?? []).length > 0;
    for (const c of message.clusters) {
      const row = known.get(c.name);
      if (!row) other = true;
      else if (JSON.stringify(row.peek()) !== JSON.stringify(c)) row.value = c;
      next.set(c.name, row ?? signal(c));
    }
    for (const name of message.removed ?? []) next.delete(name);
    if (other || !loaded.peek()) clusters.value = next;
    rowsChanged.value++;
    loaded.value = true;
    touch([...message.clusters.map((c) => c.name), ...(message.removed ?? [])]);
  });
}

/** @param {string} kind @param {any} data */
function hear(kind, data) {
  if (kind === "clusters") take(data);
  if (kind === "events") touch(data.events.map((/** @type {Happening} */ e) => e.cluster));
  if (kind === "operations") touch(data.operations.map((/** @type {Happening} */ o) => o.cluster));
}

/** Reads the stream until it ends. */
async function stream() {
  const stop = new AbortController();
  let watch = setTimeout(() => stop.abort(), first);
  try {
    const response = await request(at("stream"), { signal: stop.signal, headers: { Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) } });
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watch);
      watch = setTimeout(() => stop.abort(), silence);
      text += decoder.decode(value, { stream: true });
      const messages = text.split("\n\n");
      text = messages.pop() ?? "";
      for (const m of messages) {
        const fields = Object.fromEntries(m.split("\n").filter((l) => !l.startsWith(":")).map((l) => [l.slice(0, l.indexOf(":")), l.slice(l.indexOf(":") + 2)]));
        if (!fields.event) continue;
        if (fields.id) last = fields.id;
        hear(fields.event, JSON.parse(fields.data));
        connection.value = "live";
      }
    }
  } finally {
    clearTimeout(watch);
    stop.abort();
  }
}

/** Asks once. */
async function poll() {
  const answer = await get(at("clusters"));
  take({ all: true, clusters: answer.clusters });
}

const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Keeps what is known up to date, for as long as the page is open. */
export async function follow() {
  for (let failures = 0; ;) {
    if (document.hidden) await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
    try {
      await session();
      await stream();
      failures = 0;
      continue;
    } catch (e) {
      if (connection.peek() === "live") failures = 0;
      failures++;
      if (refused(e)) refuse(e);
    }
    try {
      // The stream may be held back on the way where single answers are not: ask for a minute before it is tried again.
      for (let i = 0; i < (failures < 2 ? 1 : 20); i++) {
        await poll();
        connection.value = failures < 2 ? connection.peek() : "polling";
        if (failures >= 2) await pause(3000);
      }
    } catch (e) {
      connection.value = refused(e) ? "refused" : "lost";
      trouble.value = e instanceof Error ? e.message : String(e);
      await pause(Math.min(15000, 500 * 2 ** Math.min(failures, 5)));
    }
  }
}

/** @param {unknown} e */
const refused = (e) => [401, 403].includes(/** @type {{ status?: number }} */ (e)?.status ?? 0);

/** @param {unknown} e */
function refuse(e) {
  connection.value = "refused";
  trouble.value = e instanceof Error ? e.message : String(e);
}

/**
 * Loads something and loads it again when the cluster that it is about was touched, and every few seconds while the page is seen.
 * What was loaded stays until the next answer.
 * @template T
 * @param {() => Promise<T>} load @param {unknown[]} inputs @param {{ cluster?: string, every?: number }} [when]
 * @returns {{ data: T | null, error: any, reload: () => Promise<void> }}
 */
export function useLoaded(load, inputs, { cluster, every = 5000 } = {}) {
  const state = useSignal(/** @type {{ data: T | null, error: any }} */ ({ data: null, error: null }));
  const run = useRef(load);
  run.current = load;
  const reload = useRef(async () => {});
  useEffect(() => {
    let gone = false, busy = false, again = false;
    state.value = { data: null, error: null };
    reload.current = async () => {
      if (busy) { again = true; return; }
      busy = true;
      try {
        const data = await run.current();
        if (!gone && JSON.stringify(data) !== JSON.stringify(state.peek().data)) state.value = { data, error: null };
        else if (!gone && state.peek().error) state.value = { data, error: null };
      } catch (error) {
        if (!gone) state.value = { data: state.peek().data, error };
      } finally {
        busy = false;
      }
      if (again && !gone) { again = false; setTimeout(() => void reload.current(), 300); }
    };
    void reload.current();
    const timer = setInterval(() => { if (!document.hidden) void reload.current(); }, every);
    return () => { gone = true; clearInterval(timer); };
  }, inputs);
  const seen = touched.value[cluster ?? ""] ?? 0;
  const before = useRef(seen);
  useEffect(() => {
    if (cluster !== undefined && before.current !== seen) void reload.current();
    before.current = seen;
  }, [seen]);
  return { ...state.value, reload: () => reload.current() };
}
