// The HTTP API, as any client uses it. Failures become ApiError with the API's own words.

import { apiKey, token } from "./session.js";

const BASE = "/api/v2/video/sip";

export class ApiError extends Error {
  constructor(status, message, fields = {}) {
    super(message);
    this.status = status;
    this.fields = fields;
  }
}

export async function call(method, path, body) {
  const address = new URL(BASE + path, location.origin);
  address.searchParams.set("api_key", apiKey());
  const headers = { Authorization: await token(), "stream-auth-type": "jwt" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(address, {
      method, headers, cache: "no-store", referrerPolicy: "no-referrer",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, "The API cannot be reached. Is the stack still running?");
  }
  if (response.ok) return response.json();
  const refused = await response.json().catch(() => ({}));
  throw new ApiError(response.status, refused.message ?? `The API answered ${response.status}`, refused.exception_fields);
}

export const trunks = {
  list: async () => (await call("GET", "/inbound_trunks")).sip_trunks,
  create: async (trunk) => (await call("POST", "/inbound_trunks", trunk)).sip_trunk,
  update: async (id, trunk) => (await call("PUT", `/inbound_trunks/${encodeURIComponent(id)}`, trunk)).sip_trunk,
  remove: (id) => call("DELETE", `/inbound_trunks/${encodeURIComponent(id)}`),
  rotatePassword: async (id) => (await call("POST", `/inbound_trunks/${encodeURIComponent(id)}/rotate_password`, {})).sip_trunk,
};

export const rules = {
  list: async () => (await call("GET", "/inbound_routing_rules")).sip_inbound_routing_rules,
  create: (rule) => call("POST", "/inbound_routing_rules", rule),
  update: (id, rule) => call("PUT", `/inbound_routing_rules/${encodeURIComponent(id)}`, rule),
  remove: (id) => call("DELETE", `/inbound_routing_rules/${encodeURIComponent(id)}`),
};

export const explain = (question) => call("POST", "/explain", question);
export const calls = {
  list: (cursor) => call("GET", cursor ? `/calls?cursor=${encodeURIComponent(cursor)}` : "/calls"),
  read: async (id) => (await call("GET", `/calls/${encodeURIComponent(id)}`)).sip_call,
};
export const bridges = async () => (await call("GET", "/bridges")).sip_bridges;
