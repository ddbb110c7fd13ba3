// The page of the service: it asks the API every two seconds and shows what it says. Texts come from
// clusters and their users, so they only ever become text nodes. All addresses are relative.

const every = 2000;
const renew = 3600000; // The session is good for longer.
const byId = (id) => document.getElementById(id);
const at = (...segments) => segments.map(encodeURIComponent).join("/");

/** el makes an element; attributes that are functions are listeners, null children are left out. */
function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") e.addEventListener(name, value);
    else if (value !== undefined && value !== false) e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

// --- The token, when the service asks for one ---------------------------------

const tokenKey = `flink-token ${location.pathname}`;
let token = sessionStorage.getItem(tokenKey) ?? "";
let asked = null; // the question that is open, so that calls side by side ask once
let declined = false;
let began = 0; // when the session began that lets links work

/** session has the browser keep a cookie for links, which cannot carry the token. */
async function session() {
  byId("sign-out").hidden = token === "";
  if (token === "" || Date.now() - began < renew) return;
  await call("POST", "v1/session");
  began = Date.now();
}

byId("sign-out").addEventListener("click", async () => {
  await call("DELETE", "v1/session");
  sessionStorage.removeItem(tokenKey);
  location.reload();
});

/** askToken asks for a token and keeps it for this tab; false when the user would not give one. */
function askToken(why) {
  if (declined) return Promise.resolve(false);
  asked ??= new Promise((resolve) => {
    const dialog = byId("token"), input = byId("token-input");
    problems(byId("token-problems"), token ? new Error(why) : null);
    input.value = "";
    dialog.addEventListener("close", () => {
      asked = null;
      const given = dialog.returnValue === "use" ? input.value.trim() : "";
      input.value = "";
      declined = given === "";
      if (!declined) {
        token = given;
        sessionStorage.setItem(tokenKey, token);
        began = 0;
      }
      resolve(!declined);
    }, { once: true });
    dialog.returnValue = "";
    dialog.showModal();
    input.focus();
  });
  return asked;
}
byId("token-cancel").addEventListener("click", () => byId("token").close(""));

/** call speaks to the API; what it refuses becomes an Error with the problems of each field. */
async function call(method, path, body) {
  const request = { method, headers: { Accept: "application/json" }, signal: AbortSignal.timeout(30000) };
  const sent = token;
  if (sent) request.headers.Authorization = `Bearer ${sent}`;
  if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  const response = await fetch(path, request);
  const text = await response.text();
  let value = null;
  try {
    value = text === "" ? null : JSON.parse(text);
  } catch {
    throw new Error(`${response.status}: unexpected response, not from the service`);
  }
  if (response.status === 401 && (sent !== token || await askToken(value?.message ?? "unknown token"))) return call(method, path, body);
  if (!response.ok) {
    const e = new Error(value?.message ?? `the service answered ${response.status}`);
    e.status = response.status;
    e.details = value?.details ?? [];
    throw e;
  }
  return value;
}

