// The call's HTTP: join, mute, leave, who is here. Every failure becomes a CallError with words for a person.

export class CallError extends Error {
  /** `final`: trying again will not help. */
  constructor(message, final) {
    super(message);
    this.final = final;
  }
}

export class CallApi {
  constructor(address) {
    const [type, id] = address.pathname.split("/").slice(2, 4);
    this.type = decodeURIComponent(type);
    this.id = decodeURIComponent(id);
    this.base = `/calls/${type}/${id}/participants`;
    this.apiKey = new URLSearchParams(address.search).get("api_key");
    // The token comes in the fragment, which browsers send to no server, and leaves the address bar at once.
    this.token = new URLSearchParams(address.hash.slice(1)).get("token") ?? sessionStorage.getItem("token");
    if (address.hash.includes("token=")) {
      sessionStorage.setItem("token", this.token);
      history.replaceState(null, "", address.pathname + address.search);
    }
  }

  /** Returns {answer, resource, id}. */
  async join(name, offer) {
    const response = await this.#send("POST", this.#address(this.base, { name }), offer, "application/sdp");
    return {
      answer: await response.text(),
      resource: response.headers.get("Location"),
      id: response.headers.get("Participant-Id"),
    };
  }

  async mute(resource, muted) {
    await this.#send("PATCH", this.#address(resource), JSON.stringify({ muted }), "application/json");
  }

  async leave(resource) {
    // keepalive: the request goes out even while the page closes.
    await this.#send("DELETE", this.#address(resource), undefined, undefined, true);
  }

  async participants() {
    const response = await this.#send("GET", this.#address(this.base));
    return (await response.json()).participants;
  }

  #address(path, query = {}) {
    const parameters = new URLSearchParams(query);
    if (this.apiKey) parameters.set("api_key", this.apiKey);
    const text = parameters.toString();
    return text ? `${path}?${text}` : path;
  }

  async #send(method, address, body, type, keepalive = false) {
    const headers = {};
    if (type) headers["Content-Type"] = type;
    if (this.token) headers["Authorization"] = this.token;
    let response;
    try {
      response = await fetch(address, { method, body, headers, keepalive, cache: "no-store" });
    } catch {
      throw new CallError("The bridge cannot be reached. Is it still running?", false);
    }
    if (response.ok) return response;
    throw await refusal(response);
  }
}

async function refusal(response) {
  let message = `the bridge answered ${response.status}`;
  try {
    message = (await response.json()).error.message;
  } catch {
    // Not our JSON: the status has to do.
  }
  if (response.status === 401) {
    return new CallError(`You need a valid token for this call. Open the link that you were given again. (${message})`, true);
  }
  if (response.status === 403) return new CallError(`You may not join this call: ${message}`, true);
  if (response.status === 409) return new CallError(`The call is full: ${message}`, true);
  if (response.status >= 500) return new CallError(`The bridge cannot take you now: ${message}`, false);
  return new CallError(`The bridge refused: ${message}`, true);
}
