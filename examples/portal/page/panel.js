// What is loaded from the server into a view: shown when it is there, told when it is refused.

import { element, fill } from "/page/element.js";
import { failureNotice, wait } from "/page/form.js";
import { connection, Refusal } from "/page/http.js";

/**
 * A place whose content `show` makes of what `load` gets, as `{ element, reload }`.
 *
 * What is there stays until the next is. A refusal takes its place, with a button to try again; that
 * is done by itself after `Retry-After`, and when a lost connection is back.
 */
export function panel(load, show) {
  const place = element("div", { class: "panel" });

  async function reload() {
    place.setAttribute("aria-busy", "true");
    try {
      fill(place, show(await load()));
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      fill(place, refused(refusal));
    } finally {
      place.removeAttribute("aria-busy");
    }
  }

  function refused(refusal) {
    const button = element("button", { type: "button", click: again }, "Try again");
    function again() {
      if (!button.hasAttribute("aria-disabled")) reload();
    }
    // The view may be gone by then.
    const isHere = () => button.isConnected;
    if (refusal.retryAfter) wait(button, "Try again", refusal.retryAfter, () => isHere() && reload());
    if (refusal.code === "lost") {
      connection.addEventListener("back", () => isHere() && reload(), { once: true });
    }
    return [element("div", { class: "problem", role: "alert" }, failureNotice(refusal)), button];
  }

  reload();
  return { element: place, reload };
}