function age(time) {
  const s = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 129600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

const tone = (state) =>
  ({ STABLE: "good", FINISHED: "good", FAILED: "bad", LOST: "bad", ERROR: "bad", RUNNING: "good", UNREACHABLE: "bad" })[state] ?? "busy";

// --- The table of clusters -------------------------------------------------

const rows = new Map(); // by name: the row, its cells, the row of details, and what is shown in it

function addRow(name) {
  const r = { cells: {}, open: false, shown: "" };
  r.detail = el("tr", { class: "detail", id: `detail-${name}`, hidden: true }, el("td", { colspan: "8" }));
  r.toggle = el("button", { type: "button", class: "open", "aria-expanded": "false", "aria-controls": `detail-${name}`, click: () => toggle(name) }, name);
  const cell = (key, label, attributes) => (r.cells[key] = el("td", { "data-label": label, ...attributes }));
  r.row = el(
    "tr", { id: `cluster-${name}` }, el("td", null, r.toggle), cell("state", "State"), cell("version", "Flink"),
    cell("slots", "Slots used", { class: "number" }), cell("taskManagers", "TaskManagers", { class: "number" }),
    cell("jobs", "Jobs", { class: "number" }), cell("age", "Age"),
    el("td", { class: "actions" },
      el("a", { href: `v1/clusters/${at(name)}/ui/`, target: "_blank", rel: "noopener" }, "Flink UI"),
      el("button", { type: "button", class: "danger", "aria-label": `Delete ${name}`, click: () => confirmDelete(name) }, "Delete")),
  );
  r.cells.state.append(r.state = el("span", { class: "state" }), r.why = el("span", { class: "why" }));
  rows.set(name, r);
  return r;
}

function put(cell, text, title) {
  if (cell.textContent !== text) cell.textContent = text;
  if (title !== undefined && cell.title !== title) cell.title = title;
}

function showClusters(list) {
  const body = byId("clusters");
  const names = new Set(list.map((c) => c.name));
  for (const [name, r] of rows) {
    if (names.has(name)) continue;
    r.row.remove();
    r.detail.remove();
    rows.delete(name);
  }
  list.forEach((c, i) => {
    const r = rows.get(c.name) ?? addRow(c.name);
    const inPlace = body.children[2 * i];
    if (inPlace !== r.row) {
      body.insertBefore(r.row, inPlace ?? null);
      body.insertBefore(r.detail, r.row.nextSibling);
    }
    put(r.state, c.phase && c.phase !== "ready" && c.state !== "DELETING" ? `${c.state} (${c.phase})` : c.state);
    put(r.why, c.waiting ?? (c.paused ? "task launches are paused" : ""));
    r.state.className = `state ${c.waiting ? "busy" : tone(c.state)}`;
    put(r.cells.version, c.flinkVersion);
    put(r.cells.slots, `${c.slotsTotal - c.slotsAvailable} / ${c.slotsTotal}`);
    put(r.cells.taskManagers, `${c.taskManagers} / ${c.wantedTaskManagers}`, "running / wanted");
    put(r.cells.jobs, String(c.jobsRunning));
    put(r.cells.age, age(c.created), new Date(c.created).toLocaleString());
  });
  byId("none").hidden = list.length > 0;
}

// --- The details of a cluster ----------------------------------------------

function toggle(name) {
  const r = rows.get(name);
  r.open = !r.open;
  r.toggle.setAttribute("aria-expanded", String(r.open));
  r.detail.hidden = !r.open;
  if (r.open) void showDetails(name);
}

async function showDetails(name) {
  const r = rows.get(name);
  let d;
  try {
    d = await call("GET", `v1/clusters/${at(name)}`);
  } catch (e) {
    if (e.status !== 404) r.detail.firstChild.replaceChildren(el("p", { class: "problems" }, e.message));
    return;
  }
  const now = JSON.stringify([d.status, d.tasks, d.waiting, d.events, d.spec]);
  if (now === r.shown) return;
  r.shown = now;
  // What has the focus is made anew, and gets it back.
  const held = r.detail.contains(document.activeElement) ? document.activeElement.id : "";
  const unfolded = r.detail.querySelector("details")?.open ?? false;
  r.detail.firstChild.replaceChildren(...detailsOf(d, unfolded));
  if (held) byId(held)?.focus();
}

function detailsOf(d, unfolded) {
  const parts = [];
  if (d.status.message) parts.push(el("p", null, d.status.message));
  if (d.status.result) parts.push(el("p", null, `Its job ended: ${d.status.result.status}. ${d.status.result.diagnostics ?? ""}`));
  if (d.waiting.length > 0) {
    parts.push(el("h3", null, "Waiting"), el("ul", { class: "waiting" }, ...d.waiting.slice(0, 10).map((w) =>
      el("li", null, `${w.id} (${age(w.since)}): ${w.reason || "no offer yet"}`))));
    if (d.waiting.length > 10) parts.push(el("p", { class: "quiet" }, `and ${d.waiting.length - 10} more`));
  }
  parts.push(el("h3", null, "Tasks"), d.tasks.length === 0 ? el("p", { class: "quiet" }, "none") : tasksOf(d));
  parts.push(el("h3", null, "Events"), el("ul", null, ...d.events.slice(-12).reverse().map((n) =>
    el("li", null, el("time", { datetime: n.time, class: "quiet" }, new Date(n.time).toLocaleTimeString()), ` ${n.message}`))));
  parts.push(el("details", { open: unfolded }, el("summary", { id: `spec-${d.name}` }, "Spec"), el("pre", null, JSON.stringify(d.spec, null, 2))));
  parts.push(el("p", null, el("button", { type: "button", id: `restart-${d.name}`, click: () => confirmRestart(d.name) }, "Restart all tasks")));
  return parts;
}

function tasksOf(d) {
  const file = (t, name) => el("a", {
    id: `${name}-${t.id}`, href: `v1/clusters/${at(d.name)}/tasks/${at(t.id)}/files/${name}`, target: "_blank", rel: "noopener",
    "aria-label": `${name} of ${t.id}`,
  }, name);
  const column = (text) => el("th", { scope: "col" }, text);
  return el("div", { class: "scroll" }, el("table", null,
    el("thead", null, el("tr", null, ...["Task", "State", "Host", "Size", "Since", "Logs"].map(column))),
    el("tbody", null, ...d.tasks.slice(0, 200).map((t) => {
      const state = t.goal === "released" && t.state === "RUNNING" ? "stopping" : t.state;
      return el("tr", null,
        el("td", null, t.id),
        el("td", { "data-label": "State", class: `state ${tone(state)}`, title: [t.reason, t.message].filter(Boolean).join(": ") }, state),
        el("td", { "data-label": "Host" }, t.hostname),
        el("td", { "data-label": "Size" }, `${t.cpus} cpus, ${t.memory}${t.slots ? `, ${t.slots} slots` : ""}`),
        el("td", { "data-label": "Since", title: t.changed }, new Date(t.changed).toLocaleTimeString()),
        el("td", { "data-label": "Logs", class: "actions" }, file(t, "stdout"), file(t, "stderr"),
          el("button", { type: "button", class: "plain", id: `sandbox-${t.id}`, "aria-label": `sandbox of ${t.id}`, click: () => browse(d.name, t.id, "") }, "sandbox")));
    }))));
}

// --- The sandbox of a task -----------------------------------------------------

byId("sandbox-close").addEventListener("click", () => byId("sandbox").close());

async function browse(name, task, directory) {
  const dialog = byId("sandbox"), base = `v1/clusters/${at(name)}/tasks/${at(task)}/files/`;
  byId("sandbox-title").textContent = `Sandbox of ${task}`;
  byId("sandbox-path").textContent = `/${directory}`;
  problems(byId("sandbox-problems"), null);
  if (!dialog.open) dialog.showModal();
  const inner = (text, to) => el("button", { type: "button", class: "plain", click: () => browse(name, task, to) }, text);
  const up = directory === "" ? [] : [el("li", null, inner("..", directory.replace(/[^/]*\/$/, "")))];
  try {
    const { files } = await call("GET", base + at(...directory.split("/")));
    byId("sandbox-files").replaceChildren(...up, ...files.map((f) => {
      const own = f.path.split("/").at(-1), folder = f.mode.startsWith("d");
      return el("li", null,
        folder ? inner(`${own}/`, `${f.path}/`) : el("a", { href: base + at(...f.path.split("/")), target: "_blank", rel: "noopener" }, own),
        folder ? null : el("span", { class: "quiet" }, size(f.size)));
    }));
  } catch (e) {
    byId("sandbox-files").replaceChildren(...up);
    problems(byId("sandbox-problems"), e);
  }
}

const size = (n) => (n < 1024 ? `${n} B` : n < 1048576 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1048576).toFixed(1)} MiB`);

// --- The plots, and the last events ------------------------------------------------

const wide = 520, high = 150, left = 40, bottom = 22, top = 8;
const historyEvery = 5000;
let historyAt = 0;

const svg = (tag, attributes, ...children) => {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
};

const clock = (t) => new Date(t).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

/** axes draws lines and numbers into a plot, and returns where a time and a number are in it. */
function axes(grid, first, now, most) {
  const x = (t) => left + ((t - first) / (now - first)) * (wide - left - 6);
  const y = (n) => high - bottom - (n / most) * (high - bottom - top);
  const lines = [0, most / 2, most].flatMap((n) => [
    svg("line", { x1: left, x2: wide - 6, y1: y(n), y2: y(n) }),
    svg("text", { x: left - 6, y: y(n) + 4, "text-anchor": "end" }, String(Math.round(n * 10) / 10)),
  ]);
  lines.push(svg("text", { x: left, y: high - 5 }, clock(first)), svg("text", { x: wide - 6, y: high - 5, "text-anchor": "end" }, clock(now)));
  byId(grid).replaceChildren(...lines);
  return { x, y };
}

async function showHistory() {
  if (Date.now() - historyAt < historyEvery) return;
  historyAt = Date.now();
  const [{ samples, recoveries }, { events }] = await Promise.all([call("GET", "v1/history"), call("GET", "v1/events?limit=30")]);
  if (samples.length > 0) plot(samples.map((s) => ({ ...s, time: Date.parse(s.time) })), recoveries.map((r) => ({ ...r, time: Date.parse(r.time) })));
  byId("events").replaceChildren(...events.map((n) => el("li", null,
    el("time", { datetime: n.time, class: "quiet", title: new Date(n.time).toLocaleString() }, new Date(n.time).toLocaleTimeString()),
    el("span", null, n.cluster), el("span", null, n.message))));
}

function plot(samples, recoveries) {
  const now = samples.at(-1), first = Math.min(samples[0].time, now.time - 60000);
  const even = (n) => 2 * Math.ceil(n / 2);
  const { x, y } = axes("slots-grid", first, now.time, even(Math.max(4, ...samples.map((s) => Math.max(s.slots, s.slotsWanted)))));
  // Slots come and go at once: a line of steps says so.
  const steps = (key) => samples.map((s, i) => (i === 0 ? `M${x(s.time)} ${y(s[key])}` : `H${x(s.time)}V${y(s[key])}`)).join("");
  byId("slots-wanted").setAttribute("d", steps("slotsWanted"));
  byId("slots-total").setAttribute("d", steps("slots"));
  byId("slots-used").setAttribute("d", steps("slotsUsed"));
  byId("slots-words").textContent = `Slots over time; now ${now.slotsWanted} wanted, ${now.slots} registered, ${now.slotsUsed} used`;

  const shown = recoveries.filter((r) => r.time >= first && r.time <= now.time);
  const at = axes("recoveries-grid", first, now.time, even(Math.max(4, ...shown.map((r) => r.seconds))));
  byId("recoveries-points").replaceChildren(...shown.flatMap((r) => [
    svg("line", { class: "stem", x1: at.x(r.time), x2: at.x(r.time), y1: at.y(0), y2: at.y(r.seconds) }),
    svg("circle", { cx: at.x(r.time), cy: at.y(r.seconds), r: 5 }, svg("title", {}, `${r.cluster}: ${r.lost}, recovered after ${r.seconds.toFixed(1)} s, at ${clock(r.time)}`)),
  ]));
  const last = recoveries.at(-1);
  const words = last ? `last ${last.seconds.toFixed(1)} s (${last.cluster}, ${last.lost})` : "none so far";
  byId("recoveries-legend").textContent = `Recovery time in seconds; ${words}`;
  byId("recoveries-words").textContent = `Recoveries over time, ${shown.length} shown; ${words}`;
}

// --- Creating, deleting, restarting ----------------------------------------

function problems(list, e) {
  list.replaceChildren(...(e === null ? [] : e.details?.length ? e.details.map((p) => el("li", null, `${p.field}: ${p.message}`)) : [el("li", null, e.message)]));
}

const create = byId("create"), form = byId("create-form");
byId("create-open").addEventListener("click", () => {
  problems(byId("create-problems"), null);
  create.showModal();
  form.elements.name.focus();
});
byId("create-cancel").addEventListener("click", () => create.close());
form.elements.allocation.addEventListener("change", (e) => { form.elements.count.disabled = e.target.value !== "static"; });
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const v = Object.fromEntries(new FormData(form));
  const spec = {
    name: v.name, kind: "session", allocation: v.allocation,
    jobManager: { memory: v.jobManagerMemory }, taskManager: { slots: Number(v.slots), memory: v.taskManagerMemory },
  };
  if (v.flinkVersion) spec.flinkVersion = v.flinkVersion;
  if (v.flinkDistribution) spec.flinkDistribution = v.flinkDistribution;
  if (v.strictOptions) spec.strictOptions = true;
  if (v.allocation === "static") spec.taskManagers = { count: Number(v.count) };
  try {
    await call("POST", "v1/clusters", spec);
    create.close();
    form.reset();
    form.elements.count.disabled = true;
    await poll();
    rows.get(spec.name)?.toggle.focus();
  } catch (e) {
    problems(byId("create-problems"), e);
  }
});

const confirm = byId("confirm");
let confirmed = async () => {};
byId("confirm-cancel").addEventListener("click", () => confirm.close());
byId("confirm-do").addEventListener("click", async () => {
  try {
    await confirmed();
    confirm.close();
    await poll();
  } catch (e) {
    problems(byId("confirm-problems"), e);
  }
});

function ask(title, text, action, act) {
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-do").textContent = action;
  problems(byId("confirm-problems"), null);
  confirmed = act;
  confirm.showModal();
}

function confirmDelete(name) {
  let force = "";
  ask(`Delete ${name}?`, "All tasks of the cluster are stopped.", "Delete", async () => {
    try {
      await call("DELETE", `v1/clusters/${at(name)}${force}`);
    } catch (e) {
      if (e.status === 409) {
        force = "?force=true";
        e.message = e.message.replace(/, or delete the cluster with .*/, ", or delete the cluster with its jobs");
        byId("confirm-do").textContent = "Delete it and its jobs";
      }
      throw e;
    }
  });
}

function confirmRestart(name) {
  ask(`Restart ${name}?`, "All tasks are replaced. Running jobs are lost unless the cluster has high availability.", "Restart",
    () => call("POST", `v1/clusters/${at(name)}/restart`));
}

// --- Asking --------------------------------------------------------------------

let trouble = ""; // what the service says that an operator must correct

async function showService() {
  const [service, version] = await Promise.all([call("GET", "v1/service"), call("GET", "v1/version")]);
  byId("service-name").textContent = service.name;
  byId("service-facts").textContent = service.connected
    ? `Connected to ${service.master}; agents known: ${service.agents}; tasks pending: ${service.waiting}.`
    : "Not connected to a Mesos master; running clusters are not affected.";
  if (service.paused) byId("service-facts").textContent += " Task launches of all clusters are paused.";
  trouble = service.problem ?? "";
  byId("version").textContent = `Version ${version.version}`;
  const select = form.elements.flinkVersion;
  const archives = form.elements.flinkDistribution;
  if (archives.options.length !== service.flink.length + 1) {
    select.replaceChildren(...service.flink.filter((f) => !f.kept).map((f) => el("option", { value: f.name }, f.name)));
    archives.replaceChildren(archives.options[0], ...service.flink.map((f) => el("option", { value: f.sha256 }, `${f.name}, ${f.sha256.slice(0, 12)}…`)));
  }
}

let asking = false;
async function poll() {
  if (asking) return;
  asking = true;
  const problem = byId("problem");
  try {
    const { clusters } = await call("GET", "v1/clusters");
    showClusters(clusters);
    await Promise.all([session(), showService(), showHistory(), ...[...rows].filter(([, r]) => r.open).map(([name]) => showDetails(name))]);
    problem.hidden = !trouble;
    problem.textContent = trouble;
  } catch (e) {
    problem.textContent = e.status === 401 ? "Authentication required. Reload the page to enter a token."
      : e.status === 403 ? `${e.message}.` : `The service is not responding (${e.message}). The data shown may be stale; retrying.`;
    problem.hidden = false;
  } finally {
    asking = false;
  }
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) void poll(); });
setInterval(() => { if (!document.hidden) void poll(); }, every);
void poll();
