// The page of the service: it asks the API every two seconds and shows what it says. Texts come from
// clusters and their users, so they only ever become text nodes. All addresses are relative.

const every = 2000;
const samples = 300;
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
    throw new Error(`${response.status}: something that is not the service answered`);
  }
  if (response.status === 401 && (sent !== token || await askToken(value?.message ?? "the token is not known"))) return call(method, path, body);
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
    put(r.cells.state, c.phase && c.phase !== "ready" && c.state !== "DELETING" ? `${c.state} (${c.phase})` : c.state);
    r.cells.state.className = `state ${tone(c.state)}`;
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
        el("td", { "data-label": "Logs", class: "actions" }, file(t, "stdout"), file(t, "stderr")));
    }))));
}

// --- The plot ----------------------------------------------------------------

const history = [];
const wide = 720, high = 140, left = 36, bottom = 20, top = 8;

function plot(list) {
  const sum = (f) => list.reduce((n, c) => n + f(c), 0);
  history.push({ time: Date.now(), total: sum((c) => c.slotsTotal), used: sum((c) => c.slotsTotal - c.slotsAvailable) });
  if (history.length > samples) history.shift();
  const most = Math.max(4, ...history.map((h) => h.total));
  const first = history[0].time, span = Math.max(60000, history.at(-1).time - first);
  const x = (t) => left + ((t - first) / span) * (wide - left - 4);
  const y = (n) => high - bottom - (n / most) * (high - bottom - top);
  // Slots come and go at once: a line of steps says so.
  const steps = (key) => history.map((h, i) => i === 0 ? `M${x(h.time)} ${y(h[key])}` : `H${x(h.time)}V${y(h[key])}`).join("");
  byId("plot-total").setAttribute("d", steps("total"));
  byId("plot-used").setAttribute("d", steps("used"));
  const now = history.at(-1);
  byId("plot-words").textContent = `Slots over time; now ${now.total} registered, ${now.used} used`;
  const svg = (tag, attributes, text) => {
    const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    if (text !== undefined) e.textContent = text;
    return e;
  };
  const grid = [0, most / 2, most].flatMap((n) => [
    svg("line", { x1: left, x2: wide - 4, y1: y(n), y2: y(n) }),
    svg("text", { x: left - 6, y: y(n) + 4, "text-anchor": "end" }, String(Math.round(n * 10) / 10)),
  ]);
  grid.push(svg("text", { x: left, y: high - 4 }, new Date(first).toLocaleTimeString()),
    svg("text", { x: wide - 4, y: high - 4, "text-anchor": "end" }, new Date(first + span).toLocaleTimeString()));
  byId("plot-grid").replaceChildren(...grid);
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
  if (v.allocation === "static") spec.taskManagers = { count: Number(v.count) };
  try {
    await call("POST", "v1/clusters", spec);
    create.close();
    form.reset();
    form.elements.count.disabled = false;
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
  ask(`Delete ${name}?`, "Its tasks are stopped and its sandboxes are left to Mesos.", "Delete", async () => {
    try {
      await call("DELETE", `v1/clusters/${at(name)}${force}`);
    } catch (e) {
      if (e.status === 409) {
        force = "?force=true";
        byId("confirm-do").textContent = "Delete it and its jobs";
      }
      throw e;
    }
  });
}

function confirmRestart(name) {
  ask(`Restart ${name}?`, "Every task is replaced. Running jobs end, unless the cluster has high availability.", "Restart",
    () => call("POST", `v1/clusters/${at(name)}/restart`));
}

// --- Asking --------------------------------------------------------------------

async function showService() {
  const [service, version] = await Promise.all([call("GET", "v1/service"), call("GET", "v1/version")]);
  byId("service-name").textContent = service.name;
  byId("service-facts").textContent = service.connected
    ? `Connected to ${service.master}; agents seen: ${service.agents}; tasks waiting: ${service.waiting}.`
    : "Not connected to a Mesos master; running clusters are not touched by this.";
  byId("version").textContent = `Version ${version.version}`;
  const select = form.elements.flinkVersion;
  if (select.options.length !== service.flink.length) {
    select.replaceChildren(...service.flink.map((f) => el("option", { value: f.version }, f.version)));
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
    plot(clusters);
    await Promise.all([showService(), ...[...rows].filter(([, r]) => r.open).map(([name]) => showDetails(name))]);
    problem.hidden = true;
  } catch (e) {
    problem.textContent = e.status === 401 ? "This service asks for a token. Load the page again to give it one."
      : e.status === 403 ? `${e.message}.` : `The service does not answer (${e.message}). What is shown may be old; this page keeps asking.`;
    problem.hidden = false;
  } finally {
    asking = false;
  }
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) void poll(); });
setInterval(() => { if (!document.hidden) void poll(); }, every);
void poll();
