// Runs in a page before its own scripts: keeps what its microphone says and what it hears from the call.
(() => {
  const RATE = 48000;
  const recordings = {};
  const worklet = `registerProcessor("recorder", class extends AudioWorkletProcessor {
    process([input]) {
      if (input[0]) this.port.postMessage([currentFrame, Date.now(), input[0].slice()]);
      return true;
    }
  })`;
  let ready = null;

  function prepare() {
    ready ??= (async () => {
      const context = new AudioContext({ sampleRate: RATE });
      await context.audioWorklet.addModule(URL.createObjectURL(new Blob([worklet], { type: "text/javascript" })));
      await context.resume();
      return context;
    })();
    return ready;
  }

  async function record(name, track) {
    const context = await prepare();
    const recorder = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
    const recording = { blocks: [], first: null };
    recorder.port.onmessage = ({ data: [frame, now, samples] }) => {
      recording.first ??= frame;
      recording.blocks.push([frame, now, samples]);
    };
    recordings[name] = recording;
    context.createMediaStreamSource(new MediaStream([track])).connect(recorder);
  }

  const devices = navigator.mediaDevices;
  const open = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (constraints) => {
    const stream = await open(constraints);
    for (const track of stream.getAudioTracks()) record("said", track);
    return stream;
  };
  const NativeConnection = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends NativeConnection {
    constructor(...parameters) {
      super(...parameters);
      this.addEventListener("track", ({ track }) => track.kind === "audio" && record("heard", track));
    }
  };

  // {began_at, samples}: seconds since the epoch, and 16-bit samples at 48 kHz as base64.
  window.trunklineRecording = (name) => {
    const recording = recordings[name];
    if (!recording || !recording.blocks.length) return null;
    const { blocks, first } = recording;
    const [lastFrame, , lastSamples] = blocks.at(-1);
    const samples = new Int16Array(lastFrame + lastSamples.length - first);
    const offsets = [];
    for (const [frame, now, block] of blocks) {
      offsets.push(now - ((frame - first) * 1000) / RATE);
      block.forEach((value, index) => {
        samples[frame - first + index] = Math.max(-1, Math.min(1, value)) * 32767;
      });
    }
    offsets.sort((one, other) => one - other);
    const bytes = new Uint8Array(samples.buffer);
    let text = "";
    for (let start = 0; start < bytes.length; start += 0x8000) {
      text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
    }
    return { began_at: offsets[offsets.length >> 1] / 1000, samples: btoa(text) };
  };
})();
