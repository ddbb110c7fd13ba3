// The service itself: its registration with Mesos, its Flink versions, its journal.
import { at, get } from "../api.js";
import { size } from "../format.js";
import { useLoaded } from "../live.js";
import { Badge, Loaded, Title, When } from "../ui/parts.js";
import { html, useState } from "../vendor/ui.js";

function Journal() {
  const [contains, find] = useState("");
  const journal = useLoaded(() => get(`${at("debug", "journal")}?limit=50${contains ? `&contains=${encodeURIComponent(contains)}` : ""}`), [contains], { every: 10000 });
  const entries = [...(journal.data?.entries ?? [])].reverse();
  return html`<section class="card" aria-label="Journal"><h2>Journal</h2><p class="quiet">What the service heard, and what it did. Secrets are not in it.</p>
    <input type="search" aria-label="Only entries with" placeholder="Only entries with, such as the name of a cluster or the id of a task" value=${contains} onChange=${(/** @type {any} */ e) => find(e.target.value)} />
    <${Loaded} of=${journal} what="The journal">${entries.length === 0 ? html`<p class="quiet">No entries.</p>` : html`<div class="scroll" tabindex="0" role="region" aria-label="Journal entries"><table class="stack"><thead><tr><th scope="col">When</th><th scope="col">Event</th><th scope="col">What followed</th></tr></thead>
      <tbody>${entries.map((e, i) => html`<tr key=${e.time + i}><td><${When} time=${e.time} /></td><td data-label="Event"><details><summary>${e.event}</summary><pre tabindex="0">${JSON.stringify(e.data, null, 2)}</pre></details></td><td data-label="What followed" class="wide">${(e.actions ?? []).join("; ")}</td></tr>`)}</tbody></table></div>`}<//></section>`;
}

/** The service and its parts. */
export function Service() {
  const loaded = useLoaded(async () => { const [service, version, health] = await Promise.all([get(at("service")), get(at("version")), get(at("health"))]); return { ...service, ...version, role: health.role }; }, [], { every: 5000 });
  const s = loaded.data;
  const fact = (/** @type {string} */ name, /** @type {any} */ value) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`<${Title} title=${s ? s.name : "Service"} name="Service"><a class="button" href="metrics" target="_blank" rel="noopener">Metrics</a><a class="button" href="v1/openapi.yaml">API</a><//>
    <${Loaded} of=${loaded} what="The service">${s ? html`<dl class="facts card" id="service-facts">${fact("Mesos", s.connected ? html`<${Badge} state="STABLE" label="connected" /> ${s.master}` : html`<${Badge} state="FAILED" label="not connected" />`)}
      ${fact("Framework", html`<span class="mono">${s.frameworkId || "not registered yet"}</span>`)}${fact("Roles", s.roles.join(", "))}${fact("This instance", `${s.role}${s.leaderUrl ? ` at ${s.leaderUrl}` : ""}`)}
      ${fact("Version", `${s.version} (${s.commit}, ${s.go})`)}${fact("Clusters", s.clusters)}${fact("Tasks", `${s.tasks}, ${s.waiting} pending`)}${fact("Agents known", s.agents)}${fact("Reservations", s.reservations)}
      ${fact("Offers", s.suppressed ? "suppressed: nothing is pending" : "wanted")}</dl>
      ${(s.problems ?? []).map((/** @type {any} */ p) => html`<p class="notice bad"><code>${p.option}</code>: ${p.message} <span class="quiet">since <${When} time=${p.time} /></span></p>`)}
      <section class="card" aria-label="Flink versions"><h2>Flink versions</h2><div class="scroll" tabindex="0" role="region" aria-label="Table of versions"><table class="stack"><thead><tr><th scope="col">Name</th><th scope="col">Archive</th><th scope="col">Size</th><th scope="col">Without</th></tr></thead>
        <tbody>${s.flink.map((/** @type {any} */ f) => html`<tr key=${f.sha256}><th scope="row">${f.name}${f.kept ? html` <span class="quiet">kept for clusters that were created with it</span>` : ""}</th><td data-label="Archive" class="mono">${f.sha256.slice(0, 16)}…</td><td data-label="Size">${size(f.size)}</td><td data-label="Without" class="wide">${(f.missing ?? []).join(", ") || "nothing"}</td></tr>`)}</tbody></table></div></section>` : null}<//>
    <${Journal} />`;
}
