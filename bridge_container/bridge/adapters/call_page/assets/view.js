// What is on the screen. Knows the page's elements and nothing about connections.

const element = (id) => document.getElementById(id);
const KINDS = { phone: "by phone", webrtc: "in a browser" };
const QUIETEST = -50;

export class View {
  constructor() {
    this.joining = element("joining");
    this.name = element("name");
    this.microphone = element("microphone");
    this.join = element("join");
    this.mute = element("mute");
    this.leave = element("leave");
    this.callMicrophone = element("call-microphone");
    this.remote = element("remote");
    this.rows = new Map();
    this.unreachable = false;
  }

  nameCall(type, id) {
    element("call-id").textContent = id;
    element("call-type").textContent = `${type} call`;
    document.title = `${id} – call`;
  }

  fillMicrophones(devices, chosen = "") {
    for (const select of [this.microphone, this.callMicrophone]) {
      const keep = select.value || chosen;
      const options = [["", "Default microphone"], ...devices.map(({ id, label }) => [id, label])];
      if (select === this.microphone) options.push(["none", "No microphone, listen only"]);
      select.replaceChildren(...options.map(([value, label]) => new Option(label, value)));
      select.value = options.some(([value]) => value === keep) ? keep : "";
    }
  }

  state(kind, text) {
    const state = element("state");
    state.dataset.state = kind;
    if (state.textContent !== text) state.textContent = text;
  }

  problem(text) {
    const problem = element("problem");
    problem.hidden = !text;
    if (problem.textContent !== text) problem.textContent = text;
  }

  busy(busy) {
    this.join.disabled = busy;
    this.join.textContent = busy ? "Joining…" : "Join the call";
  }

  joined(joined, name = "", muted = false) {
    const changed = this.joining.hidden !== joined;
    this.joining.hidden = joined;
    element("controls").hidden = !joined;
    element("own-name").textContent = name;
    const listening = this.microphone.value === "none";
    this.mute.disabled = listening;
    this.callMicrophone.disabled = listening;
    this.callMicrophone.value = this.microphone.value;
    this.quality("");
    this.muted(muted);
    if (joined && changed) (listening ? this.leave : this.mute).focus();
  }

  muted(muted) {
    this.mute.setAttribute("aria-pressed", String(muted));
    this.mute.textContent = muted ? "Unmute" : "Mute";
  }

  ownLevel(level) {
    drawLevel(element("own-level"), level);
  }

  quality(text) {
    element("quality").textContent = text;
  }

  reachable(reachable, why = "") {
    if (!reachable) this.problem(why);
    else if (this.unreachable) this.problem("");
    this.unreachable = !reachable;
  }

  participants(participants, ownId) {
    const list = element("participants");
    const present = new Set(participants.map(({ id }) => id));
    for (const [id, row] of this.rows) {
      if (!present.has(id)) { row.item.remove(); this.rows.delete(id); }
    }
    for (const participant of participants) {
      if (!this.rows.has(participant.id)) this.rows.set(participant.id, addRow(list));
      drawRow(this.rows.get(participant.id), participant, participant.id === ownId);
    }
    element("nobody").hidden = participants.length > 0;
    element("count").textContent = participants.length ? `(${participants.length})` : "";
  }
}

function addRow(list) {
  const item = document.createElement("li");
  const who = document.createElement("span");
  const kind = document.createElement("span");
  const meter = document.createElement("span");
  const bar = document.createElement("span");
  who.className = "who";
  kind.className = "kind";
  meter.className = "meter";
  meter.setAttribute("aria-hidden", "true");
  bar.className = "meter-bar";
  meter.append(bar);
  item.append(who, kind, meter);
  list.append(item);
  return { item, who, kind, bar };
}

function drawRow(row, { name, kind, level, muted }, own) {
  const title = own ? `${name} (you)` : name;
  const detail = (KINDS[kind] ?? kind) + (muted ? ", muted" : "");
  if (row.who.textContent !== title) row.who.textContent = title;
  if (row.kind.textContent !== detail) row.kind.textContent = detail;
  drawLevel(row.bar, muted ? 0 : level);
}

/** Loudness as ears judge it: decibels below full scale over the bar's length. */
function drawLevel(bar, level) {
  const decibels = level > 0 ? 20 * Math.log10(level) : QUIETEST;
  const length = Math.min(1, Math.max(0, 1 - decibels / QUIETEST));
  bar.style.transform = `scaleX(${length.toFixed(3)})`;
}
