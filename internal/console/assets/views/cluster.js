// One cluster: its state, what it waits for, and its parts on tabs.
import { at, get } from "../api.js";
import { useLoaded } from "../live.js";
import { place, to } from "../router.js";
import { Actions, askResume } from "../ui/actions.js";
import { Age, Badge, Changes, Copy, Empty, Events, Loaded, Tabs, Title, When } from "../ui/parts.js";
import { html, useEffect, useRef } from "../vendor/ui.js";
import { dump } from "../vendor/yaml.js";
import { Jobs } from "./jobs.js";
import { Log } from "./log.js";
import { Snapshots } from "./snapshots.js";
import { Tasks } from "./tasks.js";
import { duration, size } from "../format.js";

const tabs = ["tasks", "jobs", "logs", "events", "operations", "snapshots", "spec"];

/** @param {{ d: any }} props */
function Facts({ d }) {
  const s = d.status, flink = s.flink, job = s.job;
  const fact = (/** @type {string} */ name, /** @type {any} */ value) => (value === null || value === undefined || value === "" ? null : html`<div><dt>${name}</dt><dd>${value}</dd></div>`);
  return html`<dl class="facts card" id="facts">
    ${fact("State", html`<${Badge} state=${d.waiting.length ? "waiting" : s.state} label=${s.state + (s.phase && s.phase !== "ready" && s.state !== "DELETING" ? ` (${s.phase})` : "")} />`)}
    ${fact("Kind", d.kind)}${fact("Flink", d.spec.flinkVersion)}
    ${fact("Slots", flink ? `${flink.slotsTotal - flink.slotsAvailable} used of ${flink.slotsTotal}` : null)}
    ${fact("TaskManagers", `${d.tasks.filter((/** @type {any} */ t) => t.role === "taskmanager" && t.state === "RUNNING").length} running${d.waiting.length ? `, ${d.waiting.length} pending` : ""}`)}
    ${fact("Jobs running", flink?.jobsRunning)}
    ${fact("Job", job ? html`<${Badge} state=${job.state} />` : null)}
    ${fact("Job restarts", job && job.restarts >= 0 ? job.restarts : null)}
    ${fact("Last checkpoint", job?.checkpoint?.completed ? html`<${Age} time=${job.checkpoint.completed} /> ago, ${size(job.checkpoint.size)}` : null)}
    ${fact("JobManager restarts", s.restarts || null)}
    ${fact("Last recovery", s.recoveries?.length ? `${duration(s.recoveries.at(-1).seconds)} (${s.recoveries.at(-1).cause})` : null)}
    ${fact("Created", html`<${Age} time=${s.created} /> ago`)}${fact("Generation", s.generation)}</dl>`;
}

/** @param {{ d: any }} props */
function Why({ d }) {
  const s = d.status, slot = s.flink?.slotWait;
  return html`<div aria-live="polite">
    ${s.message ? html`<p class=${`notice ${s.state === "FAILED" ? "bad" : ""}`}>${s.message}</p>` : null}
    ${s.result ? html`<p class=${`notice ${s.result.status === "SUCCEEDED" ? "" : "bad"}`}>Its job ended: ${s.result.status}. ${s.result.diagnostics ?? ""}</p>` : null}
    ${s.job?.failure ? html`<p class="notice bad">The job failed: ${s.job.failure}</p>` : null}
    ${s.changeFailure ? html`<p class="notice bad">The last change was not carried out: ${s.changeFailure}</p>` : null}
    ${s.change ? html`<p class="notice busy">A change to generation ${s.change.generation} waits since <${When} time=${s.change.since} /> until the jobs are stopped with savepoints (${s.change.savepoints.length} so far).</p>` : null}
    ${s.paused ? html`<p class="notice busy">Task launches of this cluster are paused.</p>` : null}
    ${d.spec.suspended && s.state === "SUSPENDED" ? html`<p class="notice">The cluster is suspended: it uses nothing, and its spec and savepoints are kept. <button type="button" class="plain" onClick=${() => askResume(d)}>Resume it</button></p>` : null}
    ${slot ? html`<p class="notice busy">${slot.name ?? slot.job} waits for slots${slot.slots ? `: it needs ${slot.slots}` : ""}${slot.allSlots ? `, all unfinished jobs together ${slot.allSlots}` : ""}.</p>` : null}
    ${d.waiting.length ? html`<div class="notice busy"><p><strong>${d.waiting.length === 1 ? "One task waits" : `${d.waiting.length} tasks wait`} for a place</strong></p><ul>
      ${d.waiting.slice(0, 8).map((/** @type {any} */ w) => html`<li key=${w.id}>${w.id}, for <${Age} time=${w.since} />: ${w.reason || "no offer yet"}</li>`)}
      ${d.waiting.length > 8 ? html`<li>and ${d.waiting.length - 8} more</li>` : null}</ul>
      <p><a href=${`#/placement?cluster=${encodeURIComponent(d.name)}`}>Which agents would take it, and why the others do not</a></p></div>` : null}</div>`;
}

