// Live and recent SIP calls, and what happened in one of them.

import { calls } from "./api.js";
import { element, facts, show, time } from "./dom.js";
import { qualityLine, qualitySection } from "./quality.js";

const READ_AGAIN = 3000;

export async function showCalls({ signal }) {
  const list = element("ul", { class: "cards" });
  const nothing = element("p", { class: "card" }, "No calls yet. Refused ones show up here too, with their reason.");
  const read = async () => {
    const { sip_calls: found } = await calls.list();
    nothing.hidden = found.length > 0;
    // A list that did not change is left alone: the focus stays where it is. Quality changes in its place.
    const text = JSON.stringify(found.map((each) => [each.id, each.state]));
    if (list.dataset.shown !== text) list.replaceChildren(...found.map(card));
    list.dataset.shown = text;
    found.forEach((each, place) => {
      const shown = list.children[place].querySelector(".quality");
      shown.textContent = each.state === "ended" ? "" : qualityLine(each);
    });
  };
  await read();
  if (signal.aborted) return;
  show("Calls", element("h1", {}, "Calls"), nothing, list);
  const again = setInterval(() => document.hidden || read().catch(() => {}), READ_AGAIN);
  signal.addEventListener("abort", () => clearInterval(again));
}

function state(call) {
  if (call.state !== "ended") return element("span", { class: "badge good" }, call.state);
  const kind = call.answered_at ? "badge" : "badge bad";
  return element("span", { class: kind }, call.termination ?? "ended");
}

function card(call) {
  return element(
    "li",
    { class: "card" },
    element(
      "div",
      { class: "bar" },
      element("a", { class: "whole", href: `#/calls/${encodeURIComponent(call.id)}` }, `${call.caller_number || "anonymous"} → ${call.called_number}`),
      state(call),
    ),
    element("p", { class: "soft" }, [time(call.received_at), call.call_cid, duration(call)].filter(Boolean).join(" · ")),
    element("p", { class: "soft quality" }),
  );
}

function duration(call) {
  if (!call.answered_at || !call.ended_at) return null;
  return `${((call.ended_at - call.answered_at) / 1e9).toFixed(1)} s`;
}

export async function showCall({ id, signal }) {
  const parts = element("div");
  let shown = "";
  const read = async () => {
    const call = await calls.read(id);
    const text = JSON.stringify(call);
    // The age of a measurement grows also while nothing else changes.
    if (shown !== text || call.quality_measured_at) parts.replaceChildren(...sections(call).filter(Boolean));
    shown = text;
    return call;
  };
  const call = await read();
  if (signal.aborted) return;
  show(
    "Call",
    element("p", {}, element("a", { href: "#/calls" }, "All calls")),
    element("h1", {}, `${call.caller_number || "anonymous"} → ${call.called_number}`),
    parts,
  );
  if (call.state === "ended") return;
  const again = setInterval(async () => {
    if (document.hidden) return;
    const latest = await read().catch(() => null);
    if (latest?.state === "ended") clearInterval(again);
  }, READ_AGAIN);
  signal.addEventListener("abort", () => clearInterval(again));
}

function sections(call) {
  return [
    element(
      "section",
      { class: "card" },
      facts([
        ["State", state(call)],
        ["Call", call.call_cid && element("code", {}, call.call_cid)],
        ["User", call.user_id && element("code", {}, call.user_id)],
        ["From", element("code", {}, call.source)],
        ["SIP status", call.sip_status && String(call.sip_status)],
        ["Codec", call.codec],
        ["Duration", duration(call)],
        ["Digits", call.dtmf_count ? String(call.dtmf_count) : null],
        ["Bridge", call.bridge_id],
        ["Call-ID", element("code", {}, call.sip_call_id)],
      ]),
    ),
    qualitySection(call),
    element(
      "section",
      { class: "card" },
      element("h2", {}, "What happened"),
      element("ol", { class: "ladder" }, call.ladder.map((step) => ladderStep(step, call.received_at))),
    ),
  ];
}

function ladderStep(step, began) {
  const details = Object.entries(step.detail).filter(([, value]) => value !== "" && value !== null);
  return element(
    "li",
    {},
    element("span", { class: "at" }, `+${((step.at - began) / 1e6).toFixed(0)} ms`),
    element("strong", {}, step.what.replaceAll("_", " ")),
    details.length > 0 && element("div", { class: "soft" }, details.map(([name, value]) => `${name.replaceAll("_", " ")}: ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ")),
  );
}
