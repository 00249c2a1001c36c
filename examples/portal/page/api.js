// What the page asks of the API, as whoever is signed in.

import { Refusal, send } from "/page/http.js";
import * as tokens from "/page/tokens.js";

/** Tells `expired` when the password has to be changed before anything else. */
export const demands = new EventTarget();

// The access token no longer does, but a refresh may: also after the session has lapsed by time.
const RENEWABLE = ["token_expired", "token_invalid", "session_expired"];

/** Opens a session, and keeps its tokens. */
export async function signIn(username, password) {
  return tokens.exclusively(() => openSession(username, password));
}

/** Ends this session; resolves with whether the server was told. */
export async function signOut() {
  try {
    await tokens.fresh();
    await tokens.exclusively(async () => {
      const token = tokens.current()?.accessToken;
      if (token) await send("POST", "/api/auth/logout", { token });
    });
    return true;
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    // A session that is over already needs no end.
    return refusal.status === 401;
  } finally {
    tokens.forget();
  }
}

/** Ends all sessions of this user, this one too. */
export async function signOutEverywhere() {
  await call("POST", "/api/auth/logout-all");
  tokens.forget();
}

/**
 * Changes the password, and signs in with the new one; resolves with whether that worked.
 *
 * The server ends all other sessions then and takes no refresh token any more, so that this session
 * would end before long. No tab may try to renew in between: it would be refused for good.
 */
export async function changePassword(current, fresh) {
  const before = await tokens.fresh();
  return tokens.exclusively(async () => {
    const { accessToken, user } = tokens.current() ?? before;
    const body = { current_password: current, new_password: fresh };
    try {
      await send("POST", "/api/auth/password", { body, token: accessToken });
    } catch (refusal) {
      throw noted(refusal, accessToken);
    }
    try {
      await openSession(user.username, fresh);
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      tokens.forget();
      return false;
    }
    // It would lapse by itself, but would be in the list of sessions until then.
    await send("POST", "/api/auth/logout", { token: accessToken }).catch(ignoreRefusal);
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

async function openSession(username, password) {
  return tokens.keep(await send("POST", "/api/auth/login", { body: { username, password } }));
}

/** A request of the session's; where its access token has just ended, once more with the next. */
async function call(method, path, body) {
  const used = (await tokens.fresh())?.accessToken;
  try {
    return await send(method, path, { body, token: used });
  } catch (refusal) {
    if (!RENEWABLE.includes(refusal.code)) throw noted(refusal, used);
  }
  const token = (await tokens.renewed(used))?.accessToken;
  try {
    return await send(method, path, { body, token });
  } catch (refusal) {
    throw noted(refusal, token);
  }
}

/** Some refusals are about everything that would be asked next. */
function noted(refusal, token) {
  const { code } = refusal;
  if (code === "password_expired") demands.dispatchEvent(new Event("expired"));
  if (code === "account_disabled" || RENEWABLE.includes(code)) tokens.forgetRefused(token, code);
  return refusal;
}

function ignoreRefusal(refusal) {
  if (!(refusal instanceof Refusal)) throw refusal;
}

/** A query of those parameters that say something. */
function query(parameters) {
  const said = Object.entries(parameters).filter(([, value]) => value !== "" && value != null);
  return said.length ? `?${new URLSearchParams(said)}` : "";
}
