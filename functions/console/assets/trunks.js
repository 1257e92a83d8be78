// Trunks: the list, one with its credentials and guides, a new one.

import { trunks } from "./api.js";
import { busy, checkbox, copyable, element, facts, field, say, show } from "./dom.js";
import { guides } from "./guides.js";

export async function showTrunks() {
  const found = await trunks.list();
  show(
    "Trunks",
    element("div", { class: "bar" }, element("h1", {}, "Trunks"), element("a", { class: "button primary", href: "#/trunks/new" }, "New trunk")),
    found.length === 0 && element("p", { class: "card" }, "No trunk yet. A trunk is the agreement with a carrier: its phone numbers, and how it proves who it is."),
    element("ul", { class: "cards" }, found.map(card)),
  );
}

function card(trunk) {
  return element(
    "li",
    { class: "card" },
    element("a", { class: "whole", href: `#/trunks/${encodeURIComponent(trunk.id)}` }, trunk.name),
    trunk.enabled === false && element("span", { class: "badge warn" }, "disabled"),
    element("p", { class: "soft" }, trunk.numbers.join(", ")),
  );
}

export async function showNewTrunk() {
  const { form, read, button } = trunkForm({ name: "", numbers: [], allowed_ips: [], enabled: true }, "Create trunk");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(button, form, async () => {
      const created = await trunks.create(read());
      say("Trunk created");
      location.hash = `#/trunks/${encodeURIComponent(created.id)}`;
    });
  });
  show("New trunk", element("h1", {}, "New trunk"), form);
}

export async function showTrunk({ id }) {
  const trunk = (await trunks.list()).find((each) => each.id === id);
  if (!trunk) throw new Error("There is no such trunk (any more).");
  const { form, read, button } = trunkForm(trunk, "Save changes");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(button, form, async () => {
      await trunks.update(id, read());
      say("Trunk saved");
      await showTrunk({ id });
    });
  });
  const remove = element("button", { type: "button", class: "danger" }, "Delete trunk");
  const rotate = element("button", { type: "button" }, "New password");
  const credentials = element(
    "section",
    { class: "card" },
    element("h2", {}, "Credentials"),
    facts([
      ["SIP address", copyable(trunk.uri, { name: "SIP address" })],
      ["Username", copyable(trunk.username, { name: "username" })],
      ["Password", copyable(trunk.password, { name: "password", secret: true })],
    ]),
    element("div", { class: "actions" }, rotate),
    element("p", { class: "help" }, "After a new password the old one stays valid for a while, so that no call is lost."),
  );
  rotate.addEventListener("click", () => {
    busy(rotate, credentials, async () => {
      await trunks.rotatePassword(id);
      say("The trunk has a new password");
      await showTrunk({ id });
    });
  });
  remove.addEventListener("click", () => {
    if (!confirm(`Delete ${trunk.name}? Its numbers answer no more.`)) return;
    busy(remove, form, async () => {
      await trunks.remove(id);
      say("Trunk deleted");
      location.hash = "#/trunks";
    });
  });
  form.querySelector(".actions").append(remove);
  show(
    trunk.name,
    element("p", {}, element("a", { href: "#/trunks" }, "All trunks")),
    element("h1", {}, trunk.name),
    credentials,
    element("section", { class: "card" }, element("h2", {}, "Point your carrier here"), guides(trunk)),
    element("section", {}, element("h2", {}, "Settings"), form),
  );
}

function trunkForm(trunk, action) {
  const name = element("input", { value: trunk.name, maxlength: 100, required: true });
  const numbers = element("textarea", { value: trunk.numbers.join("\n"), required: true, spellcheck: "false", inputmode: "tel" });
  const addresses = element("textarea", { value: trunk.allowed_ips.join("\n"), spellcheck: "false" });
  const calls = element("input", { type: "number", min: 1, value: trunk.max_concurrent_calls ?? "" });
  const rate = element("input", { type: "number", min: 0.1, step: "any", value: trunk.max_calls_per_second ?? "" });
  const country = element("input", { value: trunk.country ?? "", maxlength: 2, size: 2, spellcheck: "false", autocapitalize: "characters" });
  const enabled = checkbox("Takes calls", trunk.enabled !== false);
  const button = element("button", { class: "primary" }, action);
  const form = element(
    "form",
    { class: "card", novalidate: true },
    field("Name", name),
    field("Phone numbers", numbers, "One a line, with country code: +12125550123"),
    field("Addresses that need no password", addresses, "One a line, IPv4 or IPv6, CIDR blocks too. For carriers that cannot send a password, such as Twilio Elastic SIP Trunking."),
    field("Calls at once", calls, "Empty: no limit"),
    field("New calls a second", rate, "Empty: no limit"),
    field("Country", country, "Two letters, such as US: how numbers without a country code are read"),
    enabled.label,
    element("div", { class: "actions" }, button),
  );
  const lines = (area) => area.value.split(/[\n,]/).map((line) => line.trim()).filter(Boolean);
  const read = () => ({
    name: name.value.trim(),
    numbers: lines(numbers),
    allowed_ips: lines(addresses),
    enabled: enabled.control.checked,
    max_concurrent_calls: calls.value ? Number(calls.value) : null,
    max_calls_per_second: rate.value ? Number(rate.value) : null,
    country: country.value.trim().toUpperCase() || null,
  });
  return { form, read, button };
}
