// Routing rules: the list, and one with a preview of what its templates become.

import { rules, trunks } from "./api.js";
import { busy, checkbox, element, field, say, show } from "./dom.js";
import { render, VARIABLES } from "./preview.js";

export async function showRules() {
  const [found, known] = await Promise.all([rules.list(), trunks.list()]);
  const names = new Map(known.map((trunk) => [trunk.id, trunk.name]));
  show(
    "Routing rules",
    element("div", { class: "bar" }, element("h1", {}, "Routing rules"), element("a", { class: "button primary", href: "#/rules/new" }, "New rule")),
    element("p", { class: "soft" }, "Of the rules that fit a call, the most specific takes it; then the highest priority, then the oldest."),
    found.length === 0 && element("p", { class: "card" }, "No rule yet. Without one, every call is refused with 404."),
    element("ul", { class: "cards" }, found.map((rule) => card(rule, names))),
  );
}

function card(rule, names) {
  const called = rule.called_numbers.length ? rule.called_numbers.join(", ") : "any number";
  const callers = rule.caller_numbers?.length ? rule.caller_numbers.join(", ") : "anybody";
  const goal = rule.direct_routing_configs
    ? `${rule.direct_routing_configs.call_type}:${rule.direct_routing_configs.call_id}`
    : "the call whose number the caller keys in";
  return element(
    "li",
    { class: "card" },
    element("a", { class: "whole", href: `#/rules/${encodeURIComponent(rule.id)}` }, rule.name),
    rule.enabled === false && element("span", { class: "badge warn" }, "disabled"),
    element("p", {}, "To ", element("code", {}, called), " from ", element("code", {}, callers), " leads to ", element("code", {}, goal)),
    element("p", { class: "soft" }, `Trunks: ${rule.trunk_ids.map((id) => names.get(id) ?? id).join(", ")}`),
  );
}

const EMPTY = {
  name: "", trunk_ids: [], called_numbers: [], caller_numbers: [], enabled: true, priority: 0,
  caller_configs: { id: "phone-{{caller_number}}", custom_data: {} },
  direct_routing_configs: { call_type: "default", call_id: "" },
};

export async function showRule({ id }) {
  const [found, known] = await Promise.all([rules.list(), trunks.list()]);
  const isNew = id === "new";
  const rule = isNew ? EMPTY : found.find((each) => each.id === id);
  if (!rule) throw new Error("There is no such rule (any more).");
  const { form, read, button } = ruleForm(rule, known, isNew ? "Create rule" : "Save changes");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(button, form, async () => {
      if (isNew) await rules.create(read());
      else await rules.update(id, read());
      say(isNew ? "Rule created" : "Rule saved");
      location.hash = "#/rules";
    });
  });
  if (!isNew) {
    const remove = element("button", { type: "button", class: "danger" }, "Delete rule");
    remove.addEventListener("click", () => {
      if (!confirm(`Delete ${rule.name}?`)) return;
      busy(remove, form, async () => {
        await rules.remove(id);
        say("Rule deleted");
        location.hash = "#/rules";
      });
    });
    form.querySelector(".actions").append(remove);
  }
  show(
    isNew ? "New rule" : rule.name,
    element("p", {}, element("a", { href: "#/rules" }, "All routing rules")),
    element("h1", {}, isNew ? "New rule" : rule.name),
    form,
  );
}

