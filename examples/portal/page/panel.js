// A part of a view that is loaded from the server, or shows why it could not be.

import { element, fill } from "/page/element.js";
import { failureNotice, wait } from "/page/form.js";
import { connection, ApiError } from "/page/http.js";

/**
 * An element whose content `show` makes from the result of `load`, as `{ element, reload }`.
 *
 * The content stays until the next has loaded. An error replaces it, with a button to retry. It also
 * retries by itself after `Retry-After`, and when the server is reachable again.
 */
export function panel(load, show) {
  const container = element("div", { class: "panel" });

  async function reload() {
    container.setAttribute("aria-busy", "true");
    try {
      fill(container, show(await load()));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fill(container, failure(error));
    } finally {
      container.removeAttribute("aria-busy");
    }
  }

  function failure(error) {
    const button = element("button", { type: "button", click: retry }, "Try again");
    function retry() {
      if (!button.hasAttribute("aria-disabled")) reload();
    }
    // The view may have been closed meanwhile.
    const isShown = () => button.isConnected;
    if (error.retryAfter) wait(button, "Try again", error.retryAfter, () => isShown() && reload());
    if (error.code === "offline") {
      connection.addEventListener("back", () => isShown() && reload(), { once: true });
    }
    return [element("div", { class: "problem", role: "alert" }, failureNotice(error)), button];
  }

  reload();
  return { element: container, reload };
}
