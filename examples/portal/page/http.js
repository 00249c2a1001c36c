// Requests to the server, and what they come to: an answer, or a refusal with a code.

/** Tells `lost` when the server can't be reached, and `back` when it answers again. */
export const connection = new EventTarget();

// Longer than the server takes to give up, so that it is the one to say why.
const PATIENCE = 40_000;
const PROBE_EVERY = 2_000;

let isLost = false;

/** Why a request came to nothing: a code of the server's, or `lost` or `unintelligible`. */
export class Refusal extends Error {
  /** @param {{code: string, status?: number, reasons?: object[], retryAfter?: number}} what */
  constructor({ code, status = 0, reasons = [], retryAfter = null }) {
    super(code);
    Object.assign(this, { name: "Refusal", code, status, reasons, retryAfter });
  }
}

/** Sends a request; resolves with the JSON of the answer, or `null` where there is none. */
export async function send(method, path, { body, token } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  let response, text;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      // The token says who asks. Nothing that the browser adds by itself does.
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
    });
    text = await response.text();
  } catch {
    lose();
    throw new Refusal({ code: "lost" });
  }
  find();
  if (response.ok) return read(text, response);
  throw refusal(response, text);
}

function read(text, response) {
  if (response.status === 204 || text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal({ code: "unintelligible", status: response.status });
  }
}

function refusal(response, text) {
  let problem = {};
  try {
    problem = JSON.parse(text);
  } catch {
    // A proxy in between answers in words of its own; its status has to do.
  }
  const isAway = [502, 503, 504].includes(response.status);
  return new Refusal({
    code: problem?.code ?? (isAway ? "unavailable" : "unintelligible"),
    status: response.status,
    reasons: problem?.reasons ?? [],
    retryAfter: seconds(response.headers.get("Retry-After")),
  });
}

/** `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3). */
function seconds(value) {
  if (value === null) return null;
  if (/^\d+$/.test(value)) return Number(value);
  const until = (Date.parse(value) - Date.now()) / 1000;
  return Number.isNaN(until) ? null : Math.max(1, Math.ceil(until));
}

function lose() {
  if (isLost) return;
  isLost = true;
  connection.dispatchEvent(new Event("lost"));
  setTimeout(probe, PROBE_EVERY);
}

function find() {
  if (!isLost) return;
  isLost = false;
  connection.dispatchEvent(new Event("back"));
}

/** Any answer will do: also one that says the store is down. */
async function probe() {
  if (!isLost) return;
  try {
    await fetch("/api/health", { cache: "no-store", signal: AbortSignal.timeout(PROBE_EVERY * 5) });
    find();
  } catch {
    setTimeout(probe, PROBE_EVERY);
  }
}

// A browser that knows it is offline says so before any request fails.
addEventListener("offline", lose);
