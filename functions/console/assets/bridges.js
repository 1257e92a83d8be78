// The bridges that carry calls, as they reported lately.

import { bridges } from "./api.js";
import { element, facts, show, time } from "./dom.js";

export async function showBridges() {
  const found = await bridges();
  show(
    "Bridges",
    element("h1", {}, "Bridges"),
    found.length === 0 && element("p", { class: "card" }, "No bridge has reported within the last minutes. Without one, no call comes through."),
    found.map((bridge) => element(
      "section",
      { class: "card" },
      element("div", { class: "bar" }, element("h2", {}, bridge.id), element("span", { class: `badge ${bridge.state === "ready" ? "good" : "warn"}` }, bridge.state)),
      facts([
        ["Calls", `${bridge.calls} of ${bridge.capacity}`],
        ["SIP address", element("code", {}, bridge.sip_address)],
        ["Version", bridge.version],
        ["Started", time(bridge.started_at)],
        ["Last seen", time(bridge.seen_at)],
      ]),
    )),
  );
}
