// Forms: labelled fields, one submission at a time, and errors above the button.

import { element, fill, unique } from "/page/element.js";
import { ApiError } from "/page/http.js";
import { passwordReasons, messageFor } from "/page/messages.js";

/** A labelled field, as `{ element, input }`; passwords can be shown. */
export function field({ label, name, hint, rows, ...attributes }) {
  const [id, hintId] = [unique(name), hint && unique("hint")];
  const input = element(rows ? "textarea" : "input", {
    id,
    name,
    rows,
    "aria-describedby": hintId,
    autocapitalize: "none",
    spellcheck: "false",
    ...attributes,
  });
  const reveals = attributes.type === "password";
  return {
    input,
    element: element(
      "div",
      { class: "field" },
      element("label", { for: id }, label),
      reveals ? element("div", { class: "password" }, input, revealButton(input, label)) : input,
      hint && element("p", { id: hintId, class: "hint" }, hint),
    ),
  };
}

/** A choice, as `{ element, input }`. */
export function choice({ label, name, options }) {
  const id = unique(name);
  const made = options.map(([value, text]) => element("option", { value }, text));
  const input = element("select", { id, name }, made);
  return { input, element: element("div", { class: "field" }, element("label", { for: id }, label), input) };
}

/** A group of checkboxes, as `{ element, values }`. */
export function checkboxes({ legend, name, options }) {
  const inputs = options.map(([value, checked]) =>
    element("input", { type: "checkbox", id: unique(name), name, value, checked }),
  );
  const rows = inputs.map((input) =>
    element("div", { class: "box" }, input, element("label", { for: input.id }, input.value)),
  );
  return {
    element: element("fieldset", {}, element("legend", {}, legend), rows),
    values: () => inputs.filter((input) => input.checked).map((input) => input.value),
  };
}

/**
 * A form whose submission is `act`, one at a time.
 *
 * An error is shown above the button; `context` selects its message. The first field of
 * `invalidFields(error)` gets the focus. The button is disabled for the time of `Retry-After`.
 */
export function form({ label, content, action, context, act, invalidFields = () => [] }) {
  const problem = element("div", { role: "alert", class: "problem", id: unique("problem") });
  const button = element("button", { type: "submit", class: "primary" }, action);
  const made = element(
    "form",
    // If the script fails, no input ends up in an address.
    { method: "post", "aria-label": label, novalidate: true, submit },
    content,
    problem,
    element("div", { class: "actions" }, button),
  );

  async function submit(event) {
    event.preventDefault();
    if (button.hasAttribute("aria-disabled")) return;
    clear();
    const empty = made.querySelector("[required]:invalid");
    if (empty) return showProblem("Please fill in this field.", [empty]);
    // It keeps the focus, as a disabled button would not.
    button.setAttribute("aria-disabled", "true");
    try {
      await act();
      button.removeAttribute("aria-disabled");
    } catch (error) {
      button.removeAttribute("aria-disabled");
      if (!(error instanceof ApiError)) throw error;
      showProblem(failureNotice(error, context), invalidFields(error));
      if (error.retryAfter) wait(button, action, error.retryAfter);
    }
  }

  function clear() {
    fill(problem);
    for (const input of made.querySelectorAll("[aria-invalid]")) {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-errormessage");
    }
  }

  function showProblem(text, inputs) {
    fill(problem, text);
    for (const input of inputs) {
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-errormessage", problem.id);
    }
    inputs[0]?.focus();
  }

  return { element: made, fail: showProblem };
}

/** The message of an error, with the reasons if a password is rejected. */
export function failureNotice(error, context) {
  const reasons = passwordReasons(error.reasons);
  return [
    element("p", {}, messageFor(error, context)),
    reasons.length > 0 && element("ul", {}, reasons.map((reason) => element("li", {}, reason))),
  ];
}

/** Disables a button for some seconds, and shows how many are left. */
export function wait(button, text, seconds, done = () => {}) {
  const until = Date.now() + seconds * 1000;
  button.setAttribute("aria-disabled", "true");
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left > 0) {
      fill(button, text, element("span", { "aria-hidden": "true", class: "countdown" }, ` ${left} s`));
      return setTimeout(tick, 250);
    }
    fill(button, text);
    button.removeAttribute("aria-disabled");
    return done();
  };
  tick();
}

function revealButton(input, label) {
  const button = element(
    "button",
    { type: "button", class: "quiet reveal", "aria-pressed": "false", "aria-label": `Show ${label.toLowerCase()}`, click },
    "Show",
  );
  function click() {
    const isShown = input.type === "text";
    input.type = isShown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!isShown));
  }
  return button;
}
