// Who is signed in. The secret itself is kept nowhere: it becomes a key that can sign, but that no script can read.

const DATABASE = "trunkline";
const STORE = "session";
const TOKEN_SECONDS = 300;

let current = null;

function store(mode, work) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => { database.close(); resolve(request.result); };
      transaction.onerror = () => { database.close(); reject(transaction.error); };
    };
  });
}

export function signedIn() {
  return current !== null;
}

export async function resume() {
  current = (await store("readonly", (kept) => kept.get("current"))) ?? null;
  return signedIn();
}

export async function signIn(apiKey, secret) {
  const bytes = new TextEncoder().encode(secret);
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  current = { apiKey, key };
}

/** Called once the API took the key: the session then outlives a reload. */
export async function keep() {
  await store("readwrite", (kept) => kept.put(current, "current"));
}

export async function signOut() {
  current = null;
  await store("readwrite", (kept) => kept.delete("current"));
}

export function apiKey() {
  return current.apiKey;
}

function encode(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** A server-side token, valid for some minutes. */
export async function token() {
  const text = (value) => encode(new TextEncoder().encode(JSON.stringify(value)));
  const now = Math.floor(Date.now() / 1000);
  const signed = `${text({ alg: "HS256", typ: "JWT" })}.${text({ server: true, iat: now, exp: now + TOKEN_SECONDS })}`;
  const signature = await crypto.subtle.sign("HMAC", current.key, new TextEncoder().encode(signed));
  return `${signed}.${encode(new Uint8Array(signature))}`;
}
