// The login of this browser, which all tabs share, and its refresh.
//
// Where it is, and why:
// - The tokens are in cookies that no script can read (`HttpOnly`), and that the browser sends to this
//   server only. A script that got into this page could use the session while the page is open, but could
//   not take it away. No other script runs either: the Content-Security-Policy forbids it, and this page
//   never makes markup from text.
// - The record in `localStorage` says who is signed in, and when to refresh. It has no token.
// - It doesn't outlive the tabs: the first tab that opens ends the session, unless it was reloaded or
//   restored, or a hidden one ended in the last hours without being closed: it may have been discarded.
//   So closing the page signs the user out in this browser when the page is next opened, also if a tab
//   crashed that was visible, and after some hours if one crashed that was hidden.
// - No script can delete the cookies, so only the server can sign this browser out. If it is unreachable,
//   the record is deleted, and a mark stays until the server has ended the session: see `endPending`.
// - If the record can't be stored, it is in the memory of the tab: see `store.js`.
// - A tab refreshes under a lock. While stores synchronise, the server has a grace period: it returns the
//   same successor for a token that was used some seconds ago.

import { ApiError, connection, send } from "/page/http.js";
import * as store from "/page/store.js";

const TAB_LOCK = "portal.tab.";
const REFRESH_LOCK = "portal.refresh";

// In milliseconds. After each delay a hidden tab renews its mark, which counts for longer. And timers
// beyond 2 ** 31 - 1 fire immediately (HTML, 8.7).
const MAX_DELAY = 3600_000;

/** Dispatches `change` after a sign-in, a refresh or a sign-out, here or in another tab. */
export const changes = new EventTarget();

/** The record of the login, or `null`: `{ id, sessionId, user, refreshAt }`. Each refresh changes `id`. */
export const current = store.read;

/** Stores the record of a login or a refresh. */
export function keep(response) {
  const lifetime = response.expires_in * 1000;
  const record = {
    id: `${Date.now()}-${Math.random()}`,
    sessionId: response.session_id,
    user: response.user,
    // A minute before expiry, or a quarter of a short lifetime, by this machine's clock.
    refreshAt: Date.now() + lifetime - Math.min(60_000, lifetime / 4),
  };
  store.write(record);
  store.setEnding(false);
  dispatchChange();
  return record;
}

/** Deletes the record; `why` is the code of the error, if there was one. */
export function forget(why = null) {
  store.remove(why);
  dispatchChange(why);
}

/** Deletes the record, unless another tab has refreshed the session. */
export function forgetRejected(id, why) {
  if (current()?.id === id) forget(why);
}

/** Runs `work` while no other tab runs its own. */
export async function withLock(work) {
  let isStarted = false;
  const run = () => {
    isStarted = true;
    return work();
  };
  // Pages over plain HTTP have no locks, except from localhost; see above.
  if (!navigator.locks) return run();
  try {
    return await navigator.locks.request(REFRESH_LOCK, run);
  } catch (error) {
    // A browser that blocks storage rejects locks too.
    if (isStarted) throw error;
    return run();
  }
}

/** The record of a session that does not expire soon, or `null`. */
export async function validSession() {
  const record = current();
  if (!record || Date.now() < record.refreshAt) return record;
  return refreshSession(record.id);
}

/** The record with another `id` than `used`, or `null`. */
export function refreshSession(used) {
  return withLock(async () => {
    const record = current();
    // Another tab refreshed or signed out while this one waited.
    if (!record || record.id !== used) return record;
    try {
      return keep(await refresh());
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) forget(error.code);
      throw error;
    }
  });
}

/** Ends the session, or marks it as to be ended; resolves with whether the server has ended it. */
export function end() {
  return withLock(async () => {
    // For the case that this page is closed meanwhile.
    store.setEnding(true);
    const isEnded = await endMarked();
    // Before others have the lock: they would say that the session was ended elsewhere.
    forget();
    return isEnded;
  });
}

/** Ends the session of a browser that was signed out while the server was unreachable. */
export function endPending() {
  return store.isEnding() ? withLock(endMarked) : true;
}

/** Ends the session that is marked; resolves with whether that is done. Call it under the lock. */
export async function endMarked() {
  // Another tab has done it, or has signed in since.
  if (!store.isEnding()) return true;
  try {
    await endSession();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return false;
  }
  store.setEnding(false);
  return true;
}

async function endSession() {
  const logOut = () => send("POST", "/api/auth/logout");
  try {
    return await logOut();
  } catch (error) {
    if (error.status !== 401) throw error;
  }
  try {
    // The access token may have expired before the session.
    await refresh();
  } catch (error) {
    if (error.status === 401) return;
    throw error;
  }
  await logOut();
}

const refresh = () => send("POST", "/api/auth/refresh", { body: { cookies: true } });

/** Initialises the tab: ends the session of closed tabs, and schedules the refresh. */
export async function open() {
  holdLock(store.openTab(await openTabs()));
  store.mark();
  addEventListener("storage", (event) => {
    const change = store.changeOf(event);
    if (change) dispatchChange(current() ? null : (change.why ?? "signed_out"));
  });
  // Timers stand still while a machine or a tab sleeps.
  document.addEventListener("visibilitychange", schedule);
  connection.addEventListener("back", endPending);
  schedule();
  endPending();
}

/** The names of the open tabs, or `null` if the browser doesn't say. */
async function openTabs() {
  try {
    const { held } = await navigator.locks.query();
    const names = held.map(({ name }) => name).filter((name) => name.startsWith(TAB_LOCK));
    return names.map((name) => name.slice(TAB_LOCK.length));
  } catch {
    // Without locks.
    return null;
  }
}

/** Holds a lock with the name of this tab until it is closed. */
function holdLock(tab) {
  navigator.locks?.request(TAB_LOCK + tab, () => new Promise(() => {})).catch(() => {});
}

let timer;
let failures = 0;

/** Schedules the next refresh; failures back off, or wait as the server says. */
function schedule() {
  clearTimeout(timer);
  const record = current();
  if (record) refreshIn(record.refreshAt - Date.now());
}

/** Sets the timer. Before a refresh is due, it only sets it again. */
function refreshIn(delay) {
  clearTimeout(timer);
  timer = setTimeout(refreshWhenDue, Math.min(Math.max(0, delay), MAX_DELAY));
}

async function refreshWhenDue() {
  store.mark();
  try {
    await validSession();
    failures = 0;
    // Another tab may have refreshed.
    schedule();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (!current()) return;
    // Soon at first: if the response was lost, the server repeats it within its grace period.
    const wait = error.retryAfter ?? Math.min(60, 2 ** failures++);
    refreshIn(wait * 1000);
  }
}

function dispatchChange(why = null) {
  store.mark();
  schedule();
  changes.dispatchEvent(new CustomEvent("change", { detail: { why } }));
}
