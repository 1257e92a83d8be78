// What to enter at a carrier, with this trunk's own values.

import { copyable, element, facts } from "./dom.js";

export function guides(trunk) {
  const address = trunk.uri.replace(/^sips?:/, "");
  const host = address.split("@").pop();
  const number = trunk.numbers[0] ?? "";
  const value = (name, text, secret) => [name, copyable(text, { name, secret })];
  return [
    guide("Twilio, with TwiML", [
      element("p", {}, "For a number whose calls your own TwiML answers. Twilio sends the username and password."),
      element("pre", {}, twiml(trunk, host, number)),
      copyTwiml(trunk, host, number),
    ]),
    guide("Twilio Elastic SIP Trunking", [
      element("p", {}, "Twilio's trunks send no password: their addresses have to be allowed."),
      steps([
        "In Twilio, under Elastic SIP Trunking, make a trunk and give it the phone number.",
        ["Under Origination, add this URI:", copyable(`sip:${host}`, { name: "origination URI" })],
        "Here, under Settings below, enter Twilio's signalling addresses of your region as addresses that need no password.",
      ]),
      element("p", { class: "help" }, "Twilio publishes the addresses under “IP addresses for Elastic SIP Trunking”."),
    ]),
    guide("Telnyx", [
      steps([
        "Under SIP Trunking, make a connection of type Credentials or FQDN.",
        ["As FQDN with its port, for inbound calls:", copyable(host, { name: "FQDN" })],
        "Number format: E.164 for both caller and destination. Codecs: PCMU, PCMA, G722 or Opus.",
        "Give the phone number to this connection.",
        "An FQDN connection sends no password: enter Telnyx's signalling addresses under Settings below.",
      ]),
    ]),
    guide("Any carrier or PBX", [
      facts([
        value("SIP server", host),
        value("Username", trunk.username),
        value("Password", trunk.password, true),
        ["Registration", "none: calls come to the SIP server's address"],
        ["Transport", "UDP; TCP or TLS where this deployment has them"],
        ["Called number", `E.164 as the user of the Request-URI: sip:${number}@${host}`],
        ["Codecs", "PCMU, PCMA, G.722, Opus; digits as telephone-event (RFC 4733)"],
      ]),
    ]),
  ];
}

function guide(title, content) {
  return element("details", {}, element("summary", {}, title), element("div", {}, content));
}

function steps(list) {
  return element("ol", { class: "steps" }, list.map((step) => element("li", {}, step)));
}

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}

function twiml(trunk, host, number, password = "••••••••") {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    "<Response>",
    "  <Dial>",
    `    <Sip username="${escape(trunk.username)}" password="${escape(password)}">sip:${escape(number)}@${escape(host)}</Sip>`,
    "  </Dial>",
    "</Response>",
  ].join("\n");
}

function copyTwiml(trunk, host, number) {
  const button = element("button", { type: "button" }, "Copy with the password");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(twiml(trunk, host, number, trunk.password));
    button.textContent = "Copied";
  });
  return element("div", { class: "actions" }, button);
}
