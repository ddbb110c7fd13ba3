// One job: its vertices with what they do, its checkpoints, its exceptions.
import { at, get, may } from "../api.js";
import { count, duration, size } from "../format.js";
import { useLoaded } from "../live.js";
import { to } from "../router.js";
import { askSavepoint } from "../ui/actions.js";
import { Badge, Empty, Loaded, Meter, Title, When } from "../ui/parts.js";
import { TimePlot } from "../ui/plot.js";
import { html, useMemo } from "../vendor/ui.js";
import { askCancel } from "./jobs.js";

const names = ["busyTimeMsPerSecond", "backPressuredTimeMsPerSecond", "numRecordsInPerSecond", "numRecordsOutPerSecond"];

/** The rates of a vertex over its subtasks; nothing where Flink has none yet. @param {string} base @param {string} id */
async function rates(base, id) {
  try {
    const found = await get(`${base}/vertices/${id}/subtasks/metrics?get=${names.join(",")}&agg=avg,sum`);
    return Object.fromEntries(found.map((/** @type {any} */ m) => [m.id, m]));
  } catch {
    return {};
  }
}

/** @param {{ job: any, base: string, cluster: string }} props */
function Vertices({ job, base, cluster }) {
  const vertices = job.vertices ?? [];
  const known = useLoaded(async () => Object.fromEntries(await Promise.all(vertices.slice(0, 40).map(async (/** @type {any} */ v) => [v.id, await rates(base, v.id)]))), [base, vertices.length], { every: 4000 });
  const share = (/** @type {any} */ m) => (m && Number.isFinite(m.avg) ? m.avg / 10 : null);
  const per = (/** @type {any} */ m) => (m && Number.isFinite(m.sum) ? `${Math.round(m.sum).toLocaleString()} /s` : "–");
  return html`<section class="card" aria-label="Vertices"><h2>Vertices</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Table of vertices"><table class="stack"><thead><tr><th scope="col">Vertex</th><th scope="col">State</th><th scope="col" class="number">Parallelism</th><th scope="col">Busy</th><th scope="col">Backpressured</th><th scope="col" class="number">In</th><th scope="col" class="number">Out</th><th scope="col" class="number">Read, written</th></tr></thead>
    <tbody>${vertices.map((/** @type {any} */ v) => {
      const m = known.data?.[v.id] ?? {}, busy = share(m[names[0]]), back = share(m[names[1]]);
      return html`<tr key=${v.id}><th scope="row">${v.name}</th><td data-label="State"><${Badge} state=${v.status} /></td><td data-label="Parallelism" class="number">${v.parallelism}${v.maxParallelism > 0 ? html` <span class="quiet">of ${v.maxParallelism}</span>` : ""}</td>
        <td data-label="Busy">${busy === null ? "–" : html`<${Meter} used=${busy} total=${100} label=${`${Math.round(busy)} %`} />`}</td>
        <td data-label="Backpressured">${back === null ? "–" : html`<${Meter} kind="busy" used=${back} total=${100} label=${`${Math.round(back)} %`} />`}</td>
        <td data-label="In" class="number">${per(m[names[2]])}</td><td data-label="Out" class="number">${per(m[names[3]])}</td>
        <td data-label="Read, written" class="number">${(v.metrics?.["read-records"] ?? 0).toLocaleString()}, ${(v.metrics?.["write-records"] ?? 0).toLocaleString()}</td></tr>`;
    })}</tbody></table></div>
    <p class="quiet">A vertex that is busy all the time limits those before it, which then are backpressured. <a href=${`v1/clusters/${encodeURIComponent(cluster)}/ui/#/job/running/${job.jid}/overview`} target="_blank" rel="noopener">The graph in Flink's own page</a></p></section>`;
}

