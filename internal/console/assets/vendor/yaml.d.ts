/** js-yaml. */
export function dump(value: unknown, options?: object): string;
export function load(text: string): unknown;
