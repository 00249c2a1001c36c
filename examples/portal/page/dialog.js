// Dialogs: confirmations of what can't be undone, and forms on top of a view.

import { element, fill, unique } from "/page/element.js";
import { failureNotice } from "/page/form.js";
import { ApiError } from "/page/http.js";

/** Opens a dialog of this heading over the page; `content` gets a function that closes it. */
export function openDialog(heading, content) {
  const id = unique("dialog");
  const dialog = element("dialog", { "aria-labelledby": id, close: () => dialog.remove() });
  const close = () => dialog.close();
  const head = element(
    "header",
    {},
    element("h2", { id }, heading),
    element("button", { type: "button", class: "quiet close", "aria-label": "Close", click: close }, "✕"),
  );
  fill(dialog, head, content(close));
  // A click outside closes it, as the Escape key does, but not a drag that ends there.
  dialog.addEventListener("mousedown", ({ target }) => target === dialog && close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Asks for confirmation, runs `act`, closes and runs `done`. The dialog stays open and shows errors. */
export function confirm({ heading, text, action, act, done = () => {} }) {
  openDialog(heading, (close) => {
    const problem = element("div", { role: "alert", class: "problem" });
    const button = element("button", { type: "button", class: "danger", click: run }, action);
    let isBusy = false;

    async function run() {
      if (isBusy) return;
      isBusy = true;
      button.setAttribute("aria-disabled", "true");
      try {
        const outcome = await act();
        close();
        await done(outcome);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        fill(problem, failureNotice(error));
      } finally {
        isBusy = false;
        button.removeAttribute("aria-disabled");
      }
    }

    const cancel = element("button", { type: "button", autofocus: true, click: close }, "Cancel");
    return [element("p", {}, text), problem, element("div", { class: "actions" }, cancel, button)];
  });
}
