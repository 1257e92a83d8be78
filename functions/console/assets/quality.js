// How a call sounds, each way: of a running call as measured lately, of an ended one as a whole.

import { element } from "./dom.js";

const FIGURES = [
  ["MOS estimate", "mos", "peer_mos", (value) => value.toFixed(2)],
  ["Packets lost", "loss_ratio", "peer_loss_ratio", percent],
  ["Made up", "concealed_ratio", null, percent],
  ["Jitter", "jitter_ms", "peer_jitter_ms", (value) => `${value.toFixed(1)} ms`],
  ["Packets", "packets_received", "packets_sent", (value) => value.toFixed(0)],
];

function percent(share) {
  return `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

/** The words that the list of calls has room for; empty where nothing is measured. */
export function qualityLine({ quality = {} }) {
  if (quality.mos === undefined && quality.peer_mos === undefined) return "";
  const score = (name) => (quality[name] === undefined ? "–" : quality[name].toFixed(2));
  const trip = quality.round_trip_ms === undefined ? [] : [`round trip ${quality.round_trip_ms.toFixed(0)} ms`];
  return [`MOS ${score("mos")} from the phone, ${score("peer_mos")} to it`, ...trip].join(" · ");
}

/** The section of a call's page; null where nothing is measured. */
export function qualitySection(call) {
  const quality = call.quality ?? {};
  const rows = FIGURES.filter(([, from, to]) => quality[from] !== undefined || quality[to] !== undefined);
  if (rows.length === 0) return null;
  const cell = (name, shown) => element("td", {}, quality[name] === undefined ? "–" : shown(quality[name]));
  return element(
    "section",
    { class: "card", id: "quality" },
    element("h2", {}, "Quality"),
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, element("td"), ["From the phone", "To the phone"].map((way) => element("th", { scope: "col" }, way)))),
      element("tbody", {}, rows.map(([name, from, to, shown]) => element("tr", {}, element("th", { scope: "row" }, name), cell(from, shown), cell(to, shown)))),
    ),
    quality.round_trip_ms !== undefined && element("p", {}, `Round trip ${quality.round_trip_ms.toFixed(0)} ms`),
    element("p", { class: "help" }, when(call), quality.peer_mos === undefined && " The phone has not reported how it hears us."),
  );
}

function when(call) {
  if (!call.quality_measured_at) return "Of the whole call.";
  const age = Math.max(0, Math.round(Date.now() / 1000 - call.quality_measured_at / 1e9));
  return `Measured ${age} s ago. Loss and MOS are of the seconds before that, packets of the whole call.`;
}
