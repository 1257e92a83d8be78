// Microphones: which there are, opening one, and saying what went wrong in words.

export const NONE = "none";

export async function microphones() {
  if (!navigator.mediaDevices) return [];
  const devices = await navigator.mediaDevices.enumerateDevices();
  // Before permission is given browsers list one device without a name.
  return devices
    .filter((device) => device.kind === "audioinput" && device.deviceId && device.deviceId !== "default")
    .map((device, index) => ({ id: device.deviceId, label: device.label || `Microphone ${index + 1}` }));
}

/** A stream with one audio track, or null to only listen. */
export async function openMicrophone(device) {
  if (device === NONE) return null;
  if (!navigator.mediaDevices) throw new DOMException("insecure", "SecurityError");
  return navigator.mediaDevices.getUserMedia({
    audio: {
      deviceId: device ? { exact: device } : undefined,
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      channelCount: 1,
    },
  });
}

export function microphoneProblem(error) {
  const listen = " Or choose “No microphone, listen only”.";
  switch (error.name) {
    case "NotAllowedError":
      return `The browser blocks the microphone. Allow it beside the address bar, then join again.${listen}`;
    case "NotFoundError":
    case "OverconstrainedError":
      return `No microphone was found. Plug one in or choose another.${listen}`;
    case "NotReadableError":
      return `The microphone is in use by another program, or the system keeps it back.${listen}`;
    case "SecurityError":
      return `Browsers give the microphone only to pages on https or on this machine.${listen}`;
    default:
      return `The microphone could not be opened: ${error.message}.${listen}`;
  }
}
