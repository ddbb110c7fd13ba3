// The editor of YAML as a component. Its code is loaded when it is first shown.
import { html, useEffect, useRef } from "../vendor/ui.js";

/** @param {{ text: string, label: string, changed: (text: string) => void, problems: { line: number, message: string }[] }} props */
export function Yaml({ text, label, changed, problems }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const made = useRef(/** @type {import("../vendor/editor.js").Editor | null} */ (null));
  const tell = useRef(changed), latest = useRef(text), setting = useRef(false);
  tell.current = changed;
  latest.current = text;
  useEffect(() => {
    let gone = false;
    void import("../vendor/editor.js").then(({ editor }) => {
      if (gone || !box.current) return;
      made.current = editor({ parent: box.current, text: latest.current, label, readOnly: false, changed: (next) => { if (!setting.current) tell.current(next); } });
    });
    return () => { gone = true; made.current?.destroy(); made.current = null; };
  }, []);
  useEffect(() => {
    setting.current = true; // What the form changed does not go back to the form.
    made.current?.set(text);
    setting.current = false;
  }, [text]);
  useEffect(() => { made.current?.mark(problems); }, [problems]);
  return html`<div class="editor" id="yaml" ref=${box}></div>`;
}
