// Notices at the foot of the page: completed actions, and the state of the connection.

import { connection } from "/page/http.js";
import { isVolatile } from "/page/store.js";

// In milliseconds.
const NOTICE_DURATION = 6_000;

let timer;

/** Reports a completed action; screen readers announce it politely. */
export function notify(text) {
  const status = document.getElementById("status");
  clearTimeout(timer);
  status.textContent = text;
  timer = setTimeout(() => (status.textContent = ""), NOTICE_DURATION);
}

/** Shows a notice for as long as the server is unreachable. */
export function watchConnection() {
  const notice = document.getElementById("connection");
  connection.addEventListener("offline", () => {
    notice.textContent = "The connection to the server is lost. Trying again…";
  });
  connection.addEventListener("back", () => {
    notice.textContent = "";
    notify("Connected again.");
  });
}

/** Shows a notice while the session can't be stored. */
export function showStorageNotice() {
  document.getElementById("storage").textContent = isVolatile()
    ? "This browser does not let this page store data. Reloading or closing the page signs you out."
    : "";
}
