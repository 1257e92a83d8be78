// One WebRTC connection to the bridge: the microphone out, the call in. No page elements but the audio one.

const CONNECT_SECONDS = 8;
const LEVEL_INTERVAL = 100;
const QUALITY_INTERVAL = 2000;

export class Connection {
  constructor(api, audio) {
    this.api = api;
    this.audio = audio;
    this.resource = null;
    this.stream = null;
    this.onState = () => {};
    this.onLevel = () => {};
    this.onQuality = () => {};
    this.onSilenced = () => {};
    this.peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.timers = [];
    this.sender = null;
    this.peer.addEventListener("connectionstatechange", () => this.onState(this.peer.connectionState));
    this.peer.addEventListener("track", (event) => {
      this.audio.srcObject = new MediaStream([event.track]);
      this.audio.play().catch(() => this.onSilenced());
    });
  }

  /** Negotiate; returns this participant's id. Resolves before audio flows, see onState. */
  async join(name, stream) {
    this.stream = stream;
    const track = stream?.getAudioTracks()[0];
    this.sender = this.peer.addTransceiver(track ?? "audio", { direction: track ? "sendrecv" : "recvonly" }).sender;
    await this.peer.setLocalDescription(withRetransmission(await this.peer.createOffer()));
    // The bridge answers checks and needs none of our candidates: no gathering to wait for.
    const joined = await this.api.join(name, this.peer.localDescription.sdp);
    this.resource = joined.resource;
    await this.peer.setRemoteDescription({ type: "answer", sdp: joined.answer });
    // The bridge's good-bye (DTLS close_notify) comes seconds before ICE notices the silence.
    const transport = this.sender.transport;
    transport?.addEventListener("statechange", () => {
      if (["closed", "failed"].includes(transport.state)) this.onState("failed");
    });
    this.#meter(stream);
    this.timers.push(setInterval(() => this.#measure(), QUALITY_INTERVAL));
    this.deadline = setTimeout(() => {
      if (this.peer.connectionState !== "connected") this.onState("failed");
    }, CONNECT_SECONDS * 1000);
    return joined.id;
  }

  /** In words, why no path was found, once it is clear that none was. */
  get noPath() {
    const addresses = [...(this.peer.remoteDescription?.sdp ?? "").matchAll(/^a=candidate:.* udp \d+ (\S+) /gim)];
    const local = addresses.every(([, address]) => address.startsWith("127.") || address === "::1");
    if (local && this.peer.iceConnectionState === "new") {
      return "This browser does not connect to its own machine’s address 127.0.0.1, as Firefox does not. "
        + "Use Chromium or Chrome, or let the bridge listen on another address of this machine.";
    }
    return "The browser found no way to send audio to the bridge. The network may block UDP, or the bridge advertises an "
      + "address that cannot be reached from here.";
  }

  mute(muted) {
    this.stream?.getAudioTracks().forEach((track) => { track.enabled = !muted; });
  }

  /** Take another microphone in the middle of the call. */
  async use(stream) {
    if (!stream) {
      this.mute(true);
      return;
    }
    await this.sender.replaceTrack(stream.getAudioTracks()[0]);
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = stream;
    this.#meter(stream);
  }

  /** Say good-bye first: the bridge takes a connection that just closes for a lost one. */
  async leave() {
    const resource = this.resource;
    this.resource = null;
    this.onState = () => {};
    this.mute(true);
    if (resource) await this.api.leave(resource).catch(() => {});
    this.#close();
  }

  /** Leave without waiting, as when the page closes. */
  abandon({ keepStream = false } = {}) {
    const resource = this.resource;
    if (resource) this.api.leave(resource).catch(() => {});
    if (keepStream) this.stream = null;
    this.#close();
  }

  #close() {
    this.resource = null;
    this.onState = () => {};
    clearTimeout(this.deadline);
    this.timers.forEach(clearInterval);
    this.timers = [];
    this.context?.close();
    this.context = null;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.peer.close();
    this.audio.srcObject = null;
    this.onLevel(0);
  }

  #meter(stream) {
    if (!stream) return;
    this.context?.close();
    this.context = new AudioContext();
    const analyser = this.context.createAnalyser();
    analyser.fftSize = 1024;
    this.context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    clearInterval(this.levelTimer);
    this.levelTimer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      let peak = 0;
      for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
      this.onLevel(peak);
    }, LEVEL_INTERVAL);
    this.timers.push(this.levelTimer);
  }

  async #measure() {
    if (this.peer.connectionState !== "connected") return;
    let received = 0, lost = 0, roundTrip = null;
    for (const report of (await this.peer.getStats()).values()) {
      if (report.type === "inbound-rtp") { received = report.packetsReceived; lost = report.packetsLost; }
      if (report.type === "candidate-pair" && report.nominated) roundTrip = report.currentRoundTripTime ?? roundTrip;
    }
    const share = received + lost > 0 ? Math.max(0, lost) / (received + lost) : 0;
    const delay = roundTrip === null ? "" : `Round trip ${Math.round(roundTrip * 1000)} ms, `;
    this.onQuality(`${delay}${(share * 100).toFixed(1)} % of packets lost`);
  }
}

/** Ask for lost packets again (RFC 4585): browsers can, and do not offer it for audio by themselves. */
function withRetransmission(offer) {
  const opus = /a=rtpmap:(\d+) opus\/48000\/2\r\n/i.exec(offer.sdp);
  if (!opus || offer.sdp.includes(`a=rtcp-fb:${opus[1]} nack\r\n`)) return offer;
  return { type: offer.type, sdp: offer.sdp.replace(opus[0], `${opus[0]}a=rtcp-fb:${opus[1]} nack\r\n`) };
}
