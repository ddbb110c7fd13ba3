// What can be done to a cluster: each asks first, says what it costs, and shows the same as a command and as curl.
import { at, call, may, token } from "../api.js";
import { html, signal, useState } from "../vendor/ui.js";
import { Copy, Dialog, Problems } from "./parts.js";

/**
 * @typedef {{ title: string, cost: any, action: string, danger?: boolean, cli?: string, method?: string, path?: string, body?: any,
 *   fields?: { name: string, label: string, value: string | number | boolean, type?: string, help?: string, min?: number }[],
 *   request?: (values: Record<string, any>) => { method: string, path: string, body?: any, cli?: string },
 *   refused?: (e: any) => Partial<Question> | null, done?: (answer: any) => void }} Question
 */

/** The question that is open. @type {import("../vendor/ui.js").Signal<Question | null>} */
export const open = signal(null);

/** @param {Question} question */
export function ask(question) { open.value = question; }

/** A word as a shell takes it. @param {string} s */
export const quote = (s) => (/^[\w./:=@-]+$/.test(s) ? s : `'${s.replaceAll("'", `'\\''`)}'`);

/** A call as curl. @param {string} method @param {string} path @param {any} [body] */
export function curl(method, path, body) {
  const url = new URL(path, location.href.split("#")[0]).href;
  const parts = ["curl", "-X", method];
  if (token.peek()) parts.push("-H", '"Authorization: Bearer $TOKEN"');
  if (body !== undefined) {
    parts.push("-H", quote(`Content-Type: ${typeof body === "string" ? "application/yaml" : "application/json"}`));
    parts.push("--data-binary", quote(typeof body === "string" ? body : JSON.stringify(body)));
  }
  return [...parts, quote(url)].join(" ");
}

/** The dialog of the question that is open. */
export function Asked() {
  return open.value ? html`<${Ask} key=${open.value.title} question=${open.value} />` : null;
}

/** @param {{ question: Question }} props */
function Ask({ question }) {
  const [q, change] = useState(question);
  const [values, set] = useState(() => Object.fromEntries((question.fields ?? []).map((f) => [f.name, f.value])));
  const [error, fail] = useState(/** @type {any} */ (null));
  const [busy, work] = useState(false);
  const close = () => { open.value = null; };
  const sent = q.request ? q.request(values) : { method: q.method ?? "POST", path: q.path ?? "", body: q.body, cli: q.cli };
  const submit = async (/** @type {Event} */ e) => {
    e.preventDefault();
    work(true);
    try {
      const answer = await call(sent.method, sent.path, sent.body);
      close();
      q.done?.(answer);
    } catch (e) {
      fail(e);
      const other = q.refused?.(e);
      if (other) change({ ...q, ...other });
    } finally {
      work(false);
    }
  };
  const input = (/** @type {NonNullable<Question["fields"]>[number]} */ f) => (typeof f.value === "boolean"
    ? html`<label class="check"><input type="checkbox" name=${f.name} checked=${values[f.name]} onChange=${(/** @type {any} */ e) => set({ ...values, [f.name]: e.target.checked })} /> ${f.label}</label>`
    : html`<label class="field"><span>${f.label}</span><input name=${f.name} type=${f.type ?? "text"} min=${f.min} value=${values[f.name]}
      onInput=${(/** @type {any} */ e) => set({ ...values, [f.name]: f.type === "number" ? Number(e.target.value) : e.target.value })} />
      ${f.help ? html`<span class="quiet">${f.help}</span>` : null}</label>`);
  return html`<${Dialog} id="confirm" title=${q.title} close=${close}><form onSubmit=${submit}>
    <div>${q.cost}</div>${(q.fields ?? []).map(input)}
    <${Problems} error=${error} />
    <details><summary>The same as a command</summary>
      ${sent.cli ? html`<pre>${sent.cli}</pre>` : null}<pre>${curl(sent.method, sent.path, sent.body)}</pre>
      <div class="row">${sent.cli ? html`<${Copy} text=${sent.cli} label="Copy the command" />` : null}<${Copy} text=${curl(sent.method, sent.path, sent.body)} label="Copy as curl" /></div>
    </details>
    <div class="buttons"><button type="button" id="confirm-cancel" autofocus onClick=${close}>Cancel</button>
      <button id="confirm-do" class=${q.danger ? "danger" : "main"} disabled=${busy}>${q.action}</button></div>
  </form><//>`;
}

/** What a stop costs a cluster's jobs. @param {any} d a description */
function jobsOf(d) {
  const n = d.status.flink?.jobsRunning ?? 0;
  if (n === 0) return "No job is running.";
  const restore = d.status.nextRestore;
  const last = d.status.job?.checkpoint ?? d.status.job?.savepoint;
  const how = restore ? ` ${restore.reason}` : "";
  return `${n === 1 ? "One job is" : `${n} jobs are`} running.${how}${last?.completed ? ` The last checkpoint was completed at ${new Date(last.completed).toLocaleTimeString()}.` : ""}`;
}

const savepoint = [
  { name: "savepoint", label: "Stop the jobs with savepoints first", value: true },
  { name: "directory", label: "Directory for the savepoints", value: "", help: "Empty for the one in the cluster's configuration" },
];

/** @param {string} path @param {Record<string, any>} v */
function stopped(path, v) {
  const q = new URLSearchParams();
  q.set("savepoint", String(v.savepoint));
  if (v.savepoint && v.directory) q.set("directory", v.directory);
  return `${path}?${q}`;
}

