/** Preact, its hooks, signals, and htm bound to it; see tools/console/entry/ui.js. */
export type Child = unknown;
export interface Signal<T> { value: T; peek(): T }
export interface ReadonlySignal<T> { readonly value: T; peek(): T }
export function html(strings: TemplateStringsArray, ...values: unknown[]): Child;
export function h(type: unknown, props: object | null, ...children: Child[]): Child;
export function render(what: Child, where: Element): void;
export const Fragment: unknown;
export class Component<P = any, S = any> { props: P; state: S; setState(s: Partial<S>): void; }
export function useState<T>(initial: T | (() => T)): [T, (next: T | ((now: T) => T)) => void];
export function useEffect(effect: () => void | (() => void), inputs?: unknown[]): void;
export function useMemo<T>(make: () => T, inputs: unknown[]): T;
export function useRef<T>(initial: T): { current: T };
export function signal<T>(value: T): Signal<T>;
export function computed<T>(make: () => T): ReadonlySignal<T>;
export function effect(run: () => void | (() => void)): () => void;
export function batch<T>(run: () => T): T;
export function untracked<T>(run: () => T): T;
export function useSignal<T>(value: T): Signal<T>;
export function useComputed<T>(make: () => T): ReadonlySignal<T>;