/** @param {{ name: string }} props */
function Happened({ name }) {
  const events = useLoaded(() => get(`${at("clusters", name, "events")}?limit=200`), [name], { cluster: name, every: 20000 });
  return html`<section class="card" aria-label="Events"><${Loaded} of=${events} what="Events">
    ${events.data?.events.length ? html`<${Events} events=${[...events.data.events].reverse()} />` : html`<${Empty} title="No events yet" />`}<//></section>`;
}

/** @param {{ operations: any[], cluster?: boolean }} props */
export const Operations = ({ operations, cluster = false }) => (operations.length === 0 ? html`<${Empty} title="No operations yet"><p>Each change that somebody asks for is listed here with what became of it.</p><//>` : html`
  <div class="scroll" tabindex="0" role="region" aria-label="Table of operations"><table class="stack"><thead><tr><th scope="col">What</th>${cluster ? html`<th scope="col">Cluster</th>` : null}<th scope="col">State</th><th scope="col">By</th><th scope="col">When</th><th scope="col">Changes</th></tr></thead>
  <tbody>${operations.map((o) => html`<tr key=${o.id}><th scope="row">${o.kind}${o.subject ? html` <span class="quiet">${o.subject}</span>` : ""}</th>
    ${cluster ? html`<td data-label="Cluster"><a href=${to("clusters", o.cluster, "operations")}>${o.cluster}</a></td>` : null}
    <td data-label="State"><${Badge} state=${o.state} />${o.message ? html`<span class="why">${o.message}</span>` : null}</td>
    <td data-label="By">${o.by?.user ?? o.by?.name ?? ""} <span class="quiet">${o.by?.address ?? ""}</span></td>
    <td data-label="When"><${When} time=${o.started} />${o.ended ? html` <span class="quiet">took ${duration((Date.parse(o.ended) - Date.parse(o.started)) / 1000)}</span>` : null}</td>
    <td data-label="Changes" class="wide">${o.changes?.length ? html`<details><summary>${o.changes.length === 1 ? o.changes[0].field : `${o.changes.length} fields`}</summary><${Changes} changes=${o.changes} /></details>` : html`<span class="quiet">none</span>`}</td></tr>`)}</tbody></table></div>`);

/** @param {{ name: string }} props */
function Done({ name }) {
  const found = useLoaded(() => get(at("clusters", name, "operations")), [name], { cluster: name, every: 20000 });
  return html`<section class="card" aria-label="Operations"><${Loaded} of=${found} what="Operations"><${Operations} operations=${found.data?.operations ?? []} /><//></section>`;
}

/** @param {{ d: any }} props */
function Spec({ d }) {
  const text = dump(d.spec, { lineWidth: 110 });
  return html`<section class="card" aria-label="Spec"><div class="bar"><h2>Spec, generation ${d.status.generation}</h2><div class="row"><${Copy} text=${text} label="Copy as YAML" />
    <a class="button" href=${`#/create?from=${encodeURIComponent(d.name)}`}>Create another like it</a></div></div>
    <pre tabindex="0" aria-label="The spec as YAML">${text}</pre></section>`;
}

/** @param {{ name: string, tab: string }} props */
export function Cluster({ name, tab }) {
  const loaded = useLoaded(() => get(at("clusters", name)), [name], { cluster: name });
  const d = loaded.data;
  const known = useRef(false);
  useEffect(() => { known.current ||= d !== null; }, [d]);
  if (loaded.error?.status === 404) {
    return html`<${Title} title=${name} name=${name} crumbs=${[["#/", "Clusters"]]} /><div class="card"><${Empty} title=${known.current ? `${name} is gone` : `There is no cluster ${name}`}><p><a href="#/">To the clusters</a></p><//></div><${Happened} name=${name} />`;
  }
  const path = place.value.path;
  const labels = tabs.map((t) => /** @type {[string, string]} */ ([to("clusters", name, t), t[0].toUpperCase() + t.slice(1)]));
  return html`<${Title} title=${name} name=${name} crumbs=${[["#/", "Clusters"]]}>
      <a class="button" id="flink-ui" href=${`v1/clusters/${encodeURIComponent(name)}/ui/`} target="_blank" rel="noopener">Flink UI</a>
      ${d ? html`<${Actions} d=${d} />` : null}<//>
    <${Loaded} of=${loaded} what=${`Cluster ${name}`}>${d ? html`<${Why} d=${d} /><${Facts} d=${d} />
      <${Tabs} links=${labels} now=${tab[0].toUpperCase() + tab.slice(1)} />
      <div id=${`tab-${tab}`}>${tab === "jobs" ? html`<${Jobs} d=${d} />` : tab === "logs" ? html`<${Log} d=${d} task=${path[3]} file=${path.slice(4).join("/")} />`
        : tab === "events" ? html`<${Happened} name=${name} />` : tab === "operations" ? html`<${Done} name=${name} />`
        : tab === "snapshots" ? html`<${Snapshots} cluster=${name} d=${d} />` : tab === "spec" ? html`<${Spec} d=${d} />` : html`<${Tasks} d=${d} />`}</div>` : null}<//>`;
}
