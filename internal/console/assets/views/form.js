// The form of a spec. What it does not show stays as it is in the YAML.
import { upload } from "../api.js";
import { size } from "../format.js";
import { html, useRef, useState } from "../vendor/ui.js";
import { Problems } from "../ui/parts.js";

/** A copy of a spec with one value changed; an empty one is removed. @param {any} spec @param {string} path @param {any} value */
export function put(spec, path, value) {
  const [head, ...rest] = path.split(".");
  const copy = { ...spec };
  const next = rest.length ? put(copy[head] ?? {}, rest.join("."), value) : value;
  if (next === "" || next === undefined || (typeof next === "object" && next !== null && !Array.isArray(next) && Object.keys(next).length === 0)) delete copy[head];
  else copy[head] = next;
  return copy;
}

/** @param {any} spec @param {string} path */
const read = (spec, path) => path.split(".").reduce((v, k) => v?.[k], spec);

/** Splits arguments as a shell does, with quotes. @param {string} text */
export const words = (text) => [...text.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g)].map((m) => m[1]?.replace(/\\(.)/g, "$1") ?? m[2] ?? m[3]);

/** @param {string[]} list */
const joined = (list) => list.map((w) => (/^[^\s"']+$/.test(w) ? w : `"${w.replace(/(["\\])/g, "\\$1")}"`)).join(" ");

/** A jar: dropped, chosen, or named by its address. @param {{ uri: string, change: (uri: string) => void }} props */
function Jar({ uri, change }) {
  const [over, hover] = useState(false);
  const [share, progress] = useState(-1);
  const [error, fail] = useState(/** @type {any} */ (null));
  const [done, finish] = useState("");
  const stop = useRef(/** @type {AbortController | null} */ (null));
  const take = async (/** @type {File | undefined} */ file) => {
    if (!file) return;
    fail(null);
    progress(0);
    stop.current = new AbortController();
    try {
      const a = await upload(file, progress, stop.current.signal);
      change(a.uri);
      finish(`${a.name}, ${size(a.size)}`);
    } catch (e) {
      fail(e);
    } finally {
      progress(-1);
    }
  };
  return html`<div class=${`drop ${over ? "over" : ""}`} onDragOver=${(/** @type {any} */ e) => { e.preventDefault(); hover(true); }} onDragLeave=${() => hover(false)}
      onDrop=${(/** @type {any} */ e) => { e.preventDefault(); hover(false); void take(e.dataTransfer.files[0]); }}>
      <label><strong>Drop a jar here</strong>, or choose one: <input type="file" id="jar" accept=".jar,.py,.zip" onChange=${(/** @type {any} */ e) => void take(e.target.files[0])} /></label>
      ${share >= 0 ? html`<p role="status"><progress aria-label="Upload" value=${share}></progress> ${Math.round(share * 100)} % <button type="button" class="plain" onClick=${() => stop.current?.abort()}>cancel</button></p>` : done ? html`<p class="quiet" role="status">Uploaded: ${done}</p>` : null}
      <${Problems} error=${error} /></div>
    <label class="field"><span>Address of the jar</span><input name="jarURI" value=${uri} placeholder="filled in by the upload, or https://…, hdfs://…" onInput=${(/** @type {any} */ e) => change(e.target.value)} /></label>`;
}

/** @param {{ spec: any, change: (spec: any) => void, exists: boolean, flinks: any[], problems: import("../api.js").Problem[] }} props */
export function Form({ spec, change, exists, flinks, problems }) {
  const problem = (/** @type {string} */ path) => problems.find((p) => p.field === path || p.field.startsWith(`${path}[`) || p.field.startsWith(`${path}.`));
  const set = (/** @type {string} */ path, /** @type {any} */ value) => change(put(spec, path, value));
  const hint = (/** @type {string} */ path, /** @type {string} */ help) => { const p = problem(path); return p ? html`<span class="problems" id=${`problem-${path}`}>${p.message}</span>` : help ? html`<span class="quiet">${help}</span>` : null; };
  const text = (/** @type {string} */ path, /** @type {string} */ label, /** @type {any} */ { help = "", ...more } = {}) => html`<label class="field"><span>${label}</span>
    <input name=${path} value=${read(spec, path) ?? ""} autocomplete="off" aria-invalid=${problem(path) ? "true" : undefined} ...${more} onInput=${(/** @type {any} */ e) => set(path, e.target.value)} />${hint(path, help)}</label>`;
  const number = (/** @type {string} */ path, /** @type {string} */ label, /** @type {any} */ { min = 0, help = "" } = {}) => html`<label class="field"><span>${label}</span>
    <input name=${path} type="number" min=${min} value=${read(spec, path) ?? ""} aria-invalid=${problem(path) ? "true" : undefined} onInput=${(/** @type {any} */ e) => set(path, e.target.value === "" ? undefined : Number(e.target.value))} />${hint(path, help)}</label>`;
  const choice = (/** @type {string} */ path, /** @type {string} */ label, /** @type {[string, string][]} */ options, /** @type {any} */ { disabled = false, help = "" } = {}) => html`<label class="field"><span>${label}</span>
    <select name=${path} disabled=${disabled} value=${read(spec, path) ?? ""} onChange=${(/** @type {any} */ e) => set(path, e.target.value)}>${options.map(([v, t]) => html`<option value=${v}>${t}</option>`)}</select>${hint(path, help)}</label>`;
  const runs = spec.kind === "application" || spec.kind === "job";
  const kind = (/** @type {string} */ k) => {
    const { job, allocation, taskManagers, ...rest } = spec;
    change(k === "session" ? { ...rest, kind: k, allocation: allocation ?? "dynamic", ...(taskManagers ? { taskManagers } : {}) } : { ...rest, kind: k, job: job ?? { jarURI: "", parallelism: 1 } });
  };
  const versions = flinks.filter((f) => !f.kept || f.name === spec.flinkVersion).map((f) => /** @type {[string, string]} */ ([f.name, f.name]));
  if (spec.flinkVersion && !versions.some(([v]) => v === spec.flinkVersion)) versions.unshift([spec.flinkVersion, spec.flinkVersion]);
  return html`
    ${exists ? null : html`<fieldset><legend>What</legend><div class="row">${[["application", "An application: one program on a cluster of its own"], ["session", "A session: a cluster that takes any number of jobs"]].map(([k, label]) => html`<label class="check"><input type="radio" name="kind" value=${k} checked=${(spec.kind ?? "session") === k} onChange=${() => kind(k)} /> ${label}</label>`)}</div></fieldset>
      ${text("name", "Name", { required: true, maxlength: 40, pattern: "[a-z]([a-z0-9\\-]*[a-z0-9])?", placeholder: "analytics", help: "Lower-case letters, digits and hyphens, beginning with a letter" })}`}
    ${choice("flinkVersion", "Flink", [["", "the newest"], ...versions])}
    ${runs ? html`<fieldset><legend>Program</legend><${Jar} uri=${spec.job?.jarURI ?? ""} change=${(/** @type {string} */ uri) => set("job.jarURI", uri)} />${hint("job.jarURI", "")}
      ${text("job.entryClass", "Main class", { help: "Empty for the one that the jar's manifest names" })}
      <label class="field"><span>Arguments</span><input name="job.args" value=${joined(spec.job?.args ?? [])} onChange=${(/** @type {any} */ e) => set("job.args", words(e.target.value).length ? words(e.target.value) : undefined)} />${hint("job.args", "As in a shell; quotes keep blanks")}</label>
      <div class="two">${number("job.parallelism", "Parallelism", { min: 1 })}
      ${choice("job.upgradeMode", "When it is changed", [["", "last state with high availability, else anew"], ["savepoint", "stop with a savepoint"], ["last-state", "resume from the last checkpoint"], ["stateless", "begin anew"]])}</div>
      ${text("job.initialSavepointPath", "Start from the savepoint", { help: "A path; empty to begin anew" })}</fieldset>` : null}
    <fieldset><legend>Size</legend><div class="two">
      ${choice("allocation", "TaskManagers", [["", "by default"], ["dynamic", "as many as the jobs ask for"], ["static", "a fixed number"]])}
      ${spec.allocation === "static" ? number("taskManagers.count", "Number") : number("taskManagers.max", "At most", { help: "Empty for no limit" })}
      ${number("taskManager.slots", "Slots of each", { min: 1, help: "How many pieces run side by side" })}
      ${text("taskManager.memory", "Memory of each", { help: "Such as 1728m or 4g" })}
      ${number("taskManager.cpus", "Cpus of each", { help: "Empty for one for each slot" })}
      ${text("jobManager.memory", "JobManager memory")}</div></fieldset>
    <details><summary>More</summary>
      <label class="field"><span>Flink options</span><textarea name="flinkConfiguration" rows="5" class="mono" spellcheck="false" value=${Object.entries(spec.flinkConfiguration ?? {}).map(([k, v]) => `${k}: ${v}`).join("\n")}
        onChange=${(/** @type {any} */ e) => set("flinkConfiguration", Object.fromEntries(e.target.value.split("\n").map((/** @type {string} */ l) => l.match(/^\s*([^:\s]+)\s*:\s*(.*)$/)).filter(Boolean).map((/** @type {any} */ m) => [m[1], m[2].trim()])))}></textarea>${hint("flinkConfiguration", "One for each line, such as execution.checkpointing.interval: 30s")}</label>
      ${exists ? null : choice("flinkDistribution", "Flink archive", [["", "the current one of that version"], ...flinks.map((f) => /** @type {[string, string]} */ ([f.sha256, `${f.name}, ${f.sha256.slice(0, 12)}…`]))])}
      <label class="check"><input type="checkbox" name="strictOptions" checked=${spec.strictOptions ?? false} onChange=${(/** @type {any} */ e) => set("strictOptions", e.target.checked || undefined)} /> Refuse Flink options that the version does not know</label>
      <div class="two">${text("role", "Mesos role")}${text("user", "User of the tasks")}</div></details>`;
}
