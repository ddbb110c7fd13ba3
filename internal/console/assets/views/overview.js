// All clusters: what they are doing, and what waits for what.
import { may } from "../api.js";
import { count } from "../format.js";
import { clusters, loaded, rowsChanged } from "../live.js";
import { place, remember, to } from "../router.js";
import { Age, Badge, Empty, Meter, Title } from "../ui/parts.js";
import { html, signal, useMemo } from "../vendor/ui.js";

const columns = /** @type {[string, string, string][]} */ ([
  ["name", "Name", ""], ["state", "State", ""], ["flinkVersion", "Flink", ""], ["slots", "Slots used", ""],
  ["taskManagers", "TaskManagers", "number"], ["jobsRunning", "Jobs", "number"], ["created", "Age", ""],
]);

const search = signal(place.peek().query.get("q") ?? "");
const state = signal(place.peek().query.get("state") ?? "");
const kind = signal(place.peek().query.get("kind") ?? "");
const order = signal(place.peek().query.get("sort") ?? "name");

/** @typedef {import("../live.js").Summary} Summary */

/** @param {Summary} c @param {string} key */
function valueOf(c, key) {
  if (key === "slots") return c.slotsTotal - c.slotsAvailable;
  if (key === "state") return (c.waiting ? "0" : "1") + c.state; // What waits comes first.
  return /** @type {any} */ (c)[key];
}

/** @param {Summary} c */
function matches(c) {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = `${c.name} ${c.state} ${c.flinkVersion} ${c.kind} ${c.waiting ?? ""}`.toLowerCase();
  if (state.value === "waiting" ? !c.waiting : state.value && c.state !== state.value) return false;
  return (!kind.value || c.kind === kind.value) && words.every((w) => text.includes(w));
}

/** The signals of the rows that are shown, in order. */
function shown() {
  const key = order.value.replace(/^-/, ""), down = order.value.startsWith("-") ? -1 : 1;
  void rowsChanged.value;
  return [...clusters.value.values()].filter((row) => matches(row.peek())).sort((a, b) => {
    const x = valueOf(a.peek(), key), y = valueOf(b.peek(), key);
    return (x < y ? -1 : x > y ? 1 : a.peek().name < b.peek().name ? -1 : 1) * down;
  });
}

/** @param {{ row: import("../live.js").Row }} props */
function Row({ row }) {
  const c = row.value;
  const starting = c.phase && c.phase !== "ready" && c.state !== "DELETING" ? ` (${c.phase})` : "";
  const used = c.slotsTotal - c.slotsAvailable;
  return html`<tr id=${`cluster-${c.name}`}>
    <th scope="row"><a href=${to("clusters", c.name)}>${c.name}</a> <span class="quiet">${c.kind}</span></th>
    <td data-label="State"><${Badge} state=${c.waiting ? "waiting" : c.state} label=${c.state + starting} />
      ${c.waiting || c.paused ? html`<span class="why">${c.waiting ?? "Task launches are paused."}</span>` : null}</td>
    <td data-label="Flink">${c.flinkVersion}</td>
    <td data-label="Slots used"><${Meter} used=${used} total=${c.slotsTotal} label=${`${used} / ${c.slotsTotal}`} /></td>
    <td data-label="TaskManagers" class="number" title="running / wanted">${c.taskManagers} / ${c.wantedTaskManagers}</td>
    <td data-label="Jobs" class="number">${c.jobsRunning}</td>
    <td data-label="Age"><${Age} time=${c.created} /></td>
    <td><a href=${`v1/clusters/${encodeURIComponent(c.name)}/ui/`} target="_blank" rel="noopener" aria-label=${`Flink UI of ${c.name}`}>Flink UI</a></td></tr>`;
}

