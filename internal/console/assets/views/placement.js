// Where tasks could go: the agents, the last offers, and what a cluster would find.
import { at, get } from "../api.js";
import { clusters, useLoaded } from "../live.js";
import { place, remember } from "../router.js";
import { Age, Badge, Empty, Loaded, Title, When } from "../ui/parts.js";
import { html, useState } from "../vendor/ui.js";

/** @param {{ cluster: string }} props */
function Fit({ cluster }) {
  const [more, want] = useState(1);
  const fit = useLoaded(() => get(`${at("clusters", cluster, "placement")}?taskManagers=${more}`), [cluster, more], { cluster, every: 10000 });
  const f = fit.data;
  return html`<label class="field"><span>TaskManagers more</span><input type="number" min="1" max="10000" value=${more} onChange=${(/** @type {any} */ e) => want(Math.max(1, Number(e.target.value) || 1))} /></label>
    <${Loaded} of=${fit} what="The answer">${f ? html`<p><span class=${`badge ${f.fit >= f.taskManagers ? "good" : "busy"}`}>${f.fit} of ${f.taskManagers} would fit</span> Each needs ${f.needs}.
      ${f.oldest ? html` <span class="quiet">By offers of ${f.knownAgents} agents, the oldest from <${Age} time=${f.oldest} /> ago.</span>` : ""}</p>
      ${f.agents.length ? html`<h3>Where</h3><ul>${f.agents.map((/** @type {any} */ a) => html`<li key=${a.agentId}>${a.hostname}: ${a.taskManagers}${a.zone ? html` <span class="quiet">${a.region} ${a.zone}</span>` : ""}</li>`)}</ul>` : null}
      ${f.blocked.length ? html`<h3>Why not more</h3><ul>${f.blocked.map((/** @type {any} */ b) => html`<li key=${b.what}><strong>${b.what}</strong> on ${b.agents} agents (${b.hosts.join(", ")}): ${b.message}</li>`)}</ul>` : null}
      ${(f.notes ?? []).map((/** @type {string} */ n) => html`<p class="quiet">${n}</p>`)}` : null}<//>`;
}

/** Agents, offers and fits. */
export function Placement() {
  const state = useLoaded(() => get(at("debug", "state")), [], { every: 8000 });
  const offers = useLoaded(() => get(at("debug", "offers")), [], { every: 5000 });
  const [cluster, choose] = useState(place.peek().query.get("cluster") ?? "");
  const agents = state.data?.agents ?? [];
  const tasks = (/** @type {string} */ id) => state.data.tasks.filter((/** @type {any} */ t) => t.agentId === id);
  return html`<${Title} title="Placement" name="Placement" />
    <section class="card" aria-label="Would it fit"><h2>Would more fit?</h2>
      <label class="field"><span>Cluster</span><select value=${cluster} onChange=${(/** @type {any} */ e) => { choose(e.target.value); remember({ cluster: e.target.value }); }}><option value="">Choose a cluster</option>${[...clusters.value.keys()].map((n) => html`<option value=${n}>${n}</option>`)}</select></label>
      ${cluster ? html`<${Fit} key=${cluster} cluster=${cluster} />` : null}</section>
    <section class="card" aria-label="Agents"><h2>Agents</h2><${Loaded} of=${state} what="Agents">${agents.length === 0 ? html`<${Empty} title="No agents known"><p>Agents are known from offers. Mesos sends none while the service needs nothing.</p><//>` : html`
      <div class="scroll" tabindex="0" role="region" aria-label="Table of agents"><table class="stack"><thead><tr><th scope="col">Agent</th><th scope="col">Our tasks</th><th scope="col">In use by us</th><th scope="col">Last offer</th><th scope="col">State</th></tr></thead>
      <tbody>${agents.map((/** @type {any} */ a) => { const own = tasks(a.id); return html`<tr key=${a.id}><th scope="row">${a.hostname} <span class="quiet mono">${a.id}</span></th><td data-label="Our tasks">${own.length}</td>
        <td data-label="In use by us">${Math.round(10 * own.reduce((/** @type {number} */ n, /** @type {any} */ t) => n + t.cpus, 0)) / 10} cpus</td>
        <td data-label="Last offer">${a.offered ? html`<${Age} time=${a.offered} /> ago` : "–"}</td>
        <td data-label="State">${a.draining ? html`<${Badge} state="busy" label="draining" /> ` : ""}${a.unavailable ? html`<span>maintenance from <${When} time=${a.unavailable} /></span> ` : ""}${a.avoided ? html`<span>avoided until <${When} time=${a.avoided} /> after ${a.failures} failed launches</span>` : a.draining || a.unavailable ? "" : "in use"}</td></tr>`; })}</tbody></table></div>`}<//></section>
    <section class="card" aria-label="Offers"><h2>Last offers</h2><${Loaded} of=${offers} what="Offers">${(offers.data?.offers ?? []).length === 0 ? html`<p class="quiet">None yet.</p>` : html`
      <div class="scroll" tabindex="0" role="region" aria-label="Table of offers"><table class="stack"><thead><tr><th scope="col">When</th><th scope="col">Host</th><th scope="col">Answer</th><th scope="col">Why</th></tr></thead>
      <tbody>${[...offers.data.offers].reverse().slice(0, 100).map((/** @type {any} */ o) => html`<tr key=${o.time + o.agentId + (o.offerIds ?? []).join()}><td><${When} time=${o.time} /></td><td data-label="Host">${o.hostname}</td><td data-label="Answer">${o.result}</td><td data-label="Why" class="wide">${[...(o.tasks ?? []), ...(o.reasons ?? [])].join("; ")}</td></tr>`)}</tbody></table></div>`}<//></section>`;
}
