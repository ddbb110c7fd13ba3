// Creating and changing a cluster: a form and YAML side by side, checked as one types, with a plan before it is applied.
import { Refusal, at, call, get, may } from "../api.js";
import { useLoaded } from "../live.js";
import { go, place, to } from "../router.js";
import { curl, quote } from "../ui/actions.js";
import { Yaml } from "../ui/editor.js";
import { Changes, Copy, Empty, Loaded, Problems, Title } from "../ui/parts.js";
import { html, useEffect, useMemo, useRef, useState } from "../vendor/ui.js";
import { dump, load } from "../vendor/yaml.js";
import { Form } from "./form.js";

/** @param {unknown} spec */
const write = (spec) => dump(spec, { lineWidth: 110 });

/** A new spec of a kind. @param {string} kind */
const fresh = (kind) => (kind === "application"
  ? { name: "", kind, job: { jarURI: "", parallelism: 1 }, jobManager: { memory: "1600m" }, taskManager: { slots: 1, memory: "1728m" } }
  : { name: "", kind: "session", allocation: "dynamic", jobManager: { memory: "1600m" }, taskManager: { slots: 1, memory: "1728m" } });

/** The line of a field in YAML that was written by us or by hand: the first that begins with its last name. @param {string} text @param {string} field */
function lineOf(text, field) {
  const lines = text.split("\n");
  let from = 0;
  for (const part of field.replace(/\[\d+\]/g, "").split(".")) {
    const at = lines.findIndex((l, i) => i >= from && l.trimStart().startsWith(`${part}:`));
    if (at < 0) break;
    from = at;
  }
  return from + 1;
}

/** @param {{ plan: any, exists: boolean }} props */
function Plan({ plan, exists }) {
  if (!plan) return null;
  const words = { none: "Nothing changes.", scale: "TaskManagers are added or removed; running tasks stay.", restart: exists ? "All tasks are replaced." : "The cluster is created and starts." };
  return html`<div class="notice" id="plan" role="status"><p><strong>${/** @type {any} */ (words)[plan.class] ?? plan.class}</strong></p>
    ${plan.restore && exists ? html`<p>Its state: ${plan.restore.reason}</p>` : null}
    ${exists && plan.changes.length ? html`<${Changes} changes=${plan.changes} />` : null}
    ${(plan.notes ?? []).map((/** @type {string} */ n) => html`<p>${n}</p>`)}</div>`;
}

/** @param {{ name: string }} props; an empty name creates a cluster */
export function Edit({ name }) {
  const { query } = place.value;
  const from = name || (query.get("from") ?? "");
  const stored = useLoaded(() => (from ? get(at("clusters", from)) : Promise.resolve({ spec: null })), [from], { every: 3600000 });
  if (!may("admin")) return html`<div class="card"><${Empty} title="Your token may not change clusters"><p>It takes one with scope admin.</p><//></div>`;
  return html`<${Loaded} of=${stored} what=${`Cluster ${from}`}>${stored.data ? html`<${Editing} key=${from + (query.get("kind") ?? "")} name=${name} spec=${stored.data.spec} kind=${query.get("kind") ?? "application"} snapshot=${query.get("snapshot") ?? ""} />` : null}<//>`;
}

/** @param {any} spec @param {string} name */
function copyOf(spec, name) {
  if (name) return spec;
  const { name: _, suspended: __, restartNonce: ___, ...rest } = spec;
  return { name: "", ...rest };
}

