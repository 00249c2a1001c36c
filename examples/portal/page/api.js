// The calls of the API, with the access token of the user who is signed in.

import { ApiError, openStream, send } from "/page/http.js";
import * as tokens from "/page/tokens.js";

/** Dispatches `expired` when the password must be changed before any other call. */
export const authEvents = new EventTarget();

// The access token is not accepted, but a refresh may work, even after the session has expired.
const REFRESHABLE = ["token_expired", "token_invalid", "session_expired"];

/** Opens a session, and keeps its tokens. */
export async function signIn(username, password) {
  return tokens.withLock(() => openSession(username, password));
}

/** Ends this session; resolves with whether the server received the request. */
export async function signOut() {
  try {
    await tokens.validSession();
    await tokens.withLock(async () => {
      const token = tokens.current()?.accessToken;
      if (token) await send("POST", "/api/auth/logout", { token });
      // Before others have the lock: they would say that the session was ended elsewhere.
      tokens.forget();
    });
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // The session has already ended.
    return error.status === 401;
  } finally {
    tokens.forget();
  }
}

/** Ends all sessions of this user, including this one. The lock as for a sign-out: see `live_events.js`. */
export async function signOutEverywhere() {
  await tokens.validSession();
  await tokens.withLock(async () => {
    const token = tokens.current()?.accessToken;
    try {
      await send("POST", "/api/auth/logout-all", { token });
    } catch (error) {
      throw handleAuthError(error, token);
    }
    tokens.forget();
  });
}

/**
 * Changes the password, and signs in with the new one; resolves with whether that worked.
 *
 * The server then ends all other sessions and revokes all refresh tokens, so this session could not
 * be refreshed. The lock keeps other tabs from trying meanwhile.
 */
export async function changePassword(current, next) {
  const before = await tokens.validSession();
  return tokens.withLock(async () => {
    const { accessToken, user } = tokens.current() ?? before;
    const body = { current_password: current, new_password: next };
    try {
      await send("POST", "/api/auth/password", { body, token: accessToken });
    } catch (error) {
      throw handleAuthError(error, accessToken);
    }
    try {
      await openSession(user.username, next);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      tokens.forget();
      return false;
    }
    // It would expire by itself, but would stay in the list of sessions until then.
    await send("POST", "/api/auth/logout", { token: accessToken }).catch(ignoreApiError);
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
  withToken((token) => openStream("/api/session/events", { token, lastEventId, signal }));

async function openSession(username, password) {
  // `portal unlock --device` prints a link with a device token for a throttled user.
  const device = location.hash.match(/^#device=([\w-]{43})$/)?.[1];
  return tokens.keep(await send("POST", "/api/auth/login", { body: { username, password }, device }));
}

const call = (method, path, body) => withToken((token) => send(method, path, { body, token }));

/** Sends a request of the session, and repeats it once if the access token has just expired. */
async function withToken(request) {
  const used = (await tokens.validSession())?.accessToken;
  try {
    return await request(used);
  } catch (error) {
    if (!REFRESHABLE.includes(error.code)) throw handleAuthError(error, used);
  }
  const token = (await tokens.refreshSession(used))?.accessToken;
  try {
    return await request(token);
  } catch (error) {
    throw handleAuthError(error, token);
  }
}

/** Handles the errors that concern all further requests. */
function handleAuthError(error, token) {
  const { code } = error;
  if (code === "password_expired") authEvents.dispatchEvent(new Event("expired"));
  if (code === "account_disabled" || REFRESHABLE.includes(code)) tokens.forgetRejected(token, code);
  return error;
}

function ignoreApiError(error) {
  if (!(error instanceof ApiError)) throw error;
}

/** A query string of the parameters that have a value. */
function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value != null);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}
