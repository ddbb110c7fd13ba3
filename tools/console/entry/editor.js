// The editor of specs. It lives in a shadow root: there its styles are adopted style sheets, which the content security
// policy allows, and not style elements, which it does not.
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { minimalSetup } from "codemirror";
import { lineNumbers } from "@codemirror/view";

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent-text)" },
  { tag: [tags.string, tags.content], color: "var(--text)" },
  { tag: tags.comment, color: "var(--quiet)" },
]);

const look = EditorView.theme({
  "&": { fontSize: "0.9rem", color: "var(--text)", backgroundColor: "var(--field)", maxHeight: "32rem" },
  "&.cm-focused": { outline: "3px solid var(--focus)", outlineOffset: "2px" },
  ".cm-scroller": { fontFamily: "ui-monospace, monospace", overflow: "auto" },
  ".cm-gutters": { backgroundColor: "var(--field)", color: "var(--quiet)", border: "none" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
});

/**
 * Makes an editor of YAML in an element.
 * @param {{parent: HTMLElement, text: string, label: string, readOnly: boolean, changed: (text: string) => void}} options
 */
export function editor({ parent, text, label, readOnly, changed }) {
  const root = parent.shadowRoot ?? parent.attachShadow({ mode: "open" });
  const listener = EditorView.updateListener.of((update) => { if (update.docChanged) changed(update.state.doc.toString()); });
  const view = new EditorView({
    root, parent: root,
    state: EditorState.create({
      doc: text,
      extensions: [
        minimalSetup, lineNumbers(), yaml(), syntaxHighlighting(colours), look, listener,
        EditorState.readOnly.of(readOnly), EditorView.contentAttributes.of({ "aria-label": label }),
      ],
    }),
  });
  return {
    get text() { return view.state.doc.toString(); },
    /** @param {string} next */
    set(next) {
      if (next !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
    },
    /** @param {{line: number, message: string}[]} problems */
    mark(problems) {
      view.dispatch(setDiagnostics(view.state, problems.map(({ line, message }) => {
        const at = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines));
        return { from: at.from, to: at.to, severity: "error", message };
      })));
    },
    destroy() { view.destroy(); },
  };
}