/** The flags of the command line for it. @param {Record<string, any>} v */
const flags = (v) => (v.savepoint ? (v.directory ? ` --directory ${quote(v.directory)}` : "") : " --no-savepoint");

/** @param {any} d */
export const askDelete = (d) => {
  const path = at("clusters", d.name);
  ask({
    title: `Delete ${d.name}?`, action: "Delete", danger: true,
    cost: html`<p>All ${d.tasks.length} tasks are stopped, and the spec is gone. ${jobsOf(d)}</p>`,
    fields: d.status.flink?.jobsRunning ? [{ ...savepoint[0], value: false }, savepoint[1]] : [],
    request: (v) => ({
      method: "DELETE", path: v.savepoint ? stopped(path, v) : path,
      cli: `dcos flink cluster delete ${d.name}${v.savepoint ? ` --savepoint${v.directory ? ` --directory ${quote(v.directory)}` : ""}` : ""}`,
    }),
    refused: (e) => (e.status === 409 && /force/.test(e.message) ? {
      action: "Delete it and its jobs",
      request: (v) => ({ method: "DELETE", path: v.savepoint ? stopped(path, v) : `${path}?force=true`, cli: `dcos flink cluster delete ${d.name} ${v.savepoint ? "--savepoint" : "--force"}` }),
    } : null),
    done: () => { location.hash = "#/"; },
  });
};

/** @param {any} d */
export const askRestart = (d) => ask({
  title: `Restart ${d.name}?`, action: "Restart", method: "POST", path: at("clusters", d.name, "restart"), cli: `dcos flink cluster restart ${d.name}`,
  cost: html`<p>All ${d.tasks.length} tasks are replaced. ${jobsOf(d)} ${d.kind === "session" ? "Running jobs are lost unless the cluster has high availability." : ""}</p>`,
});

/** @param {any} d */
export const askSuspend = (d) => ask({
  title: `Suspend ${d.name}?`, action: "Suspend", fields: savepoint,
  cost: html`<p>All tasks end and their resources are free for others; the spec is kept. ${jobsOf(d)} Without savepoints, jobs resume from their last checkpoint with high availability, and from nothing without it.</p>`,
  request: (v) => ({ method: "POST", path: stopped(at("clusters", d.name, "suspend"), v), cli: `dcos flink cluster suspend ${d.name}${flags(v)}` }),
});

/** @param {any} d */
export const askResume = (d) => ask({
  title: `Resume ${d.name}?`, action: "Resume", method: "POST", path: at("clusters", d.name, "resume"), cli: `dcos flink cluster resume ${d.name}`,
  cost: html`<p>Its tasks are started again. ${d.status.savepoints?.length ? `Its job starts from ${d.status.savepoints[0].path}.` : ""}</p>`,
});

/** @param {any} d */
export const askScale = (d) => ask({
  title: `Scale ${d.name}`, action: "Scale",
  cost: html`<p>Running tasks stay where they are; TaskManagers are added, or the newest ones removed.</p>`,
  fields: [{ name: "count", label: "Number of TaskManagers", type: "number", min: 0, value: d.spec.taskManagers?.count ?? 1 }],
  request: (v) => ({
    method: "PUT", path: at("clusters", d.name), body: { ...d.spec, taskManagers: { ...d.spec.taskManagers, count: v.count } },
    cli: `dcos flink cluster scale ${d.name} ${v.count}`,
  }),
});

/** @param {string} cluster @param {string} [job] */
export const askSavepoint = (cluster, job) => ask({
  title: `Take a savepoint of ${cluster}`, action: "Take a savepoint",
  cost: html`<p>The job goes on while it is taken.</p>`,
  fields: [{ name: "directory", label: "Directory", value: "", help: "Empty for the one in the cluster's configuration" }],
  request: (v) => ({
    method: "POST", path: at("clusters", cluster, "snapshots"), body: { kind: "savepoint", ...(job ? { job } : {}), ...(v.directory ? { directory: v.directory } : {}) },
    cli: `dcos flink snapshot create ${cluster}${job ? ` --job ${job}` : ""}${v.directory ? ` --directory ${quote(v.directory)}` : ""}`,
  }),
  done: () => { location.hash = `#/clusters/${encodeURIComponent(cluster)}/snapshots`; },
});

/** What can be done to a cluster now, by whoever has this token. @param {{ d: any }} props */
export function Actions({ d }) {
  const deleting = d.status.state === "DELETING";
  const button = (/** @type {string} */ label, /** @type {() => void} */ act, more = "") => html`<button type="button" class=${more} id=${`do-${label.toLowerCase()}`} onClick=${act}>${label}</button>`;
  if (deleting) return null;
  return html`
    ${may("admin") ? html`<a class="button" href=${`#/clusters/${encodeURIComponent(d.name)}/edit`}>Update</a>` : null}
    ${may("admin") && d.spec.allocation === "static" && !d.spec.suspended ? button("Scale", () => askScale(d)) : null}
    ${may("operate") && d.kind !== "session" && d.status.flink?.jobsRunning ? button("Savepoint", () => askSavepoint(d.name)) : null}
    ${may("operate") ? (d.spec.suspended ? button("Resume", () => askResume(d)) : button("Suspend", () => askSuspend(d))) : null}
    ${may("operate") && !d.spec.suspended ? button("Restart", () => askRestart(d)) : null}
    ${may("admin") ? button("Delete", () => askDelete(d), "danger") : null}`;
}
