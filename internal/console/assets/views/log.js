// A file of a task's sandbox, followed as it grows.
import { at, get, request } from "../api.js";
import { size } from "../format.js";
import { go } from "../router.js";
import { Empty, Problems } from "../ui/parts.js";
import { html, useEffect, useRef, useState } from "../vendor/ui.js";

const most = 262144; // So much of the end is shown, in bytes.

/** @param {{ d: any, task?: string, file?: string }} props */
export function Log({ d, task, file }) {
  const ids = [...d.tasks.map((/** @type {any} */ t) => t.id), ...(d.status.failures ?? []).map((/** @type {any} */ f) => f.taskId)];
  const chosen = task ?? ids[0];
  if (!chosen) return html`<div class="card"><${Empty} title="No logs yet"><p>A log begins with the first task.</p><//></div>`;
  return html`<${Follow} key=${chosen + file} cluster=${d.name} task=${chosen} file=${file || "stdout"} tasks=${ids.includes(chosen) ? ids : [chosen, ...ids]} />`;
}

/** @param {{ cluster: string, task: string, file: string, tasks: string[] }} props */
function Follow({ cluster, task, file, tasks }) {
  const base = at("clusters", cluster, "tasks", task, "files");
  const address = `${base}/${file.split("/").map(encodeURIComponent).join("/")}`;
  const [text, show] = useState("");
  const [files, list] = useState(/** @type {{ path: string, size: number }[]} */ ([]));
  const [error, fail] = useState(/** @type {any} */ (null));
  const [following, follow] = useState(true);
  const [search, find] = useState("");
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const live = useRef(true);
  live.current = following;
  useEffect(() => {
    let gone = false, offset = -1, timer = 0;
    const decoder = new TextDecoder();
    const directory = file.includes("/") ? file.replace(/[^/]*$/, "") : "";
    const step = async () => {
      try {
        if (offset < 0) {
          const found = (await get(`${base}/${directory.split("/").map(encodeURIComponent).join("/")}`)).files.filter((/** @type {any} */ f) => !f.mode.startsWith("d"));
          list(found);
          offset = Math.max(0, (found.find((/** @type {any} */ f) => f.path === file)?.size ?? 0) - most);
        }
        if (live.current && !document.hidden) {
          const answer = await request(`${address}?offset=${offset}&length=${most}`);
          const bytes = new Uint8Array(await answer.arrayBuffer());
          offset += bytes.length;
          const more = decoder.decode(bytes, { stream: true });
          if (!gone && more) show((now) => (now + more).slice(-most));
        }
        if (!gone) fail(null);
      } catch (e) {
        if (!gone) fail(e);
      }
      if (!gone) timer = window.setTimeout(step, 1500);
    };
    void step();
    return () => { gone = true; clearTimeout(timer); };
  }, [address]);
  useEffect(() => { if (following && box.current) box.current.scrollTop = box.current.scrollHeight; }, [text, following]);
  const lines = search ? text.split("\n").filter((l) => l.toLowerCase().includes(search.toLowerCase())) : [];
  const names = [...new Set([file, "stdout", "stderr", ...files.map((f) => f.path)])];
  return html`<section class="card" aria-label="Log">
    <div class="filters">
      <select aria-label="Task" value=${task} onChange=${(/** @type {any} */ e) => go("clusters", cluster, "logs", e.target.value)}>${tasks.map((t) => html`<option value=${t}>${t}</option>`)}</select>
      <select aria-label="File" value=${file} onChange=${(/** @type {any} */ e) => go("clusters", cluster, "logs", task, ...e.target.value.split("/"))}>${names.map((n) => html`<option value=${n}>${n}</option>`)}</select>
      <input type="search" aria-label="Search in the log" placeholder="Only lines with …" value=${search} onInput=${(/** @type {any} */ e) => find(e.target.value)} /></div>
    <div class="bar"><label class="check"><input type="checkbox" checked=${following} onChange=${(/** @type {any} */ e) => follow(e.target.checked)} /> Follow</label>
      <div class="row"><span class="quiet">${search ? `${lines.length} lines` : text.length >= most ? `the last ${size(most)}` : ""}</span><a class="button" href=${address} download=${`${task}-${file.replaceAll("/", "-")}`}>Download</a></div></div>
    <${Problems} error=${error} />
    <pre class="log" id="log" tabindex="0" role="log" aria-live="off" aria-label=${`${file} of ${task}`} ref=${box}>${search ? lines.map((l) => html`<${Marked} line=${l} word=${search} />`) : text || "The file is empty so far."}</pre></section>`;
}

/** @param {{ line: string, word: string }} props */
function Marked({ line, word }) {
  const i = line.toLowerCase().indexOf(word.toLowerCase());
  return html`${line.slice(0, i)}<mark>${line.slice(i, i + word.length)}</mark>${line.slice(i + word.length)}${"\n"}`;
}
