// Elements without HTML text: what an API answers can never become markup.

/** element("a", { href: "#/", class: "x", onclick: f }, "text", otherElement, null) */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "value") made.value = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function show(title, ...children) {
  const main = document.getElementById("main");
  document.title = `${title} · Trunkline`;
  main.replaceChildren(...children.flat(Infinity).filter(Boolean));
  return main;
}

export function say(text) {
  document.getElementById("status").textContent = text;
}

export function problem(error) {
  const fields = Object.entries(error.fields ?? {});
  return element(
    "div",
    { class: "problem", role: "alert", tabindex: "-1" },
    element("p", {}, error.message),
    fields.length > 0 && element("ul", {}, fields.map(([name, what]) => element("li", {}, element("code", {}, name), ` ${what}`))),
  );
}

/** A labelled control: field("Name", input, "help") */
export function field(text, control, help) {
  control.id ||= `field-${crypto.randomUUID().slice(0, 8)}`;
  const parts = [element("label", { for: control.id }, text), control];
  if (help) {
    const described = element("p", { class: "help", id: `${control.id}-help` }, help);
    control.setAttribute("aria-describedby", described.id);
    parts.push(described);
  }
  return parts;
}

export function checkbox(text, checked) {
  const control = element("input", { type: "checkbox" });
  control.checked = checked;
  return { control, label: element("label", { class: "inline" }, control, text) };
}

export function copyable(text, { secret = false, name }) {
  const shown = element("code", {}, secret ? "••••••••" : text);
  const copied = async () => {
    await navigator.clipboard.writeText(text);
    say(`${name} copied`);
  };
  const reveal = element("button", { type: "button", "aria-pressed": "false", "aria-label": `Show ${name}` }, "Show");
  reveal.addEventListener("click", () => {
    const hidden = reveal.getAttribute("aria-pressed") === "false";
    reveal.setAttribute("aria-pressed", String(hidden));
    reveal.textContent = hidden ? "Hide" : "Show";
    shown.textContent = hidden ? text : "••••••••";
  });
  const copy = element("button", { type: "button", onclick: copied, "aria-label": `Copy ${name}` }, "Copy");
  return element("span", { class: "copyable" }, shown, secret && reveal, copy);
}

/** facts([["Name", value], ...]); values that are null are left out */
export function facts(pairs) {
  return element(
    "dl",
    {},
    pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

export function time(nanoseconds) {
  return new Date(nanoseconds / 1e6).toLocaleString();
}

/** Runs while its button shows that it is busy; a failure is shown above the form. */
export async function busy(button, place, work) {
  button.disabled = true;
  place.querySelector(".problem")?.remove();
  try {
    await work();
  } catch (error) {
    const shown = problem(error);
    place.prepend(shown);
    shown.focus();
  } finally {
    button.disabled = false;
  }
}
