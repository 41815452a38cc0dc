/** One host call for people: on a line, and as a whole; and the guest's state around it. */

import { foreign, h, icon } from "../dom.js";
import { json, line, number, percent, visible } from "../format.js";
import { changes } from "./changes.js";

const MOST = 20_000; // characters of a value that are shown

/** What a call says beyond its function, on one line. @param {any} call */
export function callWords(call) {
  if (call.method) return line(`${call.method} ${short(call.payload)} → ${call.open ? "no answer" : short(call.answer)}`, 160);
  const { arguments: given } = call;
  if ("message" in given) return line(given.message, 160);
  if ("progress" in given) return percent(given.progress);
  if ("count" in given) return `+${number(given.count)}`;
  if ("state" in given) return line(short(given.state), 160);
  if (call.function === "check_interrupt") return ["go on", "pause", "end"][given.answer] ?? "";
  return "";
}

/** @param {any} value */
const short = (value) => (value === null || value === undefined ? "" : line(JSON.stringify(value), 80));

/** Where the guest stands. @param {any} position */
export function callPanel(position) {
  if (position.at === "begin") {
    return panel("Before the first call", [h("p", { class: "soft" }, "The guest has not called its host yet. Go forward.")]);
  }
  if (position.at === "end") return endPanel(position);
  const { recorded } = position;
  const fuel = recorded.fuel === position.fuel ? "" : `, recorded was ${number(recorded.fuel)}`;
  const head = [
    h("span", { class: "soft" }, recorded.sequence === null ? "leaves no event" : `event ${number(recorded.sequence)}`),
    h("span", { class: "soft push" }, `fuel ${number(position.fuel)}${fuel}`),
  ];
  const title = [`Call ${number(position.call)}: `, h("code", {}, line(recorded.function, 40))];
  const { message, ...others } = recorded.arguments;
  return panel(title, [
    recorded.method ? h("p", { class: "mono" }, foreign(line(recorded.method, 200))) : null,
    recorded.method ? value("Arguments", recorded.payload) : null,
    message !== undefined ? h("p", { class: "said" }, foreign(visible(String(message).slice(0, MOST)))) : null,
    !recorded.method && Object.keys(others).length ? value("state" in others ? "State that it saves" : "Arguments", "state" in others ? others.state : others) : null,
    recorded.method ? (recorded.open ? h("p", { class: "note" }, icon("warning"), "It got no answer: the run was broken off before.") : value(recorded.code ? `Answer: ${recorded.code}` : "Answer", recorded.answer)) : null,
  ], head);
}

/** @param {any} position */
function endPanel({ end, call, fuel }) {
  const { recorded, exit, error, divergence, unreadable } = end;
  const words = divergence ? "Here the guest does something else than it did" : unreadable ? "What it was told next cannot be read"
    : recorded ? `The run ends: ${recorded.type.replaceAll("-", " ")}` : "The log ends here";
  return panel(words, [
    exit ? h("p", {}, "Run again, the guest ended with ", h("code", {}, exit), ".") : h("p", { class: "soft" }, "The guest had not ended this run itself, so it is not let go on."),
    error ? h("p", { class: "trouble" }, foreign(line(`${error.kind}: ${error.message}`, 600))) : null,
    divergence ? h("div", { class: "two" }, value("Recorded", divergence.recorded), value("What came", divergence.came)) : null,
    unreadable ? h("p", { class: "trouble" }, foreign(line(unreadable, 600))) : null,
    end.open_call ? h("div", {}, h("h3", {}, "Asked, and not answered"), h("p", {}, foreign(callWords(end.open_call)))) : null,
  ], [h("span", { class: "soft" }, `behind call ${number(call)}`), h("span", { class: "soft push" }, `fuel ${number(fuel)}`)]);
}

/** The guest's state before and behind the call. @param {any} state */
export function statePanel(state) {
  const different = JSON.stringify(state.before) !== JSON.stringify(state.after);
  const { job } = state;
  const head = [h("span", { class: "soft push" }, `${percent(job.progress)}, ${number(job.items)} items, ${number(job.warnings)} warnings`)];
  return panel("The guest's state", different
    ? [h("div", { class: "two" }, value("Before", state.before), value("After", state.after)), changesList(state.before, state.after)]
    : [value("As it was saved last", state.after)], head);
}

/** @param {any} before @param {any} after */
function changesList(before, after) {
  const found = changes(before, after, 100);
  if (!found.length) return null;
  return h("div", {}, h("h3", {}, "What changed"), h("table", { class: "table changes" },
    h("thead", {}, h("tr", {}, ["Where", "Before", "After"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, found.map((each) => h("tr", {}, h("td", { class: "mono" }, foreign(line(each.at || "all of it", 120))),
      h("td", { class: "mono gone" }, foreign(short(each.before) || "—")), h("td", { class: "mono come" }, foreign(short(each.after) || "—")))))));
}

/** A value as JSON. @param {string} name @param {any} of */
function value(name, of) {
  const text = of === null || of === undefined ? "nothing" : visible(json(of).slice(0, MOST));
  return h("div", { class: "value" }, h("h3", {}, name), h("pre", { class: "code", tabindex: 0, "aria-label": name, role: "group" }, text));
}

/** @param {any} title @param {any[]} body @param {any[]} [head] */
const panel = (title, body, head = []) =>
  h("section", { class: "panel" }, h("header", {}, h("h2", {}, title), head), h("div", { class: "panel-body stack" }, body));
