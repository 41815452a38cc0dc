/**
 * Elements, made without markup: whatever text comes from a guest, a file or a mail stays text.
 * Nothing in the page uses innerHTML, and nothing else makes elements.
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {Record<string, any>} Properties `class`, `dataset` and `style` (custom properties and others, through the
 *   CSSOM: the page's policy forbids style attributes), `on…` listeners, and attributes; true sets one without a value,
 *   false, null and undefined leave it out.
 */

/**
 * An HTML element.
 * @param {string} tag
 * @param {Properties} [properties]
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function h(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/**
 * An SVG element.
 * @param {string} tag
 * @param {Properties} [properties]
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function svg(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

/** @param {any} element @param {Properties} properties @param {any[]} children */
function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) set(element, name, value);
  element.append(...children.flat(Infinity).filter((child) => child || child === 0 || child === "").map(node));
  return element;
}

/** @param {any} child */
function node(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/**
 * Set one property as `h` does; it is only written where it changes.
 * @param {any} element @param {string} name @param {any} value
 */
export function set(element, name, value) {
  if (name.startsWith("on") && typeof value === "function") {
    element.addEventListener(name.slice(2), value);
  } else if (name === "dataset") {
    Object.assign(element.dataset, value);
  } else if (name === "style") {
    for (const [key, text] of Object.entries(value)) element.style.setProperty(key, String(text));
  } else if (name === "value" && !(element instanceof SVGElement || element instanceof HTMLOptionElement) && "value" in element) {
    if (element.value !== value) element.value = value;
  } else if (name === "checked" || name === "indeterminate") {
    element[name] = Boolean(value);
  } else if (value === false || value === null || value === undefined) {
    element.removeAttribute(name);
  } else {
    const text = value === true ? "" : String(value);
    if (name === "href" && !/^[#/]/.test(text)) throw new TypeError("links stay on this server");
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/** Replace an element's text, if it is another one. @param {Element} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Replace what is in an element. @param {Element} element @param {...(Child | Child[])} children */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child || child === 0).map(node));
}

/**
 * A stranger's text, in its own direction: marks in it cannot turn what stands beside it.
 * @param {string} text @param {Properties} [properties]
 */
export function foreign(text, properties = {}) {
  return h("bdi", { dir: "auto", ...properties }, text);
}

/** @type {Record<string, string>} Drawn on a field of 16 by 16. */
const ICONS = {
  pause: "M5 3v10M11 3v10",
  resume: "M5 3l8 5-8 5z",
  cancel: "M4 4l8 8M12 4l-8 8",
  retry: "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
  fork: "M5 3v10M5 9c0-3 6-1 6-5M11 4V3M5 3V2M5 14v-1",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  search: "M7 11.5a4.5 4.5 0 1 1 0-9 4.5 4.5 0 0 1 0 9zM10.5 10.5L14 14",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1",
  moon: "M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.500 6.500z",
  help: "M6 6a2 2 0 1 1 2.800 1.800C8.200 8.100 8 8.500 8 9.200M8 12v.1",
  leave: "M6 3H3v10h3M10 5l3 3-3 3M13 8H6",
  warning: "M8 2.500l6 11H2zM8 7v3M8 11.800v.1",
  down: "M4 6l4 4 4-4",
  right: "M6 4l4 4-4 4",
  left: "M10 4L6 8l4 4",
  up: "M4 10l4-4 4 4",
  check: "M3 8.500l3.500 3.500L13 4.500",
  download: "M8 2v8M4.500 7L8 10.500 11.500 7M3 13.500h10",
  upload: "M8 11V3M4.500 6L8 2.500 11.500 6M3 13.500h10",
  remove: "M3 4.500h10M6 4.500V3h4v1.500M4.500 4.500l.5 9h6l.5-9",
  shield: "M8 2l5 2v4c0 3-2.500 5-5 6-2.500-1-5-3-5-6V4z",
  more: "M3.500 8h.1M8 8h.1M12.500 8h.1",
  first: "M4 3v10M12 4L7 8l5 4",
  last: "M12 3v10M4 4l5 4-5 4",
  step: "M3 3v10M6 8h7M10 5l3 3-3 3",
};

/** A drawing that only says again what stands beside it. @param {string} name one of `ICONS` */
export function icon(name) {
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true", focusable: "false" },
    svg("path", { d: ICONS[name] }),
  );
}

/**
 * A button.
 * @param {string} label what it says
 * @param {(event: Event) => void} onclick
 * @param {{kind?: "primary" | "danger" | "quiet" | "", icon?: string, only?: boolean} & Properties} [more] `only`: it
 *   shows its icon, and says its label to those who do not see it
 */
export function button(label, onclick, { kind = "", icon: name, only = false, ...more } = {}) {
  const properties = { type: "button", class: `button ${kind}${only ? " only" : ""}`, onclick, ...more };
  if (only) Object.assign(properties, { "aria-label": label, title: label });
  return h("button", properties, name ? icon(name) : null, only ? null : h("span", {}, label));
}
