// The jobs of a cluster, as Flink lists them.
import { at, get, may } from "../api.js";
import { duration } from "../format.js";
import { useLoaded } from "../live.js";
import { to } from "../router.js";
import { ask, askSavepoint } from "../ui/actions.js";
import { Badge, Empty, Loaded, When } from "../ui/parts.js";
import { html } from "../vendor/ui.js";

/** @param {string} cluster @param {string} job @param {string} name */
export const askCancel = (cluster, job, name) => ask({
  title: `Cancel ${name}?`, action: "Cancel the job", danger: true, method: "PATCH", path: `${at("clusters", cluster, "ui", "jobs", job)}?mode=cancel`,
  cli: `dcos flink job cancel ${cluster} ${job}`,
  cost: html`<p>The job ends without a savepoint. What it did since its last checkpoint is lost to a later start from it.</p>`,
});

/** @param {{ d: any }} props */
export function Jobs({ d }) {
  const jobs = useLoaded(async () => (await get(at("clusters", d.name, "ui", "jobs", "overview"))).jobs, [d.name], { cluster: d.name, every: 4000 });
  const list = jobs.data ?? [];
  const run = html`<a href=${`v1/clusters/${encodeURIComponent(d.name)}/ui/#/submit`} target="_blank" rel="noopener">Submit a jar in Flink's own page</a>`;
  return html`<section class="card" aria-label="Jobs"><${Loaded} of=${jobs} what="Jobs">${list.length === 0
    ? html`<${Empty} title="No jobs yet"><p>${d.kind === "session" ? html`${run}, or run <code>flink run -m …/v1/clusters/${d.name}/ui</code>.` : "The job is shown as soon as the JobManager runs."}</p><//>`
    : html`${d.kind === "session" ? html`<p class="quiet">${run}</p>` : null}<div class="scroll" tabindex="0" role="region" aria-label="Table of jobs"><table class="stack"><thead><tr><th scope="col">Job</th><th scope="col">State</th><th scope="col">Started</th><th scope="col">Duration</th><th scope="col">Tasks</th>${may("operate") ? html`<th scope="col">Actions</th>` : null}</tr></thead>
    <tbody>${list.map((/** @type {any} */ j) => html`<tr key=${j.jid}><th scope="row"><a href=${to("clusters", d.name, "jobs", j.jid)}>${j.name}</a> <span class="quiet mono">${j.jid}</span></th>
      <td data-label="State"><${Badge} state=${j.state} /></td><td data-label="Started"><${When} time=${j["start-time"]} /></td><td data-label="Duration">${duration(j.duration / 1000)}</td>
      <td data-label="Tasks">${j.tasks?.running ?? 0} of ${j.tasks?.total ?? 0} running</td>
      ${may("operate") ? html`<td><div class="row">${["RUNNING", "CREATED", "RESTARTING"].includes(j.state) ? html`<button type="button" class="plain" aria-label=${`Savepoint of ${j.name}`} onClick=${() => askSavepoint(d.name, j.jid)}>savepoint</button>
        <button type="button" class="plain" aria-label=${`Cancel ${j.name}`} onClick=${() => askCancel(d.name, j.jid, j.name)}>cancel</button>` : null}</div></td>` : null}</tr>`)}</tbody></table></div>`}<//></section>`;
}
