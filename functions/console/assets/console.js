// The console's entry: signing in, and which view the address names.

import { trunks } from "./api.js";
import { showBridges } from "./bridges.js";
import { showCall, showCalls } from "./calls.js";
import { busy, element, field, problem, say, show } from "./dom.js";
import { showExplain } from "./explain.js";
import { showRule, showRules } from "./rules.js";
import { keep, resume, signedIn, signIn, signOut } from "./session.js";
import { showNewTrunk, showTrunk, showTrunks } from "./trunks.js";

const VIEWS = [
  [/^#\/trunks$/, showTrunks],
  [/^#\/trunks\/new$/, showNewTrunk],
  [/^#\/trunks\/([^/]+)$/, showTrunk],
  [/^#\/rules$/, showRules],
  [/^#\/rules\/([^/]+)$/, showRule],
  [/^#\/explain$/, showExplain],
  [/^#\/calls$/, showCalls],
  [/^#\/calls\/([^/]+)$/, showCall],
  [/^#\/bridges$/, showBridges],
];
const navigation = document.getElementById("navigation");
const signOutButton = document.getElementById("sign-out");
let left = new AbortController();

async function follow() {
  // Ends what the view before was doing, such as reading calls again and again.
  left.abort();
  left = new AbortController();
  navigation.hidden = signOutButton.hidden = !signedIn();
  if (!signedIn()) {
    showSignIn();
    return;
  }
  const address = location.hash || "#/trunks";
  const section = address.split("/")[1];
  for (const link of navigation.querySelectorAll("a")) {
    if (link.hash === `#/${section}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const [found, view] = VIEWS.map(([pattern, each]) => [pattern.exec(address), each]).find(([match]) => match) ?? [];
  if (!found) {
    show("Not found", element("h1", {}, "There is no such page"), element("p", {}, element("a", { href: "#/trunks" }, "To the trunks")));
    return;
  }
  try {
    await view({ id: found[1] && decodeURIComponent(found[1]), signal: left.signal });
    document.getElementById("main").dataset.shown = address;
  } catch (error) {
    if (error.status === 401) {
      await signOut();
      await follow();
      return;
    }
    show("Problem", element("h1", {}, "This did not work"), problem(error));
  }
}

function showSignIn() {
  const key = element("input", { autocomplete: "username", required: true, spellcheck: "false" });
  const secret = element("input", { type: "password", autocomplete: "current-password", required: true });
  const button = element("button", { class: "primary" }, "Sign in");
  const form = element(
    "form",
    { class: "card", novalidate: true },
    field("API key", key, "On your own machine, make run prints both. Of a deployment, whoever made the application has them."),
    field("API secret", secret, "It stays in this browser, as a key that signs requests and cannot be read again."),
    element("div", { class: "actions" }, button),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(button, form, async () => {
      if (!key.value.trim() || !secret.value.trim()) throw new Error("Enter the API key and the API secret.");
      await signIn(key.value.trim(), secret.value.trim());
      try {
        await trunks.list();
      } catch (error) {
        await signOut();
        throw error.status === 401 ? new Error("The API takes no such key and secret.") : error;
      }
      await keep();
      await follow();
    });
  });
  show("Sign in", element("h1", {}, "Sign in"), form);
  key.focus();
}

signOutButton.addEventListener("click", async () => {
  await signOut();
  say("Signed out");
  await follow();
});
addEventListener("hashchange", async () => {
  say("");
  await follow();
  document.getElementById("main").focus({ preventScroll: true });
});
await resume();
await follow();