/** @param {{ base: string }} props */
function Checkpoints({ base }) {
  const found = useLoaded(() => get(`${base}/checkpoints`), [base], { every: 5000 });
  const c = found.data;
  const done = useMemo(() => (c?.history ?? []).filter((/** @type {any} */ h) => h.status === "COMPLETED").reverse(), [c]);
  const times = useMemo(() => [done.map((/** @type {any} */ h) => h.trigger_timestamp / 1000), done.map((/** @type {any} */ h) => h.end_to_end_duration / 1000)], [done]);
  const sizes = useMemo(() => [times[0], done.map((/** @type {any} */ h) => h.checkpointed_size ?? h.state_size)], [done]);
  const seconds = (/** @type {number} */ n) => duration(n);
  return html`<section class="card" aria-label="Checkpoints"><h2>Checkpoints</h2><${Loaded} of=${found} what="Checkpoints">
    ${c && (c.counts?.total ?? 0) === 0 ? html`<${Empty} title="No checkpoints"><p>A job takes them with <code>execution.checkpointing.interval</code> in its configuration. Without them a failure begins it anew.</p><//>` : html`
    <p>${count(c?.counts?.completed ?? 0, "completed", "completed")}, ${c?.counts?.in_progress ?? 0} in progress, <span class=${c?.counts?.failed ? "problems" : ""}>${c?.counts?.failed ?? 0} failed</span>
      ${c?.latest?.completed ? html`; the last one took ${duration(c.latest.completed.end_to_end_duration / 1000)} and is ${size(c.latest.completed.state_size)} large` : null}
      ${c?.latest?.restored ? html`; restored from <code>${c.latest.restored.external_path ?? `checkpoint ${c.latest.restored.id}`}</code>` : null}.</p>
    ${c?.latest?.failed ? html`<p class="problems">The last failure: ${c.latest.failed.failure_message ?? "no reason was given"}</p>` : null}
    ${done.length > 1 ? html`<div class="grid"><${TimePlot} label="Duration" words="from the trigger to the end" unit=${seconds} data=${times} series=${[{ label: "duration", color: "--plot-1", points: true }]} />
      <${TimePlot} label="Size" words="what was written" unit=${size} data=${sizes} series=${[{ label: "size", color: "--plot-2", points: true }]} /></div>` : null}`}<//></section>`;
}

/** @param {{ base: string }} props */
function Exceptions({ base }) {
  const found = useLoaded(() => get(`${base}/exceptions?maxExceptions=10`), [base], { every: 8000 });
  const entries = found.data?.exceptionHistory?.entries ?? [];
  return html`<section class="card" aria-label="Exceptions"><h2>Exceptions</h2><${Loaded} of=${found} what="Exceptions">
    ${entries.length === 0 ? html`<p class="quiet">None.</p>` : entries.map((/** @type {any} */ e) => html`<details key=${e.timestamp}><summary><${When} time=${e.timestamp} /> <strong>${e.exceptionName}</strong> <span class="quiet">${[e.taskName, e.endpoint ?? e.location].filter(Boolean).join(" on ")}</span></summary><pre tabindex="0">${e.stacktrace}</pre></details>`)}<//></section>`;
}

/** @param {{ cluster: string, id: string }} props */
export function Job({ cluster, id }) {
  const base = at("clusters", cluster, "ui", "jobs", id);
  const job = useLoaded(() => get(base), [base], { cluster, every: 4000 });
  const j = job.data;
  return html`<${Title} title=${j?.name ?? "Job"} name=${j?.name ?? "Job"} crumbs=${[["#/", "Clusters"], [to("clusters", cluster), cluster], [to("clusters", cluster, "jobs"), "Jobs"]]}>
      ${j && may("operate") && ["RUNNING", "RESTARTING", "CREATED"].includes(j.state) ? html`<button type="button" onClick=${() => askSavepoint(cluster, id)}>Savepoint</button><button type="button" class="danger" onClick=${() => askCancel(cluster, id, j.name)}>Cancel</button>` : null}<//>
    <${Loaded} of=${job} what="The job">${j ? html`<dl class="facts card"><div><dt>State</dt><dd><${Badge} state=${j.state} /></dd></div><div><dt>Id</dt><dd class="mono">${id}</dd></div>
      <div><dt>Started</dt><dd><${When} time=${j["start-time"]} /></dd></div><div><dt>Duration</dt><dd>${duration(j.duration / 1000)}</dd></div><div><dt>Vertices</dt><dd>${(j.vertices ?? []).length}</dd></div></dl>
      <${Vertices} job=${j} base=${base} cluster=${cluster} /><${Checkpoints} base=${base} /><${Exceptions} base=${base} />` : null}<//>`;
}
