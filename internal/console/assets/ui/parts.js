// Small components that views share.
import { age, exact, moment, tone } from "../format.js";
import { Fragment, html, useEffect, useRef, useState } from "../vendor/ui.js";

/** A state, in its colour and its words. @param {{ state: string, label?: string }} props */
export const Badge = ({ state, label }) => html`<span class=${`badge ${tone(state)}`}>${label ?? state}</span>`;

/** How long ago, with the exact time. @param {{ time: string }} props */
export const Age = ({ time }) => html`<time datetime=${time} title=${exact(time)}>${age(time)}</time>`;

/** A time of day, with the exact time. @param {{ time: string | number }} props */
export const When = ({ time }) => html`<time datetime=${new Date(time).toISOString()} title=${exact(time)}>${moment(time)}</time>`;

/** @param {{ used: number, total: number, label: string, kind?: string }} props */
export const Meter = ({ used, total, label, kind = "" }) => html`<span class=${`meter ${kind}`} title=${label}>
  <span aria-hidden="true"><span style=${{ width: `${total > 0 ? Math.min(100, 100 * used / total) : 0}%` }}></span></span><span>${label}</span></span>`;

/** What went wrong, by field when the service says so. @param {{ error: any }} props */
export function Problems({ error }) {
  if (!error) return null;
  const list = error.details?.length ? error.details : [{ field: "", message: error.message ?? String(error) }];
  return html`<div role="alert"><ul class="problems">${list.map((/** @type {{ field: string, message: string }} */ p) => html`<li>${p.field ? html`<code>${p.field}</code>: ` : ""}${p.message}</li>`)}</ul></div>`;
}

/** @param {{ of: { data: any, error: any }, what: string, children: any }} props */
export function Loaded({ of, what, children }) {
  if (of.data === null && of.error) return html`<div class="notice bad"><p>${what} could not be loaded: ${of.error.message}</p></div>`;
  if (of.data === null) return html`<p class="quiet" role="status">Loading ${what.toLowerCase()} …</p>`;
  return html`<${Fragment}>${of.error ? html`<p class="notice busy" role="status">This may be out of date: ${of.error.message}</p>` : null}${children}<//>`;
}

/** Nothing is there yet, and what to do. @param {{ title: string, children?: any }} props */
export const Empty = ({ title, children }) => html`<div class="empty"><h2>${title}</h2>${children}</div>`;

/** @param {{ text: string, label: string }} props */
export function Copy({ text, label }) {
  const [done, set] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch { // Without HTTPS there is no clipboard: the text is chosen instead, for the keyboard.
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    set(true);
    setTimeout(() => set(false), 2000);
  };
  return html`<button type="button" onClick=${copy}>${done ? "Copied" : label}</button>`;
}

/** A modal dialog. @param {{ title: string, close: () => void, children: any, id?: string }} props */
export function Dialog({ title, close, children, id }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const from = /** @type {HTMLElement | null} */ (document.activeElement);
    dialog.current?.showModal();
    return () => from?.focus?.();
  }, []);
  return html`<dialog id=${id} ref=${dialog} aria-label=${title} onCancel=${(/** @type {Event} */ e) => { e.preventDefault(); close(); }}>
    <h2>${title}</h2>${children}</dialog>`;
}

/**
 * The title of a view, which also is the title of the document and what a screen reader hears first.
 * @param {{ title: any, name: string, crumbs?: [string, string][], children?: any }} props
 */
export function Title({ title, name, crumbs = [], children }) {
  useEffect(() => { document.title = `${name} · Flink on Mesos`; }, [name]);
  return html`<header>
    ${crumbs.length ? html`<p class="crumbs">${crumbs.map(([href, text]) => html`<a href=${href}>${text}</a> / `)}</p>` : null}
    <div class="bar"><h1>${title}</h1><div class="row">${children}</div></div></header>`;
}

/** @param {{ links: [string, string][], now: string }} props */
export const Tabs = ({ links, now }) => html`<nav class="tabs" aria-label="Parts of this page">
  ${links.map(([href, text]) => html`<a href=${href} aria-current=${text === now ? "page" : undefined}>${text}</a>`)}</nav>`;

/** @param {{ events: import("../live.js").Happening[], cluster?: boolean }} props */
export const Events = ({ events, cluster = false }) => html`<ul class="events">${events.map((e) => html`
  <li key=${`${e.id ?? ""}${e.time}${e.type}`} class=${cluster ? "" : "short"}><span class="quiet"><${When} time=${e.time} /></span>
  ${cluster ? html`<span>${e.cluster ? html`<a href=${`#/clusters/${encodeURIComponent(e.cluster)}`}>${e.cluster}</a>` : html`<span class="quiet">service</span>`}</span>` : null}
  <span>${e.message}${(e.count ?? 1) > 1 ? html` <span class="quiet">(${e.count} times)</span>` : ""}</span></li>`)}</ul>`;

/** @param {{ changes?: { field: string, from?: string, to?: string }[] }} props */
export const Changes = ({ changes = [] }) => html`<ul>${changes.map((c) => html`<li><code>${c.field}</code>: ${c.from === undefined ? "" : html`<del class="old mono">${c.from}</del> `}${c.to === undefined ? html`<em>removed</em>` : html`<ins class="new mono">${c.to}</ins>`}</li>`)}</ul>`;
