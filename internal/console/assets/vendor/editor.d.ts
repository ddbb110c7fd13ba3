/** CodeMirror, as an editor of YAML; see tools/console/entry/editor.js. */
export interface Editor {
  readonly text: string;
  set(text: string): void;
  mark(problems: { line: number; message: string }[]): void;
  destroy(): void;
}
export function editor(options: {
  parent: HTMLElement; text: string; label: string; readOnly: boolean; changed: (text: string) => void;
}): Editor;
