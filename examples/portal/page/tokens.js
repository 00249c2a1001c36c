// The tokens of the session, which all tabs share, and their renewal.
//
// Where they are kept, and why there:
// - There is one copy, in `localStorage`. A refresh token is used once, and a second use ends the
//   session as stolen. Copies in the memory or the `sessionStorage` of each tab go stale as soon as
//   another tab renews: a tab that slept through that would sign everybody out.
// - A cookie that scripts can't read would be safer still, but this API takes bearer tokens alone,
//   and so needs no defence against forged requests of other sites.
// - Any script of this origin could read them, wherever they were: so there is none but ours. The
//   Content-Security-Policy lets no other run, and nothing here makes markup out of text.
// - They don't outlive the tabs: what is found by the first tab that opens is thrown away, unless
//   that tab is one that was reloaded or restored. Who closes the page is signed out here.
// - Whoever renews holds a lock, and reads the token under it. Browsers without locks, and stores
//   that lag behind for a moment, are covered by the server: for some seconds it answers the token
//   that was just spent with the same successor.

import { Refusal, send } from "/page/http.js";

const RECORD = "portal.session";
const TAB = "portal.tab";
const RENEWAL = "portal.renewal";

/** Tells `change` when somebody signs in, is renewed or is signed out, here or in another tab. */
export const changes = new EventTarget();

/** What is known of the session, or `null`. */
export function current() {
  try {
    return JSON.parse(localStorage.getItem(RECORD));
  } catch {
    return null;
  }
}

/** Keeps the tokens of a login or a refresh. */
export function keep(answer) {
  const lifetime = answer.expires_in * 1000;
  const record = {
    accessToken: answer.access_token,
    refreshToken: answer.refresh_token,
    sessionId: answer.session_id,
    user: answer.user,
    // A minute before the end, or a quarter of a short life; by this machine's clock alone.
    renewAt: Date.now() + lifetime - Math.min(60_000, lifetime / 4),
  };
  localStorage.setItem(RECORD, JSON.stringify(record));
  tell();
  return record;
}

/** Forgets the tokens; `why` is the code of the refusal, if there was one. */
export function forget(why = null) {
  localStorage.removeItem(RECORD);
  tell(why);
}

/** Forgets the tokens, unless another tab has others by now. */
export function forgetRefused(accessToken, why) {
  if (current()?.accessToken === accessToken) forget(why);
}

/** Does something that no other tab does meanwhile. */
export function exclusively(work) {
  // Pages that came over plain HTTP from elsewhere have no locks; see above.
  return navigator.locks ? navigator.locks.request(RENEWAL, work) : work();
}

/** The session with an access token that goes on for a while, or `null`. */
export async function fresh() {
  const record = current();
  if (!record || Date.now() < record.renewAt) return record;
  return renewed(record.accessToken);
}

/** The session with another access token than the one that was used, or `null`. */
export function renewed(used) {
  return exclusively(async () => {
    const record = current();
    // While this tab waited, another one renewed, or signed out.
    if (!record || record.accessToken !== used) return record;
    try {
      const body = { refresh_token: record.refreshToken };
      return keep(await send("POST", "/api/auth/refresh", { body }));
    } catch (refusal) {
      if (refusal instanceof Refusal && refusal.status === 401) forget(refusal.code);
      throw refusal;
    }
  });
}

/** Makes ready, once per tab: forgets what is left of tabs that were closed, and starts renewing. */
export async function open() {
  if (navigator.locks) {
    const { held } = await navigator.locks.query();
    const isAlone = !held.some(({ name }) => name === TAB);
    if (isAlone && sessionStorage.getItem(TAB) === null) localStorage.removeItem(RECORD);
    // Held, together with all other tabs, until this one is closed.
    navigator.locks.request(TAB, { mode: "shared" }, () => new Promise(() => {}));
  }
  // Stays when the tab is reloaded or restored, and goes when it is closed.
  sessionStorage.setItem(TAB, "open");
  addEventListener("storage", ({ key }) => {
    if (key === RECORD || key === null) tell(current() ? null : "signed_out");
  });
  // Timers stand still while a machine or a tab sleeps.
  document.addEventListener("visibilitychange", schedule);
  schedule();
}

let timer;
let failures = 0;

/** Renews when it is time; after failures later and later, and when the server says. */
function schedule() {
  clearTimeout(timer);
  const record = current();
  if (record) timer = setTimeout(renewInTime, Math.max(0, record.renewAt - Date.now()));
}

async function renewInTime() {
  try {
    await fresh();
    failures = 0;
    // Also where another tab was the one to renew.
    schedule();
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    if (!current()) return;
    // Soon at first: if it was the answer that got lost, the server repeats it for some seconds.
    const wait = refusal.retryAfter ?? Math.min(60, 2 ** failures++);
    timer = setTimeout(renewInTime, wait * 1000);
  }
}

function tell(why = null) {
  schedule();
  changes.dispatchEvent(new CustomEvent("change", { detail: { why } }));
}
