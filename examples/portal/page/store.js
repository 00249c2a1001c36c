// The record of the login in this browser, and the tabs that share it. It has no token: see `login.js`.
//
// Storage may be full. Then the record is in the memory of this tab alone, and the page says so: the user
// stays signed in until the tab is reloaded or closed. A browser that blocks storage blocks cookies too, so
// nobody can sign in.
//
// A browser that needs memory discards hidden tabs: it ends their page without an event and without
// their locks, and loads it again later. So a hidden tab leaves a mark with the time, which it removes
// when it is closed or visible again. The mark of a discarded tab stays, and with it the session. So
// does that of a hidden tab that crashed: nothing tells them apart. A mark therefore counts for some
// hours only, and a tab that crashed while it was visible has none.

const RECORD = "portal.session";
const TAB = "portal.tab";
const MARK = "portal.tab.";
/** Whether the session has to be ended by the server as soon as that is reachable. */
const ENDING = "portal.ending";
/** How long the mark of a tab counts that ended without an event, in milliseconds: a working day. */
const MARK_TTL = 8 * 3600_000;

let isOpen = true;
let tab = `${Date.now()}-${Math.random()}`;
/** The record, if it can't be stored. */
let unstored = null;
/** Whether the session has to be ended, if that can't be stored. */
let isEndingUnstored = false;

/** Whether the session ends with this tab, since the record can't be stored. */
export const isVolatile = () => unstored !== null;

/** Whether this browser is signed out, but its session may not be. */
export const isEnding = () => isEndingUnstored || attempt(() => localStorage.getItem(ENDING)) !== null;

/** Marks the session as to be ended, or removes the mark. */
export function setEnding(isEnding) {
  const store = () => {
    if (isEnding) localStorage.setItem(ENDING, "");
    else localStorage.removeItem(ENDING);
    return true;
  };
  isEndingUnstored = attempt(store) === null && isEnding;
}

/** The record, or `null`. */
export function read() {
  const stored = unstored ?? attempt(() => JSON.parse(localStorage.getItem(RECORD)));
  return isEnd(stored) ? null : stored;
}

/** Stores the record, or keeps it in memory. */
export function write(record) {
  const text = JSON.stringify(record);
  const store = () => {
    localStorage.setItem(RECORD, text);
    return true;
  };
  // An old record that can't be replaced must not stay: its session is another one.
  const isStored = attempt(store) ?? (attempt(() => localStorage.removeItem(RECORD)), attempt(store));
  unstored = isStored ? null : record;
}

/** Deletes the record, and the marks of the tabs that used it; `why` is a code for the other tabs. */
export function remove(why = null) {
  unstored = null;
  // They learn the last value of what is deleted.
  if (why !== null && read()) attempt(() => localStorage.setItem(RECORD, JSON.stringify({ ended: why })));
  attempt(() => localStorage.removeItem(RECORD));
  for (const key of marks()) attempt(() => localStorage.removeItem(key));
}

/**
 * A change of the record in another tab, or `null`; `why` is the code with which it was deleted, if there is
 * one.
 */
export function changeOf({ key, oldValue, newValue }) {
  const parse = (text) => attempt(() => JSON.parse(text));
  // `null` is the key of a deletion of everything.
  if ((key !== RECORD && key !== null) || isEnd(parse(newValue))) return null;
  return { why: parse(oldValue)?.ended ?? null };
}

/** Whether a record is about to be deleted. */
const isEnd = (record) => record?.ended !== undefined;

/**
 * Opens this tab, and returns its name. `others` are the names of the open tabs, or `null` if the browser
 * doesn't say. Deletes the record, and marks the session as to be ended, if all tabs that used it were
 * closed, unless this one is reloaded or restored. So it does if the record was in the memory of a tab.
 */
export function openTab(others) {
  try {
    const known = sessionStorage.getItem(TAB);
    const isAlone = others?.length === 0;
    // A duplicated tab has a copy of the other one's storage. With the same mark, closing either would
    // count for both.
    if (known !== null) tab = others?.includes(known) ? tab : known;
    else if (isAlone && !marks().some(isRecent)) abandon();
    // Survives reloading, restoring and discarding the tab, but not closing it.
    sessionStorage.setItem(TAB, tab);
  } catch {
    // Blocked: no session can be opened.
  }
  if (read() === null && isFull()) setEnding(true);
  // Closing a tab hides it too, afterwards.
  addEventListener("pagehide", () => setOpen(false));
  addEventListener("pageshow", () => setOpen(true));
  document.addEventListener("visibilitychange", mark);
  return tab;
}

function abandon() {
  if (read() === null) return;
  // In this order: a tab that ends between both has not lost the session.
  setEnding(true);
  remove();
}

/** Whether there is no room for a record. */
function isFull() {
  const probe = () => {
    localStorage.setItem(ENDING + ".probe", "x".repeat(1000));
    localStorage.removeItem(ENDING + ".probe");
    return true;
  };
  return attempt(() => localStorage.length) !== null && attempt(probe) === null;
}

/** Marks this tab, while it is hidden, as one that uses the record. Call it from time to time. */
export function mark() {
  const isMarked = isOpen && document.visibilityState === "hidden" && read() !== null;
  const key = MARK + tab;
  attempt(() => (isMarked ? localStorage.setItem(key, Date.now()) : localStorage.removeItem(key)));
}

function setOpen(open) {
  isOpen = open;
  mark();
}

function marks() {
  return attempt(() => Object.keys(localStorage).filter((key) => key.startsWith(MARK))) ?? [];
}

/** Whether a mark counts, also if the clock was changed. */
function isRecent(key) {
  const time = Number(attempt(() => localStorage.getItem(key)));
  return Math.abs(Date.now() - time) < MARK_TTL;
}

/** The result, or `null` if the browser denies access to the storage, or if it is full. */
function attempt(access) {
  try {
    return access();
  } catch {
    return null;
  }
}
