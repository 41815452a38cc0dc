/** The marks of single events: a shape for each kind, so that colour is not all that tells them apart. */

import { svg } from "../dom.js";

/** @type {Record<string, string>} Drawn around 0, 0. */
const SHAPES = {
  control: "M0-7V7M0-7h6v5H0",
  checkpoints: "M0-5.500l5.500 5.500L0 5.500-5.500 0z",
  operations: "M-4.500-4.500h9v9h-9z",
  warnings: "M0-6l6 10.500h-12z",
  budgets: "M-5-5l10 10M5-5L-5 5",
  log: "M0-6V6",
  progress: "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
};

/** One event. @param {string} lane @param {number} x @param {number} y @param {Record<string, any>} dataset */
export function tick(lane, x, y, dataset) {
  return svg("path", { class: "mark", d: SHAPES[lane] ?? SHAPES.progress, transform: `translate(${x} ${y})`, dataset });
}
