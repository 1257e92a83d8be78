// The page's conductor: what a person does, and what they are told. Audio is connection.js's, drawing view.js's.

import { CallApi, CallError } from "./api.js";
import { Connection } from "./connection.js";
import { microphoneProblem, microphones, openMicrophone } from "./microphone.js";
import { View } from "./view.js";

const REJOIN_SECONDS = [1, 2, 4, ...Array(24).fill(5)];
const INTERRUPTED_SECONDS = 4;
const POLL_JOINED = 300;
const POLL_WAITING = 2000;
const POLL_FAILED = 2000;
const MANY = 20;

const view = new View();
const api = new CallApi(location);
let connection = null;
let wanted = false;
let muted = false;
let ownId = null;
let attempt = 0;
let absent = 0;
let everConnected = false;

view.nameCall(api.type, api.id);

view.joining.addEventListener("submit", (event) => {
  event.preventDefault();
  const name = view.name.value.trim();
  if (!name) {
    view.problem("Please enter your name first.");
    view.name.focus();
    return;
  }
  sessionStorage.setItem("name", name);
  join();
});
view.mute.addEventListener("click", () => mute(!muted));
view.leave.addEventListener("click", () => leave());
view.callMicrophone.addEventListener("change", () => changeMicrophone(view.callMicrophone.value));
document.addEventListener("keydown", (event) => {
  const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName);
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (connection && plain && !typing && !event.repeat && event.key.toLowerCase() === "m") mute(!muted);
});
navigator.mediaDevices?.addEventListener?.("devicechange", async () => view.fillMicrophones(await microphones()));
addEventListener("pagehide", () => connection?.abandon());
// A page that comes back from the browser's history has left its call.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
view.name.value = sessionStorage.getItem("name") ?? "";
view.busy(false);
microphones().then((devices) => view.fillMicrophones(devices));

async function join() {
  wanted = true;
  view.problem("");
  view.busy(true);
  view.state("connecting", "Opening the microphone…");
  let stream;
  try {
    stream = await openMicrophone(view.microphone.value);
  } catch (error) {
    wanted = false;
    view.busy(false);
    view.state("failed", "Not joined");
    view.problem(microphoneProblem(error));
    return;
  }
  view.fillMicrophones(await microphones(), view.microphone.value);
  await connect(stream);
}

async function connect(stream) {
  view.state("connecting", attempt ? "Reconnecting…" : "Connecting…");
  const candidate = new Connection(api, view.remote);
  candidate.onState = (state) => follow(candidate, state);
  candidate.onLevel = (level) => view.ownLevel(muted ? 0 : level);
  candidate.onQuality = (text) => view.quality(text);
  candidate.onSilenced = unsilence;
  connection = candidate;
  try {
    ownId = await candidate.join(view.name.value.trim(), stream);
  } catch (error) {
    candidate.abandon();
    if (connection !== candidate) return;
    connection = null;
    if (attempt && !(error instanceof CallError && error.final)) {
      rejoin(stream);
      return;
    }
    const why = error instanceof CallError ? error.message : `The browser could not connect: ${error.message}`;
    giveUp(stream, "Not joined", why);
    return;
  }
  if (connection !== candidate) {
    await candidate.leave();
    return;
  }
  candidate.mute(muted);
  if (muted) api.mute(candidate.resource, true).catch(() => {});
  view.busy(false);
  view.joined(true, view.name.value.trim(), muted);
}

function follow(candidate, state) {
  if (candidate !== connection) return;
  if (state === "connected") {
    attempt = 0;
    everConnected = true;
    view.problem("");
    view.state("connected", muted ? "Connected, muted" : "Connected");
  } else if (state === "disconnected") {
    view.state("connecting", "The connection is interrupted…");
    setTimeout(() => {
      if (candidate.peer.connectionState === "disconnected") follow(candidate, "failed");
    }, INTERRUPTED_SECONDS * 1000);
  } else if (state === "failed" || state === "closed") {
    const stream = candidate.stream;
    const why = candidate.noPath;
    candidate.abandon({ keepStream: true });
    connection = null;
    if (everConnected) rejoin(stream);
    else giveUp(stream, "Not joined", why);
  }
}

/** Browsers may hold sound back until somebody touches the page. */
function unsilence() {
  view.problem("The browser holds the sound back. Click anywhere or press a key to hear the call.");
  const again = () => {
    removeEventListener("pointerdown", again);
    removeEventListener("keydown", again);
    view.remote.play().then(() => view.problem(""), unsilence);
  };
  addEventListener("pointerdown", again);
  addEventListener("keydown", again);
}

function rejoin(stream) {
  if (!wanted) return;
  if (attempt >= REJOIN_SECONDS.length) {
    giveUp(stream, "Disconnected", "The bridge cannot be reached any more. Join again when it is back.");
    return;
  }
  view.state("connecting", "Reconnecting…");
  const seconds = REJOIN_SECONDS[attempt];
  attempt += 1;
  setTimeout(() => {
    if (wanted && !connection) connect(stream);
    else if (!wanted) stream?.getTracks().forEach((track) => track.stop());
  }, seconds * 1000);
}

function giveUp(stream, state, why) {
  stream?.getTracks().forEach((track) => track.stop());
  attempt = 0;
  wanted = false;
  view.busy(false);
  view.joined(false);
  view.state("failed", state);
  view.problem(why);
}

async function mute(next) {
  if (!connection || !connection.stream) return;
  muted = next;
  connection.mute(muted);
  view.muted(muted);
  if (connection.peer.connectionState === "connected") {
    view.state("connected", muted ? "Connected, muted" : "Connected");
  }
  try {
    await api.mute(connection.resource, muted);
  } catch (error) {
    view.problem(error.message);
  }
}

async function leave() {
  wanted = false;
  attempt = 0;
  everConnected = false;
  const left = connection;
  connection = null;
  ownId = null;
  muted = false;
  view.joined(false);
  view.state("idle", "You left the call");
  view.problem("");
  view.join.focus();
  if (left) await left.leave();
  await refresh().catch(() => {});
}

async function changeMicrophone(device) {
  if (!connection) return;
  try {
    await connection.use(await openMicrophone(device));
    connection.mute(muted);
    view.problem("");
  } catch (error) {
    view.problem(microphoneProblem(error));
  }
}

async function refresh() {
  const participants = await api.participants();
  view.participants(participants, ownId);
  absent = connection?.peer.connectionState === "connected" && !participants.some(({ id }) => id === ownId) ? absent + 1 : 0;
  // The bridge does not know us any more, as after a restart.
  if (absent > 2) follow(connection, "failed");
  return participants.length;
}

async function watch() {
  let pause = connection ? POLL_JOINED : POLL_WAITING;
  try {
    const many = (await refresh()) > MANY;
    view.reachable(true);
    if (many) pause *= 3;
  } catch (error) {
    pause = POLL_FAILED;
    view.reachable(false, error instanceof CallError ? error.message : "The bridge cannot be reached.");
    if (error instanceof CallError && error.final) return;
  }
  setTimeout(watch, document.hidden ? pause * 4 : pause);
}

watch();