function ruleForm(rule, known, action) {
  const name = element("input", { value: rule.name, maxlength: 100, required: true });
  const chosen = known.map((trunk) => ({ trunk, ...checkbox(`${trunk.name} (${trunk.numbers.join(", ")})`, rule.trunk_ids.includes(trunk.id)) }));
  const called = element("textarea", { value: rule.called_numbers.join("\n"), spellcheck: "false" });
  const callers = element("textarea", { value: (rule.caller_numbers ?? []).join("\n"), spellcheck: "false" });
  const priority = element("input", { type: "number", value: rule.priority ?? 0 });
  const direct = rule.direct_routing_configs;
  const callType = element("input", { value: direct?.call_type ?? "default", maxlength: 100 });
  const callId = element("input", { value: direct?.call_id ?? "", maxlength: 255, spellcheck: "false" });
  const user = element("input", { value: rule.caller_configs?.id ?? "", maxlength: 255, spellcheck: "false" });
  const byPin = checkbox("The caller keys in the call's number instead", !direct);
  const enabled = checkbox("Takes calls", rule.enabled !== false);
  const pin = pinProtection(rule.pin_protection_configs ?? {});
  const preview = element("p", { class: "help", id: "preview", "aria-live": "polite" });
  const button = element("button", { class: "primary" }, action);

  const update = () => {
    callId.disabled = callType.disabled = byPin.control.checked;
    const example = { trunk: known.find((_, index) => chosen[index].control.checked), rule };
    const [goal, who] = [render(callId.value, example), render(user.value, example)];
    const unknown = [...goal.unknown, ...who.unknown];
    preview.classList.toggle("bad", unknown.length > 0);
    if (unknown.length) preview.textContent = `No such variable: ${unknown.join(", ")}`;
    else if (byPin.control.checked) preview.textContent = `For example: ${who.text} joins the call that was keyed in`;
    else preview.textContent = `For example: ${who.text} joins ${callType.value}:${goal.text}`;
  };
  for (const control of [callType, callId, user, byPin.control, ...chosen.map((each) => each.control)]) {
    control.addEventListener("input", update);
  }
  update();

  const form = element(
    "form",
    { class: "card", novalidate: true },
    field("Name", name),
    element("fieldset", {}, element("legend", {}, "Trunks"), known.length ? chosen.map((each) => each.label) : element("p", { class: "help" }, "There is no trunk yet.")),
    field("Called numbers", called, "One a line: +12125550123, or the beginning of numbers such as +1212*. Empty: any."),
    field("Caller's numbers", callers, "As above, for who calls. Empty: anybody."),
    element(
      "fieldset",
      {},
      element("legend", {}, "Where it leads"),
      field("Call type", callType),
      field("Call id", callId, "A fixed id leads all callers into one call; {{uuid}} gives each a call."),
      byPin.label,
      field("The caller's user id in the call", user),
      preview,
      element(
        "details",
        {},
        element("summary", {}, "Variables"),
        element("dl", {}, VARIABLES.map(([variable, what]) => [element("dt", {}, element("code", {}, `{{${variable}}}`)), element("dd", {}, what)])),
      ),
    ),
    pin.fields,
    field("Priority", priority, "Among equally specific rules the highest wins."),
    enabled.label,
    element("div", { class: "actions" }, button),
  );
  const lines = (area) => area.value.split(/[\n,]/).map((line) => line.trim()).filter(Boolean);
  const read = () => ({
    // What this form does not show is kept as it is.
    ...(rule.call_configs ? { call_configs: rule.call_configs } : {}),
    ...pin.read(),
    name: name.value.trim(),
    trunk_ids: chosen.filter((each) => each.control.checked).map((each) => each.trunk.id),
    called_numbers: lines(called),
    caller_numbers: lines(callers),
    caller_configs: { ...rule.caller_configs, id: user.value },
    ...(byPin.control.checked
      ? { pin_routing_configs: rule.pin_routing_configs ?? {} }
      : { direct_routing_configs: { call_type: callType.value, call_id: callId.value } }),
    priority: Number(priority.value) || 0,
    enabled: enabled.control.checked,
  });
  return { form, read, button };
}

function pinProtection(configured) {
  const asks = checkbox("The caller keys in a PIN before joining", configured.enabled === true);
  const standard = element("input", { value: configured.default_pin ?? "", maxlength: 20, inputmode: "numeric", autocomplete: "off" });
  const digits = element("input", { type: "number", min: 3, max: 10, value: configured.required_pin_digits ?? "" });
  const attempts = element("input", { type: "number", min: 1, max: 10, value: configured.max_attempts ?? "" });
  const details = element(
    "div",
    {},
    field("PIN where the call has none of its own", standard, "3 to 20 digits"),
    field("Digits of a PIN", digits, "3 to 10"),
    field("Attempts", attempts, "1 to 10"),
  );
  const update = () => { details.hidden = !asks.control.checked; };
  asks.control.addEventListener("input", update);
  update();
  const read = () => {
    if (!asks.control.checked) return configured.enabled ? { pin_protection_configs: { ...configured, enabled: false } } : {};
    return {
      pin_protection_configs: {
        enabled: true,
        ...(standard.value ? { default_pin: standard.value } : {}),
        ...(digits.value ? { required_pin_digits: Number(digits.value) } : {}),
        ...(attempts.value ? { max_attempts: Number(attempts.value) } : {}),
      },
    };
  };
  return { fields: element("fieldset", {}, element("legend", {}, "PIN"), asks.label, details), read };
}
