// A call that is not placed: which trunk and rule would take it, and why the others would not.

import { explain } from "./api.js";
import { busy, element, facts, field, show } from "./dom.js";

export async function showExplain() {
  const called = element("input", { required: true, inputmode: "tel", placeholder: "+15551230001" });
  const caller = element("input", { inputmode: "tel", placeholder: "+15557654321" });
  const source = element("input", { spellcheck: "false", placeholder: "203.0.113.7" });
  const button = element("button", { class: "primary" }, "Explain");
  const answer = element("div", { "aria-live": "polite" });
  const form = element(
    "form",
    { class: "card", novalidate: true },
    field("Called number", called),
    field("Caller's number", caller, "Empty for an anonymous caller"),
    field("Address that the call comes from", source, "Empty if it does not matter"),
    element("div", { class: "actions" }, button),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(button, form, async () => {
      const question = { sip_trunk_number: called.value.trim(), sip_caller_number: caller.value.trim() };
      if (source.value.trim()) question.source_ip = source.value.trim();
      answer.replaceChildren(...(await describe(await explain(question))));
    });
  });
  show("Explain", element("h1", {}, "Who would take this call?"), form, answer);
  called.focus();
}

async function describe(found) {
  const { route, rejection } = found;
  const where = route && (route.call_id ? `${route.call_type}:${route.call_id}` : "the call that the caller keys in");
  const how = { accept: "accepted by its address", password: "has to prove itself by password" }[found.authentication] ?? found.authentication;
  return [
    element(
      "section",
      { class: "card" },
      element("h2", {}, route ? element("span", { class: "good" }, "The call is taken") : element("span", { class: "bad" }, "The call is refused")),
      facts([
        ["Called", number(found.called_number)],
        ["Caller", number(found.caller_number)],
        ["Trunk", found.trunk_name],
        ["Carrier", how],
        ["Rule", route?.rule_name],
        ["Leads to", where && element("code", {}, where)],
        ["As user", route && element("code", {}, route.user_id)],
        ["Asks for", route?.asks_for.join(", ")],
        ["Reason", rejection && element("code", {}, rejection.termination)],
        ["Expected", rejection?.expected],
        ["Received", rejection?.received],
      ]),
    ),
    others("Rules that do not take it", found.rejected_rules),
    others("Trunks that do not take it", found.rejected_trunks),
  ].filter(Boolean);
}

function number({ received, normalised }) {
  if (normalised && normalised !== received) return `${received} (read as ${normalised})`;
  return normalised ? received : `${received || "anonymous"}${received ? " (no phone number)" : ""}`;
}

function others(title, rejected) {
  if (!rejected.length) return null;
  return element(
    "section",
    { class: "card" },
    element("h2", {}, title),
    element("dl", {}, rejected.map((each) => [
      element("dt", {}, each.name),
      element("dd", {}, element("code", {}, each.condition), `: expected ${each.expected || "nothing"}, received ${each.received || "nothing"}`),
    ])),
  );
}
