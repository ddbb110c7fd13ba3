// What views are made of: Preact with its hooks and signals, and htm bound to it.
import htm from "htm";
import { h } from "preact";

export { Component, Fragment, h, render } from "preact";
export { useEffect, useMemo, useRef, useState } from "preact/hooks";
export { batch, computed, effect, signal, untracked, useComputed, useSignal } from "@preact/signals";
export const html = htm.bind(h);
