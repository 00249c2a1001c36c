// The session's record in this browser, and the tabs that share it.
//
// A browser may block storage, and storage may be full. Then the record is in the memory of this tab
// alone, and the page says so: the user stays signed in until the tab is reloaded or closed.
//
// A browser that needs memory discards tabs: it ends their page without an event and without their
// locks, and loads it again later. So a tab leaves a mark, which it removes when it is closed. The
// mark of a discarded tab stays, and with it the session.

const RECORD = "portal.session";
const TAB = "portal.tab";
const MARK = "portal.tab.";

let tab = `${Date.now()}-${Math.random()}`;
/** The record, if it can't be stored. */
let unstored = null;
let isBlocked = false;

/** Whether the session ends with this tab, since it can't be stored. */
export const isVolatile = () => isBlocked || unstored !== null;

/** The record, or `null`. */
export function read() {
  return unstored ?? attempt(() => JSON.parse(localStorage.getItem(RECORD)));
}

/** Stores the record, or keeps it in memory. */
export function write(record) {
  const text = JSON.stringify(record);
  const store = () => {
    localStorage.setItem(RECORD, text);
    return true;
  };
  // An old record that can't be replaced must not stay: its refresh token is used.
  const isStored = attempt(store) ?? (attempt(() => localStorage.removeItem(RECORD)), attempt(store));
  unstored = isStored ? null : record;
}

/** Deletes the record, and the marks of the tabs that used it. */
export function remove() {
  unstored = null;
  attempt(() => localStorage.removeItem(RECORD));
  for (const mark of marks()) attempt(() => localStorage.removeItem(mark));
}

/** Whether a change in another tab concerns the record; `null` is the key of a deletion of everything. */
export const isRecord = (key) => key === RECORD || key === null;

/**
 * Opens this tab, and returns its name. `others` are the names of the open tabs, or `null` if the browser
 * doesn't say. Deletes the record if all tabs that used it were closed, unless this one is reloaded or
 * restored.
 */
export function openTab(others) {
  try {
    const known = sessionStorage.getItem(TAB);
    const isAlone = others?.length === 0;
    // A duplicated tab has a copy of the other one's storage. With the same mark, closing either would
    // count for both.
    if (known !== null) tab = others?.includes(known) ? tab : known;
    else if (isAlone && marks().length === 0) localStorage.removeItem(RECORD);
    // Survives reloading, restoring and discarding the tab, but not closing it.
    sessionStorage.setItem(TAB, tab);
  } catch {
    isBlocked = true;
  }
  addEventListener("pagehide", () => attempt(() => localStorage.removeItem(MARK + tab)));
  addEventListener("pageshow", mark);
  return tab;
}

/** Marks this tab as one that uses the record. */
export function mark() {
  if (read()) attempt(() => localStorage.setItem(MARK + tab, ""));
}

function marks() {
  return attempt(() => Object.keys(localStorage).filter((key) => key.startsWith(MARK))) ?? [];
}

/** The result, or `null` if the browser denies access to the storage, or if it is full. */
function attempt(access) {
  try {
    return access();
  } catch {
    return null;
  }
}
