// The calls of the API, as the user who is signed in.

import { ApiError, keepsCookies, openStream, send } from "/page/http.js";
import * as login from "/page/login.js";

/** Dispatches `expired` when the password must be changed before any other call. */
export const authEvents = new EventTarget();

// The access token is not accepted, but a refresh may work, even after the session has expired.
const REFRESHABLE = ["token_expired", "token_invalid", "session_expired"];

/** Opens a session, whose tokens are in cookies. */
export async function signIn(username, password) {
  if (!keepsCookies()) throw new ApiError({ code: "cookies_blocked" });
  return login.withLock(async () => {
    // The cookies of the former session are replaced also if the server can't end it now.
    await login.endMarked();
    return openSession(username, password);
  });
}

/** Ends this session; resolves with whether the server has ended it. */
export const signOut = () => login.end();

/** Ends all sessions of this user, including this one. The lock as for a sign-out: see `live_events.js`. */
export async function signOutEverywhere() {
  await login.validSession();
  await login.withLock(async () => {
    const id = login.current()?.id;
    try {
      await send("POST", "/api/auth/logout-all");
    } catch (error) {
      throw handleAuthError(error, id);
    }
    login.forget();
  });
}

/**
 * Changes the password, and signs in with the new one; resolves with whether that worked.
 *
 * The server then ends all sessions, including this one, whose cookies it removes. The lock keeps other
 * tabs from refreshing meanwhile.
 */
export async function changePassword(current, next) {
  const before = await login.validSession();
  return login.withLock(async () => {
    const { id, user } = login.current() ?? before;
    const body = { current_password: current, new_password: next };
    try {
      await send("POST", "/api/auth/password", { body });
    } catch (error) {
      throw handleAuthError(error, id);
    }
    try {
      await openSession(user.username, next);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      login.forget();
      return false;
    }
    return true;
  });
}

export const whoami = () => call("GET", "/api/whoami");
export const sessions = () => call("GET", "/api/session");
export const endSession = (id) => call("DELETE", `/api/session/${id}`);
export const registerAgent = (session, key) =>
  call("POST", `/api/session/${session}/register-agent`, { public_key: key });

export const users = (after, limit) => call("GET", `/api/admin/users${query({ after, limit })}`);
export const createUser = (user) => call("POST", "/api/admin/users", user);
export const updateUser = (id, change) => call("PATCH", `/api/admin/users/${id}`, change);
export const unlockUser = (id) => call("POST", `/api/admin/users/${id}/unlock`);
export const endSessionsOf = (id) => call("DELETE", `/api/admin/users/${id}/sessions`);
export const audit = (filter) => call("GET", `/api/admin/audit${query(filter)}`);
/** Opens the stream of events of this session, after the one with this id. */
export const openEvents = (lastEventId, signal) =>
  withSession(() => openStream("/api/session/events", { lastEventId, signal }));

async function openSession(username, password) {
  // `portal unlock --device` prints a link with a device token for a throttled user.
  const device = location.hash.match(/^#device=([\w-]{43})$/)?.[1];
  const body = { username, password, cookies: true };
  return login.keep(await send("POST", "/api/auth/login", { body, device }));
}

const call = (method, path, body) => withSession(() => send(method, path, { body }));

/** Sends a request of the session, and repeats it once if the access token has just expired. */
async function withSession(request) {
  const used = (await login.validSession())?.id;
  try {
    return await request();
  } catch (error) {
    if (!REFRESHABLE.includes(error.code)) throw handleAuthError(error, used);
  }
  const id = (await login.refreshSession(used))?.id;
  try {
    return await request();
  } catch (error) {
    throw handleAuthError(error, id);
  }
}

/** Handles the errors that concern all further requests. */
function handleAuthError(error, id) {
  const { code } = error;
  if (code === "password_expired") authEvents.dispatchEvent(new Event("expired"));
  if (code === "account_disabled" || REFRESHABLE.includes(code)) login.forgetRejected(id, code);
  return error;
}

/** A query string of the parameters that have a value. */
function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value != null);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}
