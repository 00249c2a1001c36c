// Requests to the server, which resolve with the response or reject with an `ApiError`.

/** Dispatches `offline` when the server is unreachable, and `back` when it responds again. */
export const connection = new EventTarget();

// In milliseconds; longer than the server's own time-out, so that the server's error is shown.
const REQUEST_TIMEOUT = 40_000;
const PROBE_INTERVAL = 2_000;

let isOffline = false;

/** Why a request failed: a code of the server, or `offline` or `invalid_response`. */
export class ApiError extends Error {
  /** @param {{code: string, status?: number, reasons?: object[], retryAfter?: number}} error */
  constructor({ code, status = 0, reasons = [], retryAfter = null }) {
    super(code);
    Object.assign(this, { name: "ApiError", code, status, reasons, retryAfter });
  }
}

/** Sends a request; resolves with the JSON of the response, or `null` if it has no body. */
export async function send(method, path, { body, device } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (device) headers["X-Device-Token"] = device;
  let response, text;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      // The cookies authenticate the request.
      credentials: "same-origin",
      redirect: "error",
      signal: AbortSignal.timeout(REQUEST_TIMEOUT),
    });
    text = await response.text();
  } catch {
    markOffline();
    throw new ApiError({ code: "offline" });
  }
  markOnline();
  if (response.ok) return read(text, response);
  throw apiError(response, text);
}

/**
 * Opens a stream of events after the one with this id; resolves with the response. `signal` closes it, and
 * ends it if the server is silent.
 */
export async function openStream(path, { lastEventId, signal }) {
  const headers = { Accept: "text/event-stream" };
  if (lastEventId !== null) headers["Last-Event-ID"] = lastEventId;
  let response, text;
  try {
    const options = { cache: "no-store", credentials: "same-origin", redirect: "error" };
    response = await fetch(path, { headers, signal, ...options });
    text = response.ok ? "" : await response.text();
  } catch {
    if (!signal.aborted) markOffline();
    throw new ApiError({ code: "offline" });
  }
  markOnline();
  if (response.ok) return response;
  throw apiError(response, text);
}

/** Whether the browser keeps the cookies of a session: over HTTPS, and from the local machine, unless it blocks them. */
export function keepsCookies() {
  const name = "__Host-portal-probe";
  const set = (maxAge) => (document.cookie = `${name}=1; Path=/; Secure; SameSite=Strict; Max-Age=${maxAge}`);
  set(60);
  const isKept = document.cookie.includes(name);
  set(0);
  return isKept;
}

function read(text, response) {
  if (response.status === 204 || text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError({ code: "invalid_response", status: response.status });
  }
}

function apiError(response, text) {
  let problem = {};
  try {
    problem = JSON.parse(text);
  } catch {
    // A proxy responds without a code, so its status must do.
  }
  const isUnavailable = [502, 503, 504].includes(response.status);
  return new ApiError({
    code: problem?.code ?? (isUnavailable ? "unavailable" : "invalid_response"),
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

function markOffline() {
  if (isOffline) return;
  isOffline = true;
  connection.dispatchEvent(new Event("offline"));
  setTimeout(probe, PROBE_INTERVAL);
}

function markOnline() {
  if (!isOffline) return;
  isOffline = false;
  connection.dispatchEvent(new Event("back"));
}

/** Checks for any response, even an error such as an unavailable store. */
async function probe() {
  if (!isOffline) return;
  try {
    await fetch("/api/health", { cache: "no-store", signal: AbortSignal.timeout(PROBE_INTERVAL * 5) });
    markOnline();
  } catch {
    setTimeout(probe, PROBE_INTERVAL);
  }
}

// The browser may know that it is offline before any request fails.
addEventListener("offline", markOffline);
