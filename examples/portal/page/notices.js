// Notices at the foot of the page: completed actions, and the state of the connection.

import { connection, keepsCookies } from "/page/http.js";
import { messageFor } from "/page/messages.js";
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

/** Shows a notice while nobody can sign in, or while the record of the login can't be stored. */
export function showStorageNotice() {
  document.getElementById("storage").textContent = storageNotice();
}

function storageNotice() {
  if (!keepsCookies()) return messageFor({ code: "cookies_blocked" });
  if (!isVolatile()) return "";
  return "This browser does not let this page store data. Reloading or closing the page signs you out.";
}
