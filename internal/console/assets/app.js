// The frame of the page: navigation, the connection, dialogs, and the view of the place where the reader is.
import { may, question, scope, signOut, token, get, at } from "./api.js";
import { connection, follow, trouble, useLoaded } from "./live.js";
import { place } from "./router.js";
import { Asked } from "./ui/actions.js";
import { Dialog, Empty } from "./ui/parts.js";
import { Component, html, render, useEffect, useRef } from "./vendor/ui.js";
import { Overview } from "./views/overview.js";
import { Cluster } from "./views/cluster.js";
import { Job } from "./views/job.js";
import { Edit } from "./views/edit.js";
import { AllSnapshots } from "./views/snapshots.js";
import { History } from "./views/history.js";
import { Placement } from "./views/placement.js";
import { Service } from "./views/service.js";

/** @type {[string, string][]} */
const parts = [["clusters", "Clusters"], ["snapshots", "Snapshots"], ["history", "History"], ["placement", "Placement"], ["service", "Service"]];

/** @param {string[]} path */
function viewOf([part = "clusters", name, tab, id]) {
  switch (part) {
    case "clusters":
      if (!name) return html`<${Overview} />`;
      if (tab === "edit") return html`<${Edit} key=${name} name=${name} />`;
      if (tab === "jobs" && id) return html`<${Job} key=${name + id} cluster=${name} id=${id} />`;
      return html`<${Cluster} key=${name} name=${name} tab=${tab ?? "tasks"} />`;
    case "create": return html`<${Edit} key="create" name="" />`;
    case "snapshots": return html`<${AllSnapshots} />`;
    case "history": return html`<${History} />`;
    case "placement": return html`<${Placement} />`;
    case "service": return html`<${Service} />`;
    default: return html`<${Empty} title="There is no such page"><p><a href="#/">To the clusters</a></p><//>`;
  }
}

/** Keeps an error of one view from ending the page. */
class Guard extends Component {
  /** @param {Error} error */
  componentDidCatch(error) {
    console.error(error);
    this.setState({ error });
  }

  render() {
    const { error } = /** @type {any} */ (this.state);
    if (!error) return this.props.children;
    return html`<div class="notice bad" role="alert"><p>This view failed: ${error.message}</p><p><button type="button" onClick=${() => location.reload()}>Load the page again</button></p></div>`;
  }
}

function TokenQuestion() {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const asked = question.value;
  useEffect(() => { if (asked) input.current?.focus(); }, [asked]);
  if (!asked) return null;
  const use = (/** @type {Event} */ e) => {
    e.preventDefault();
    asked.answer(input.current?.value.trim() ?? "");
  };
  return html`<${Dialog} id="token" title="Authentication required" close=${() => asked.answer("")}><form onSubmit=${use}>
    <p>The token is kept until this tab is closed. Links to Flink's own pages and to logs work in this browser for as long, at most 12 hours.</p>
    <label class="field"><span>Token</span><input id="token-input" ref=${input} type="password" required autocomplete="off" /></label>
    ${asked.why ? html`<p class="problems" role="alert" id="token-problems">${asked.why}</p>` : null}
    <div class="buttons"><button type="button" onClick=${() => asked.answer("")}>Cancel</button><button class="main">Use it</button></div></form><//>`;
}

function Connection() {
  const words = {
    connecting: "Connecting …", live: "Live", polling: "Live updates are held back on the way here: asking every 3 s",
    lost: "Connection lost, trying again", refused: "Not allowed",
  }[connection.value];
  return html`<p id="connection" class=${`connection ${["lost", "refused"].includes(connection.value) ? "bad" : ""}`} role="status">${words}</p>`;
}

function Notices() {
  const service = useLoaded(() => get(at("service")), [scope.value], { every: 10000 });
  const s = service.data;
  const lost = connection.value === "lost" ? `Connection lost, trying again (${trouble.value}). What is shown may be out of date.` : "";
  const refused = connection.value === "refused" ? (token.value ? trouble.value : "Authentication is required. Load the page again to enter a token.") : "";
  return html`<div id="problem" aria-live="polite">
    ${lost || refused ? html`<p class="notice bad">${lost || refused}</p>` : null}
    ${s && !s.connected ? html`<p class="notice busy">The service is not connected to a Mesos master. Clusters that run are not affected; nothing new is started.</p>` : null}
    ${s?.paused ? html`<p class="notice busy">Task launches of all clusters are paused. <code>dcos flink plan resume deploy</code> lets them go on.</p>` : null}
    ${s?.problem ? html`<p class="notice bad">${s.problem}</p>` : null}</div>`;
}

function App() {
  const { path } = place.value;
  const part = path[0] === "create" ? "clusters" : path[0] ?? "clusters";
  const content = useRef(/** @type {HTMLElement | null} */ (null));
  const first = useRef(true);
  const where = path.slice(0, 2).join("/");
  useEffect(() => { // Another view begins at its top, for the eye and for the screen reader.
    if (!first.current) { scrollTo(0, 0); content.current?.focus({ preventScroll: true }); }
    first.current = false;
  }, [where]);
  return html`<div class="frame">
    <a class="skip" href="#content" onClick=${(/** @type {Event} */ e) => { e.preventDefault(); content.current?.focus(); }}>To the content</a>
    <header class="side"><a class="brand" href="#/"><img src="page/icon.svg" alt="" /> Flink on Mesos</a>
      <nav aria-label="Main"><ul>${parts.map(([id, text]) => html`<li><a href=${`#/${id}`} aria-current=${part === id ? "page" : undefined}>${text}</a></li>`)}</ul></nav>
      <${Connection} />
      ${token.value ? html`<p><button type="button" id="sign-out" class="plain" onClick=${() => void signOut()}>Sign out</button></p>` : null}
      ${scope.value && !may("admin") ? html`<p class="quiet">${may("operate") ? "Your token may operate clusters, but not create, change or delete them." : "Your token may read."}</p>` : null}
      <p class="quiet foot"><a href="v1/openapi.yaml">API</a> · <a href="page/vendor/LICENSES.txt">Licences</a></p></header>
    <main class="content" id="content" tabindex="-1" ref=${content}><${Notices} /><${Guard} key=${path.join("/")}>${viewOf(path)}<//></main></div>
    <${Asked} /><${TokenQuestion} />`;
}

render(html`<${App} />`, /** @type {Element} */ (document.getElementById("app")));
void follow();
