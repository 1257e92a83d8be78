// What a template becomes for an example call. The API has the last word when a rule is saved.

export const VARIABLES = [
  ["uuid", "a new UUID for each call"],
  ["caller_number", "who calls, in E.164"],
  ["called_number", "the number that was called"],
  ["caller_name", "the caller's display name"],
  ["trunk_id", "the trunk's id"],
  ["trunk_name", "the trunk's name"],
  ["rule_id", "the rule's id"],
  ["sip_call_id", "the SIP Call-ID"],
  ["verstat", "the carrier's verification of the caller's number"],
  ["date", "the day of the call in UTC"],
  ["digits", "what the caller keyed in"],
  ["sip_headers.x_name", "a header of the call that starts with X-"],
];

export function render(template, { trunk, rule }) {
  const values = {
    uuid: "5f1c9c1e-8e5b-4b7e-9a55-0d3a3c0f7a11",
    caller_number: "15557654321",
    called_number: (trunk?.numbers[0] ?? "+15551230001").slice(1),
    caller_name: "Ada",
    trunk_id: trunk?.id ?? "trunk",
    trunk_name: trunk?.name ?? "Trunk",
    rule_id: rule?.id ?? "rule",
    sip_call_id: "a84b4c76e66710",
    verstat: "TN-Validation-Passed",
    date: new Date().toISOString().slice(0, 10),
    digits: "1234",
  };
  const unknown = [];
  const text = template.replace(/\{\{\{?([^{}]*)\}?\}\}/g, (_, inside) => {
    const name = inside.trim();
    if (name in values) return values[name];
    if (/^sip_headers\./.test(name)) return "header";
    unknown.push(name || "{{}}");
    return "?";
  });
  return { text, unknown };
}
