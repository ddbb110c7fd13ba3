// Savepoints and checkpoints, of one cluster or of all.
import { at, call, get, may } from "../api.js";
import { size } from "../format.js";
import { useLoaded } from "../live.js";
import { to } from "../router.js";
import { ask, askSavepoint, quote } from "../ui/actions.js";
import { Badge, Copy, Empty, Loaded, Problems, Title, When } from "../ui/parts.js";
import { html, useState } from "../vendor/ui.js";

/** @param {string} cluster @param {() => void} done */
const askAdopt = (cluster, done) => ask({
  title: `Adopt a snapshot for ${cluster}`, action: "Adopt", done,
  cost: html`<p>The service remembers a savepoint or checkpoint that exists, so that jobs can start from it. Its files stay whose they are.</p>`,
  fields: [{ name: "path", label: "Path", value: "", help: "Such as hdfs:///savepoints/savepoint-ab12cd" }],
  request: (v) => ({ method: "POST", path: at("clusters", cluster, "snapshots"), body: { path: v.path }, cli: `dcos flink snapshot adopt ${cluster} ${quote(String(v.path))}` }),
});

/** @param {any} s @param {() => void} done */
const askRemove = (s, done) => ask({
  title: "Delete this snapshot?", action: "Delete", danger: true, done,
  cost: html`<p>${s.path ? html`<code>${s.path}</code> ` : ""}${s.ownsData ? "Its files are deleted. No job can start from it again." : "The service forgets it; its files stay."}</p>`,
  fields: s.ownsData ? [{ name: "keepFiles", label: "Keep the files", value: false }] : [],
  request: (v) => ({ method: "DELETE", path: at("snapshots", s.id) + (v.keepFiles ? "?keepFiles=true" : ""), cli: `dcos flink snapshot delete ${s.id}${v.keepFiles ? " --keep-files" : ""}` }),
});

/** @param {{ s: any, reload: () => void, all: boolean }} props */
function Row({ s, reload, all }) {
  const [said, say] = useState(/** @type {any} */ (null));
  const [error, fail] = useState(/** @type {any} */ (null));
  const command = (/** @type {string} */ what) => async () => {
    try {
      const answer = await call("POST", at("snapshots", s.id, what));
      fail(null);
      if (what === "verify") say(answer);
      else reload();
    } catch (e) { fail(e); }
  };
  const complete = s.state === "COMPLETED";
  return html`<tr id=${`snapshot-${s.id}`}><th scope="row">${s.kind} <span class="quiet mono">${s.id}</span>${s.pinned ? html` <span class="badge">pinned</span>` : ""}</th>
    ${all ? html`<td data-label="Cluster"><a href=${to("clusters", s.cluster, "snapshots")}>${s.cluster}</a></td>` : null}
    <td data-label="State"><${Badge} state=${s.state} />${s.message ? html`<span class="why">${s.message}</span>` : null}</td>
    <td data-label="Why">${s.trigger.toLowerCase().replaceAll("_", " ")}</td><td data-label="When"><${When} time=${s.completed ?? s.created} /></td>
    <td data-label="Size">${s.size ? size(s.size) : "–"}</td>
    <td data-label="Path" class="wide">${s.path ? html`<code>${s.path}</code> <${Copy} text=${s.path} label="Copy" />` : "–"}
      ${said ? html`<p class="notice" role="status">${said.reachable ? (said.readable ? `It can be read: Flink's metadata version ${said.metadataVersion}, checkpoint ${said.checkpointId}.` : "Its files are there, but they are not those of a snapshot.") : "The service cannot see its files."} ${said.message ?? ""}</p>` : null}<${Problems} error=${error} /></td>
    ${may("operate") ? html`<td><div class="row">${complete ? html`<button type="button" class="plain" aria-label=${`Verify ${s.id}`} onClick=${command("verify")}>verify</button>
      <button type="button" class="plain" aria-label=${`${s.pinned ? "Unpin" : "Pin"} ${s.id}`} onClick=${command(s.pinned ? "unpin" : "pin")}>${s.pinned ? "unpin" : "pin"}</button>` : null}
      ${may("admin") && complete && s.path ? html`<a href=${`#/clusters/${encodeURIComponent(s.cluster)}/edit?snapshot=${encodeURIComponent(s.id)}`} aria-label=${`Start from ${s.id}`}>start from</a>` : null}
      ${may("admin") ? html`<button type="button" class="plain" aria-label=${`Delete ${s.id}`} onClick=${() => askRemove(s, reload)}>delete</button>` : null}</div></td>` : null}</tr>`;
}

/** @param {{ list: any[], reload: () => void, all?: boolean }} props */
const Table = ({ list, reload, all = false }) => html`<div class="scroll" tabindex="0" role="region" aria-label="Table of snapshots"><table class="stack"><thead><tr><th scope="col">Snapshot</th>${all ? html`<th scope="col">Cluster</th>` : null}<th scope="col">State</th><th scope="col">Why</th><th scope="col">When</th><th scope="col">Size</th><th scope="col">Path</th>${may("operate") ? html`<th scope="col">Actions</th>` : null}</tr></thead>
  <tbody>${list.map((s) => html`<${Row} key=${s.id} s=${s} reload=${reload} all=${all} />`)}</tbody></table></div>`;

/** Those of a cluster. @param {{ cluster: string, d: any }} props */
export function Snapshots({ cluster, d }) {
  const found = useLoaded(() => get(at("clusters", cluster, "snapshots")), [cluster], { cluster, every: 5000 });
  const list = found.data?.snapshots ?? [];
  return html`<section class="card" aria-label="Snapshots"><div class="bar"><h2>Snapshots</h2>${may("operate") ? html`<div class="row">
      <button type="button" class="main" onClick=${() => askSavepoint(cluster, d.kind === "session" ? d.status.job?.id : undefined)}>Take a savepoint</button>
      <button type="button" onClick=${() => askAdopt(cluster, found.reload)}>Adopt</button></div>` : null}</div>
    <${Loaded} of=${found} what="Snapshots">${list.length ? html`<${Table} list=${list} reload=${found.reload} />` : html`<${Empty} title="No snapshots yet"><p>A savepoint is a copy of a job's state from which this or another cluster can start.</p><//>`}<//></section>`;
}

/** Those of all clusters, also of clusters that are gone. */
export function AllSnapshots() {
  const found = useLoaded(() => get(at("snapshots")), [], { cluster: "", every: 10000 });
  const [search, find] = useState("");
  const list = (found.data?.snapshots ?? []).filter((/** @type {any} */ s) => `${s.cluster} ${s.path} ${s.kind} ${s.trigger} ${s.state} ${s.id}`.toLowerCase().includes(search.toLowerCase()));
  return html`<${Title} title="Snapshots" name="Snapshots" /><section class="card" aria-label="All snapshots"><${Loaded} of=${found} what="Snapshots">
    ${found.data?.snapshots.length ? html`<p><input type="search" aria-label="Search" placeholder="Search by cluster, path, state …" value=${search} onInput=${(/** @type {any} */ e) => find(e.target.value)} /></p>
      ${list.length ? html`<${Table} all list=${list} reload=${found.reload} />` : html`<${Empty} title="Nothing matches" />`}`
    : html`<${Empty} title="No snapshots yet"><p>Savepoints are taken on the page of a cluster, before updates, when a cluster is suspended, or by a schedule in its spec.</p><//>`}<//></section>`;
}