/** @param {{ name: string, spec: any, kind: string, snapshot: string }} props */
function Editing({ name, spec: stored, kind, snapshot }) {
  const service = useLoaded(() => get(at("service")), [], { every: 60000 });
  const [spec, setSpec] = useState(() => (stored ? copyOf(stored, name) : fresh(kind)));
  const [text, setText] = useState(() => write(stored ? copyOf(stored, name) : fresh(kind)));
  const [broken, fail] = useState(/** @type {{ line: number, message: string } | null} */ (null));
  const [plan, setPlan] = useState(/** @type {any} */ (null));
  const [refused, refuse] = useState(/** @type {any} */ (null));
  const [error, show] = useState(/** @type {any} */ (null));
  const [busy, work] = useState(false);
  const check = useRef(0);
  const cluster = name || spec.name || "";
  const extra = snapshot ? `fromSnapshot=${encodeURIComponent(snapshot)}` : "";
  const complete = cluster !== "" && !broken && (spec.kind === "session" || spec.job?.jarURI || spec.job?.python || spec.job?.jobGraphURI || spec.job?.entryClass);

  const fromForm = (/** @type {any} */ next) => { setSpec(next); setText(write(next)); fail(null); };
  const fromText = (/** @type {string} */ next) => {
    setText(next);
    try {
      const value = load(next);
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("a spec is a list of names and values");
      setSpec(value);
      fail(null);
    } catch (e) {
      const mark = /** @type {any} */ (e).mark;
      fail({ line: (mark?.line ?? 0) + 1, message: /** @type {any} */ (e).reason ?? /** @type {Error} */ (e).message });
    }
  };
  useEffect(() => { // What the service thinks of it, a moment after the last key.
    setPlan(null);
    if (!complete) return undefined;
    const turn = ++check.current;
    const timer = setTimeout(async () => {
      try {
        const answer = await call("PUT", `${at("clusters", cluster)}?dryRun=true${extra && `&${extra}`}`, spec);
        if (turn === check.current) { setPlan(answer); refuse(null); }
      } catch (e) {
        if (turn === check.current && e instanceof Refusal) refuse(e);
      }
    }, 500);
    return () => clearTimeout(timer);
  }, [text, complete]);
  const problems = useMemo(() => [...(broken ? [broken] : []), ...((refused?.details ?? []).map((/** @type {any} */ p) => ({ line: lineOf(text, p.field), message: `${p.field}: ${p.message}` })))], [broken, refused]);

  const path = name ? at("clusters", name) : "v1/clusters", method = name ? "PUT" : "POST";
  const submit = async (/** @type {Event} */ e) => {
    e.preventDefault();
    work(true);
    try {
      await call(method, path + (extra && `?${extra}`), spec);
      go("clusters", cluster);
    } catch (e) {
      show(e);
    } finally {
      work(false);
    }
  };
  const command = `dcos flink cluster ${name ? `update ${name}` : "create"} -f ${quote(`${cluster || "cluster"}.yaml`)}`;
  return html`<${Title} title=${name ? `Update ${name}` : "Create a cluster"} name=${name ? `Update ${name}` : "Create"} crumbs=${name ? [["#/", "Clusters"], [to("clusters", name), name]] : [["#/", "Clusters"]]} />
    ${snapshot ? html`<p class="notice">The job starts from snapshot <code>${snapshot}</code>, whatever newer state there is.</p>` : null}
    <form class="side-by-side" id="edit" onSubmit=${submit}>
      <section class="card" aria-label="Form"><${Form} spec=${spec} change=${fromForm} exists=${name !== ""} flinks=${service.data?.flink ?? []} problems=${refused?.details ?? []} /></section>
      <section class="sticky"><div class="card" aria-label="YAML"><div class="bar"><h2>The same as YAML</h2><${Copy} text=${text} label="Copy" /></div>
        <p class="quiet">Everything that a spec can have can be written here; the form follows.</p>
        <${Yaml} text=${text} label="Spec as YAML" changed=${fromText} problems=${problems} /></div>
      <div class="card" aria-live="polite" id="check">${broken ? html`<p class="problems">Line ${broken.line}: ${broken.message}</p>` : !complete ? html`<p class="quiet">${cluster ? "Choose what to run, and the service says what it thinks of it." : "Give it a name, and the service says what it thinks of it."}</p>`
        : refused ? html`<p><strong>The service would refuse it:</strong></p><${Problems} error=${refused} />` : plan ? html`<${Plan} plan=${plan} exists=${name !== ""} />` : html`<p class="quiet">Checking …</p>`}
        <${Problems} error=${error} />
        <details><summary>The same as a command</summary><pre>${command}</pre><pre>${curl(method, path + (extra && `?${extra}`), text)}</pre><div class="row"><${Copy} text=${command} label="Copy the command" /><${Copy} text=${curl(method, path + (extra && `?${extra}`), text)} label="Copy as curl" /></div></details>
        <div class="buttons"><a class="button" href=${name ? to("clusters", name) : "#/"}>Cancel</a><button class="main" id="apply" disabled=${busy || !complete}>${name ? "Apply" : "Create"}</button></div></div></section></form>`;
}
