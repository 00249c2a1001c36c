// What is told at the foot of the page: what was done, and whether the server can be reached.

import { connection } from "/page/http.js";

const STAYS = 6_000;

let timer;

/** Tells that something was done; screen readers say it when they have nothing else to say. */
export function tell(text) {
  const status = document.getElementById("status");
  clearTimeout(timer);
  status.textContent = text;
  timer = setTimeout(() => (status.textContent = ""), STAYS);
}

/** Tells when the connection is lost, for as long as it is. */
export function watchConnection() {
  const notice = document.getElementById("connection");
  connection.addEventListener("lost", () => {
    notice.textContent = "The connection to the server is lost. Trying again…";
  });
  connection.addEventListener("back", () => {
    notice.textContent = "";
    tell("Connected again.");
  });
}
