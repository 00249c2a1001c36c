// The events of the server for this session: its end, its roles, and the audit log.
//
// A visible tab has a stream, and a hidden one has none: a browser opens six connections to a server over
// HTTP/1.1, and the tabs of this page would soon have them all. When a session ends, the other tabs learn it
// from the storage. When a tab is shown again, its stream continues where it was.

import { authEvents, openEvents } from "/page/api.js";
import { eventParser } from "/page/event_stream.js";
import { ApiError, connection } from "/page/http.js";
import * as login from "/page/login.js";

/**
 * Dispatches the events of the server with their data in `detail`: `roles`, `roles-changed`, `audit` and
 * `audit-missed`.
 */
export const liveEvents = new EventTarget();

// In milliseconds. The server sends a comment each 15 seconds.
const SILENCE_TIMEOUT = 40_000;
const MAX_BACKOFF = 60_000;

/** The session can't be used again. */
const FINAL = ["session_ended", "account_disabled"];

/** The stream, as `{ sessionId, close }`; `null` if there is none. */
let open = null;
/** What the user who is signed in has received, for the next stream. */
let received = { username: null, id: null };

/** Follows the events while this tab is visible and has a session. */
export function followEvents() {
  login.changes.addEventListener("change", update);
  document.addEventListener("visibilitychange", update);
  addEventListener("pagehide", close);
  addEventListener("pageshow", update);
  update();
}

/** Calls `handle` with the data of each event of this type, as long as the element is shown. */
export function listenWhileShown(element, type, handle) {
  const listener = ({ detail }) => {
    if (element.isConnected) handle(detail);
    else liveEvents.removeEventListener(type, listener);
  };
  liveEvents.addEventListener(type, listener);
}

function update() {
  const record = login.current();
  const isWanted = record !== null && document.visibilityState === "visible";
  if (isWanted && open?.sessionId === record.sessionId) return;
  close();
  if (record?.user.username !== received.username) {
    received = { username: record?.user.username ?? null, id: null };
  }
  if (!isWanted) return;
  const controller = new AbortController();
  const stream = { sessionId: record.sessionId, close: () => controller.abort() };
  open = stream;
  follow(record.sessionId, controller.signal).finally(() => {
    if (open === stream) open = null;
  });
}

function close() {
  open?.close();
  open = null;
}

/** Opens a stream again and again, until it is closed or can't be opened any more. */
async function follow(sessionId, signal) {
  let failures = 0;
  while (!signal.aborted) {
    try {
      const { code, retry } = await receive(signal, () => (failures = 0));
      if (FINAL.includes(code)) return end(sessionId, code);
      if (code === "password_expired") return authEvents.dispatchEvent(new Event("expired"));
      await pause(retry ?? backoff(failures++), signal);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // The errors that concern all requests have been handled.
      if ([400, 401, 403, 404].includes(error.status)) return;
      const wait = error.retryAfter ? error.retryAfter * 1000 * (1 + Math.random()) : backoff(failures++);
      await pause(wait, signal);
    }
  }
}

/** Dispatches the events of one stream; resolves with why it has ended, if the server has said it. */
async function receive(signal, opened) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  signal.addEventListener("abort", abort);
  let timer = setTimeout(abort, SILENCE_TIMEOUT);
  let ended = {};
  const parse = eventParser(({ type, data, id, retry }) => {
    if (id !== null) received.id = id;
    if (type === "session-ended") ended = { code: data, retry };
    else if (data !== null) liveEvents.dispatchEvent(new CustomEvent(type, { detail: JSON.parse(data) }));
  });
  try {
    const response = await openEvents(received.id, controller.signal);
    opened();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read().catch(() => ({ done: true }));
      // What was received before it was closed, concerns a page that is gone.
      if (done || signal.aborted) return ended;
      clearTimeout(timer);
      timer = setTimeout(abort, SILENCE_TIMEOUT);
      parse(value);
    }
  } finally {
    clearTimeout(timer);
    controller.abort();
    signal.removeEventListener("abort", abort);
  }
}

/** Signs out, unless this tab or another one does it at the moment, or has another session already. */
function end(sessionId, code) {
  return login.withLock(() => {
    if (login.current()?.sessionId === sessionId) login.forget(code);
  });
}

/** Clients that lose their streams at the same time do not come back at the same time. */
function backoff(failures) {
  return Math.min(MAX_BACKOFF, 1000 * 2 ** failures) * (0.5 + Math.random() / 2);
}

/** Waits, but not while the server is known to be reachable again. */
function pause(delay, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      connection.removeEventListener("back", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, delay);
    connection.addEventListener("back", done);
    signal.addEventListener("abort", done);
  });
}
