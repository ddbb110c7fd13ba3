// What happened: slots over the last hour, recoveries, operations and events of all clusters.
import { at, get } from "../api.js";
import { duration } from "../format.js";
import { useLoaded } from "../live.js";
import { place, remember } from "../router.js";
import { Empty, Events, Loaded, Title } from "../ui/parts.js";
import { TimePlot } from "../ui/plot.js";
import { html, useMemo, useState } from "../vendor/ui.js";
import { Operations } from "./cluster.js";

/** @param {{ history: any }} props */
function Plots({ history }) {
  const samples = history.samples, last = samples.at(-1), recoveries = history.recoveries;
  const time = (/** @type {any} */ s) => Date.parse(s.time) / 1000;
  const slots = useMemo(() => [samples.map(time), ...["slotsWanted", "slots", "slotsUsed"].map((k) => samples.map((/** @type {any} */ s) => s[k]))], [samples]);
  const losses = useMemo(() => [recoveries.map(time), recoveries.map((/** @type {any} */ r) => r.seconds)], [recoveries]);
  const recent = recoveries.at(-1);
  return html`<div class="grid">
    <section class="card" aria-label="Slots">${last ? html`<div id="slots"><${TimePlot} label="Slots" words=${`now ${last.slotsWanted} wanted, ${last.slots} registered, ${last.slotsUsed} used`} data=${slots}
      series=${[{ label: "wanted", color: "--plot-3", dash: [6, 4], steps: true }, { label: "registered", color: "--plot-2", steps: true }, { label: "used", color: "--plot-1", steps: true }]} /></div>` : html`<${Empty} title="Nothing sampled yet" />`}</section>
    <section class="card" aria-label="Recovery">${recent ? html`<div id="recoveries"><${TimePlot} label="Recovery" words=${`last ${duration(recent.seconds)} (${recent.cluster}, ${recent.lost})`} unit=${duration} data=${losses} series=${[{ label: "seconds", color: "--plot-1", points: true }]} /></div>`
      : html`<${Empty} title="No losses so far"><p>How long it took until a lost task was replaced is shown here.</p><//>`}</section></div>`;
}

/** What happened, with filters. */
export function History() {
  const [cluster, choose] = useState(place.peek().query.get("cluster") ?? "");
  const history = useLoaded(() => get(at("history")), [], { every: 5000 });
  const only = cluster ? `&cluster=${encodeURIComponent(cluster)}` : "";
  const events = useLoaded(() => get(`${at("events")}?limit=100${only}`), [only], { cluster: "", every: 15000 });
  const operations = useLoaded(() => get(`${at("operations")}?limit=50${only}`), [only], { cluster: "", every: 15000 });
  return html`<${Title} title="History" name="History" /><${Loaded} of=${history} what="History">${history.data ? html`<${Plots} history=${history.data} />` : null}<//>
    <p><label class="field"><span>Only of the cluster</span><input type="search" placeholder="Name of a cluster, also of one that is gone" value=${cluster} onChange=${(/** @type {any} */ e) => { choose(e.target.value.trim()); remember({ cluster: e.target.value.trim() }); }} /></label></p>
    <section class="card" aria-label="Operations"><h2>Operations</h2><${Loaded} of=${operations} what="Operations"><${Operations} cluster operations=${operations.data?.operations ?? []} /><//></section>
    <section class="card" aria-label="Events" id="events"><h2>Events</h2><${Loaded} of=${events} what="Events">${events.data?.events.length ? html`<${Events} cluster events=${events.data.events} />` : html`<${Empty} title="No events yet" />`}<//></section>`;
}
