// The tokens of the session, which all tabs share, and their refresh.
//
// Where they are stored, and why:
// - There is one copy, in `localStorage`. A refresh token is used once, and reuse revokes the session.
//   Copies in the memory or the `sessionStorage` of each tab are outdated as soon as another tab
//   refreshes, and using one would end the session in all tabs.
// - An HttpOnly cookie would be safer, but this API accepts only bearer tokens, and therefore needs no
//   protection against cross-site request forgery.
// - Any script of this origin can read them. So no other script runs: the Content-Security-Policy
//   forbids it, and this page never makes markup from text.
// - They don't outlive the tabs: the first tab that opens deletes them, unless it was reloaded or
//   restored, or a hidden one ended in the last hours without being closed: it may have been discarded.
//   So closing the page signs the user out in this browser, also if a tab crashed that was visible, and
//   after some hours if one crashed that was hidden. Without locks (see below), it does not.
// - If they can't be stored, they are in the memory of the tab: see `store.js`.
// - A tab refreshes under a lock, and reads the token under it. For browsers without locks, and while
//   stores synchronise, the server has a grace period: it returns the same successor for a token that
//   was used some seconds ago.

import { ApiError, send } from "/page/http.js";
import * as store from "/page/store.js";

const TAB_LOCK = "portal.tab.";
const REFRESH_LOCK = "portal.refresh";

// In milliseconds. After each delay a hidden tab renews its mark, which counts for longer. And timers
// beyond 2 ** 31 - 1 fire immediately (HTML, 8.7).
const MAX_DELAY = 3600_000;

/** Dispatches `change` after a sign-in, a refresh or a sign-out, here or in another tab. */
export const changes = new EventTarget();

/** The stored session, or `null`. */
export const current = store.read;

/** Stores the tokens of a login or a refresh. */
export function keep(response) {
  const lifetime = response.expires_in * 1000;
  const record = {
    accessToken: response.access_token,
    refreshToken: response.refresh_token,
    sessionId: response.session_id,
    user: response.user,
    // A minute before expiry, or a quarter of a short lifetime, by this machine's clock.
    refreshAt: Date.now() + lifetime - Math.min(60_000, lifetime / 4),
  };
  store.write(record);
  dispatchChange();
  return record;
}

/** Deletes the tokens; `why` is the code of the error, if there was one. */
export function forget(why = null) {
  store.remove(why);
  dispatchChange(why);
}

/** Deletes the tokens, unless another tab has refreshed them. */
export function forgetRejected(accessToken, why) {
  if (current()?.accessToken === accessToken) forget(why);
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

/** The session with an access token that does not expire soon, or `null`. */
export async function validSession() {
  const record = current();
  if (!record || Date.now() < record.refreshAt) return record;
  return refreshSession(record.accessToken);
}

/** The session with another access token than `used`, or `null`. */
export function refreshSession(used) {
  return withLock(async () => {
    const record = current();
    // Another tab refreshed or signed out while this one waited.
    if (!record || record.accessToken !== used) return record;
    try {
      const body = { refresh_token: record.refreshToken };
      return keep(await send("POST", "/api/auth/refresh", { body }));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) forget(error.code);
      throw error;
    }
  });
}

/** Initialises the tab: deletes the tokens of closed tabs, and schedules the refresh. */
export async function open() {
  holdLock(store.openTab(await openTabs()));
  store.mark();
  addEventListener("storage", (event) => {
    const change = store.changeOf(event);
    if (change) dispatchChange(current() ? null : (change.why ?? "signed_out"));
  });
  // Timers stand still while a machine or a tab sleeps.
  document.addEventListener("visibilitychange", schedule);
  schedule();
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