function Totals() {
  void rowsChanged.value;
  const all = [...clusters.value.values()].map((r) => r.peek());
  const sum = (/** @type {(c: Summary) => number} */ f) => all.reduce((n, c) => n + f(c), 0);
  const waiting = all.filter((c) => c.waiting).length, failed = all.filter((c) => c.state === "FAILED").length;
  return html`<dl class="facts card" id="totals">
    <div><dt>Clusters</dt><dd>${all.length.toLocaleString()}</dd></div>
    <div><dt>Jobs running</dt><dd>${sum((c) => c.jobsRunning).toLocaleString()}</dd></div>
    <div><dt>Slots used</dt><dd>${sum((c) => c.slotsTotal - c.slotsAvailable).toLocaleString()} of ${sum((c) => c.slotsTotal).toLocaleString()}</dd></div>
    <div><dt>TaskManagers</dt><dd>${sum((c) => c.taskManagers).toLocaleString()} of ${sum((c) => c.wantedTaskManagers).toLocaleString()}</dd></div>
    <div><dt>Waiting</dt><dd>${waiting ? html`<span class="badge busy">${waiting}</span>` : "none"}</dd></div>
    <div><dt>Failed</dt><dd>${failed ? html`<span class="badge bad">${failed}</span>` : "none"}</dd></div></dl>`;
}

function Guide() {
  return html`<${Empty} title="No clusters yet">
    ${may("admin") ? html`<ol class="steps">
      <li><strong>Choose what to run.</strong> An application runs one program on a cluster of its own; a session takes any number of jobs.</li>
      <li><strong>Bring the program.</strong> Drop a jar on the form. Flink's examples (<code>TopSpeedWindowing.jar</code> in its distribution) do well for a first try.</li>
      <li><strong>Say how large.</strong> Slots are how many pieces run side by side; the defaults are right for a try.</li>
      <li><strong>Check.</strong> The form shows the spec as YAML and what the service thinks of it before anything is started.</li>
      <li><strong>Look.</strong> The cluster's page shows its tasks, logs, the job's graph and its checkpoints as they come.</li></ol>
      <p><a class="button main" href="#/create?kind=application">Run an application</a> <a class="button" href="#/create?kind=session">Create a session</a></p>`
    : html`<p>Whoever has a token with scope admin can create one.</p>`}<//>`;
}

/** The table of clusters. */
export function Overview() {
  const rows = shown();
  const states = useMemo(() => ["STABLE", "DEPLOYED", "CREATED", "SUSPENDED", "FINISHED", "FAILED", "DELETING"], []);
  const sort = (/** @type {string} */ key) => { order.value = order.value === key ? `-${key}` : key; remember({ sort: order.value === "name" ? "" : order.value }); };
  const keep = (/** @type {import("../vendor/ui.js").Signal<string>} */ s, /** @type {string} */ name) => (/** @type {any} */ e) => { s.value = e.target.value; remember({ [name]: s.value }); };
  return html`<${Title} title="Clusters" name="Clusters">
      ${may("admin") ? html`<a class="button main" id="create-open" href="#/create">Create a cluster</a>` : null}<//>
    ${!loaded.value ? html`<p class="quiet" role="status">Loading clusters …</p>` : clusters.value.size === 0 ? html`<div class="card" id="none"><${Guide} /></div>` : html`<${Totals} />
    <section class="card" aria-label="All clusters">
      <div class="filters" role="search">
        <input type="search" id="search" aria-label="Search" placeholder="Search by name, version, reason …" value=${search.value} onInput=${keep(search, "q")} />
        <select aria-label="State" value=${state.value} onChange=${keep(state, "state")}><option value="">Every state</option><option value="waiting">Waiting</option>${states.map((s) => html`<option>${s}</option>`)}</select>
        <select aria-label="Kind" value=${kind.value} onChange=${keep(kind, "kind")}><option value="">Every kind</option><option>session</option><option>application</option><option>job</option></select>
      </div>
      <p class="visually-hidden" role="status">${count(rows.length, "cluster")} shown</p>
      <div class="scroll" tabindex="0" role="region" aria-label="Table of clusters"><table class="clusters stack">
        <thead><tr>${columns.map(([key, text, kind]) => html`<th scope="col" class=${kind} aria-sort=${order.value === key ? "ascending" : order.value === `-${key}` ? "descending" : undefined}>
          <button type="button" onClick=${() => sort(key)}>${text}${order.value === key ? " ▴" : order.value === `-${key}` ? " ▾" : ""}</button></th>`)}<th scope="col"><span class="visually-hidden">Links</span></th></tr></thead>
        <tbody id="clusters">${rows.map((row) => html`<${Row} key=${row.peek().name} row=${row} />`)}</tbody></table></div>
      ${rows.length === 0 ? html`<${Empty} title="Nothing matches"><p><button type="button" onClick=${() => { search.value = state.value = kind.value = ""; remember({ q: "", state: "", kind: "" }); }}>Show all clusters</button></p><//>` : null}
    </section>`}`;
}
