// The tasks of a cluster, the files of their sandboxes, and the tasks that failed.
import { at, get, may } from "../api.js";
import { size } from "../format.js";
import { to } from "../router.js";
import { ask } from "../ui/actions.js";
import { Age, Badge, Dialog, Empty, Problems, When } from "../ui/parts.js";
import { html, signal, useEffect, useState } from "../vendor/ui.js";

/** The sandbox that is open. @type {import("../vendor/ui.js").Signal<{ cluster: string, task: string } | null>} */
const sandbox = signal(null);

/** @param {{ cluster: string, task: string }} props */
function Sandbox({ cluster, task }) {
  const [directory, go] = useState("");
  const [files, list] = useState(/** @type {any[]} */ ([]));
  const [error, fail] = useState(/** @type {any} */ (null));
  const base = at("clusters", cluster, "tasks", task, "files");
  const address = (/** @type {string} */ path) => `${base}/${path.split("/").map(encodeURIComponent).join("/")}`;
  useEffect(() => {
    let gone = false;
    get(address(directory)).then((a) => { if (!gone) { list(a.files); fail(null); } }, (e) => { if (!gone) { list([]); fail(e); } });
    return () => { gone = true; };
  }, [directory]);
  const inner = (/** @type {string} */ text, /** @type {string} */ path) => html`<button type="button" class="plain" onClick=${() => go(path)}>${text}</button>`;
  return html`<${Dialog} id="sandbox" title=${`Sandbox of ${task}`} close=${() => { sandbox.value = null; }}>
    <p class="quiet" id="sandbox-path">/${directory}</p><${Problems} error=${error} />
    <ul class="files" id="sandbox-files">${directory ? html`<li>${inner("..", directory.replace(/[^/]*\/$/, ""))}</li>` : null}
      ${files.map((f) => { const own = f.path.split("/").at(-1); return f.mode.startsWith("d") ? html`<li key=${f.path}>${inner(`${own}/`, `${f.path}/`)}</li>`
        : html`<li key=${f.path}><a href=${address(f.path)} target="_blank" rel="noopener">${own}</a><span class="quiet">${size(f.size)}</span></li>`; })}</ul>
    <div class="buttons"><button type="button" autofocus onClick=${() => { sandbox.value = null; }}>Close</button></div><//>`;
}

/** @param {any} d @param {any} t @param {"restart" | "replace"} how */
const askTask = (d, t, how) => ask({
  title: how === "restart" ? `Restart ${t.pod}?` : `Replace ${t.pod}?`, action: how === "restart" ? "Restart" : "Replace",
  method: "POST", path: at("clusters", d.name, "tasks", t.id, how), cli: `dcos flink pod ${how} ${t.pod}`,
  cost: html`<p>${how === "restart" ? "A new task takes its place, with what is reserved for it on its agent." : "A new task takes its place on any agent; what is reserved for the old one is released."}
    ${t.role === "jobmanager" ? " The jobs fail over: with high availability they resume from their last checkpoint, without it they are lost." : " Jobs that run on it restart from their last checkpoint."}</p>`,
});

/** @param {{ d: any }} props */
export function Tasks({ d }) {
  const logs = (/** @type {any} */ id) => html`<a href=${to("clusters", d.name, "logs", id)} aria-label=${`log of ${id}`}>log</a>
    <button type="button" class="plain" id=${`sandbox-${id}`} aria-label=${`sandbox of ${id}`} onClick=${() => { sandbox.value = { cluster: d.name, task: id }; }}>sandbox</button>`;
  return html`<section class="card" aria-label="Tasks">
    ${d.tasks.length === 0 ? html`<${Empty} title="No tasks"><p>${d.spec.suspended ? "A suspended cluster has none." : "They are started as soon as Mesos offers what they need."}</p><//>` : html`
    <div class="scroll" tabindex="0" role="region" aria-label="Table of tasks"><table class="stack"><thead><tr><th scope="col">Task</th><th scope="col">State</th><th scope="col">Host</th><th scope="col">Size</th><th scope="col">Since</th><th scope="col">Files</th>${may("operate") ? html`<th scope="col">Actions</th>` : null}</tr></thead>
    <tbody id="tasks">${d.tasks.slice(0, 500).map((/** @type {any} */ t) => html`<tr key=${t.id}><th scope="row">${t.id} <span class="quiet">${t.role}</span></th>
      <td data-label="State"><${Badge} state=${t.state} label=${t.goal === "released" && t.state === "RUNNING" ? "stopping" : t.state} />${t.message ? html`<span class="why">${[t.reason, t.message].filter(Boolean).join(": ")}</span>` : null}</td>
      <td data-label="Host">${t.hostname}</td><td data-label="Size">${t.cpus} cpus, ${t.memory}${t.slots ? `, ${t.slots} slots` : ""}</td>
      <td data-label="Since"><${When} time=${t.changed} /></td><td data-label="Files"><div class="row">${logs(t.id)}</div></td>
      ${may("operate") ? html`<td><div class="row"><button type="button" class="plain" aria-label=${`Restart ${t.pod}`} onClick=${() => askTask(d, t, "restart")}>restart</button>
        <button type="button" class="plain" aria-label=${`Replace ${t.pod}`} onClick=${() => askTask(d, t, "replace")}>replace</button></div></td>` : null}</tr>`)}</tbody></table></div>
    ${d.tasks.length > 500 ? html`<p class="quiet">and ${d.tasks.length - 500} more</p>` : null}`}</section>
    ${d.status.failures?.length ? html`<section class="card" aria-label="Failures"><h2>Tasks that failed</h2><ul>${[...d.status.failures].reverse().map((/** @type {any} */ f) => html`<li key=${f.taskId}>
      <strong>${f.taskId}</strong> <${Badge} state="FAILED" label=${f.state} /> on ${f.hostname}, <${Age} time=${f.ended} /> ago: ${[f.reason, f.message].filter(Boolean).join(": ")}
      ${f.logError ? html`<pre>${f.logError}</pre>` : null} <span class="row">${logs(f.taskId)}</span></li>`)}</ul></section>` : null}
    ${sandbox.value ? html`<${Sandbox} key=${sandbox.value.task} ...${sandbox.value} />` : null}`;
}
