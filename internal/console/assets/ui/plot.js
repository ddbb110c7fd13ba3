// A plot over time, drawn by uPlot, with its words for those who do not see it.
import { html, useEffect, useRef } from "../vendor/ui.js";
import Plot from "../vendor/plot.js";

/**
 * @param {{ label: string, words: string, series: { label: string, color: string, dash?: number[], points?: boolean, steps?: boolean }[],
 *   data: (number | null)[][], unit?: (n: number) => string, height?: number }} props
 * data has seconds since 1970 first, then one list for each series.
 */
export function TimePlot({ label, words, series, data, unit = String, height = 220 }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const plot = useRef(/** @type {Plot | null} */ (null));
  useEffect(() => {
    const element = /** @type {HTMLElement} */ (box.current);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const make = () => {
      plot.current?.destroy();
      const value = (/** @type {string} */ name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
      const axis = { stroke: value("--quiet"), grid: { stroke: value("--line"), width: 1 }, ticks: { stroke: value("--line") }, font: "12px system-ui" };
      plot.current = new Plot({
        width: Math.max(200, element.clientWidth), height, legend: { live: true },
        scales: {
          // A single point has five minutes on either side.
          x: { range: (/** @type {unknown} */ _, /** @type {number} */ low, /** @type {number} */ high) => (low !== null && low === high ? [low - 300, high + 300] : [low, high]) },
          y: { range: (/** @type {unknown} */ _, /** @type {number} */ _low, /** @type {number} */ high) => [0, Math.max(1, (high ?? 0) * 1.1)] },
        },
        axes: [axis, { ...axis, size: 64, values: (/** @type {unknown} */ _, /** @type {number[]} */ list) => list.map(unit) }],
        series: [{ value: (/** @type {unknown} */ _, /** @type {number | null} */ v) => (v === null ? "" : new Date(v * 1000).toLocaleTimeString()) },
          ...series.map((s) => ({
            label: s.label, stroke: value(s.color), width: 2, dash: s.dash, points: { show: s.points ?? false, size: 7, fill: value(s.color) },
            paths: s.steps ? /** @type {any} */ (Plot).paths.stepped({ align: 1 }) : undefined,
            value: (/** @type {unknown} */ _, /** @type {number | null} */ v) => (v === null ? "–" : unit(v)),
          }))],
      }, data, element);
    };
    make();
    dark.addEventListener("change", make);
    const sized = new ResizeObserver(() => plot.current?.setSize({ width: Math.max(200, element.clientWidth), height }));
    sized.observe(element);
    return () => { dark.removeEventListener("change", make); sized.disconnect(); plot.current?.destroy(); plot.current = null; };
  }, [series.length]);
  useEffect(() => { plot.current?.setData(data); }, [data]);
  return html`<figure style=${{ margin: 0 }}><figcaption><strong>${label}</strong> <span class="quiet">${words}</span></figcaption><div class="plot" ref=${box}></div></figure>`;
}
