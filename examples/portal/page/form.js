// Forms: labelled fields, one submission at a time, and refusals told beside what they are about.

import { element, fill, unique } from "/page/element.js";
import { Refusal } from "/page/http.js";
import { reasonWords, words } from "/page/messages.js";

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

/** Boxes to tick, as `{ element, values }`. */
export function boxes({ legend, name, options }) {
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
 * A refusal is told above the button, `place` says where for the words of it, and the first field of
 * `blamed(refusal)` takes the focus. After `Retry-After` the button waits.
 */
export function form({ label, content, action, place, act, blamed = () => [] }) {
  const problem = element("div", { role: "alert", class: "problem", id: unique("problem") });
  const button = element("button", { type: "submit", class: "primary" }, action);
  const made = element(
    "form",
    // Should the script fail, nothing that was typed is put into an address.
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
    if (empty) return tellOf("Please fill in this field.", [empty]);
    // It keeps the focus, as a disabled button would not.
    button.setAttribute("aria-disabled", "true");
    try {
      await act();
      button.removeAttribute("aria-disabled");
    } catch (refusal) {
      button.removeAttribute("aria-disabled");
      if (!(refusal instanceof Refusal)) throw refusal;
      tellOf(failureNotice(refusal, place), blamed(refusal));
      if (refusal.retryAfter) wait(button, action, refusal.retryAfter);
    }
  }

  function clear() {
    fill(problem);
    for (const input of made.querySelectorAll("[aria-invalid]")) {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-errormessage");
    }
  }

  function tellOf(text, inputs) {
    fill(problem, text);
    for (const input of inputs) {
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-errormessage", problem.id);
    }
    inputs[0]?.focus();
  }

  return { element: made, fail: tellOf };
}

/** What a refusal says, with the reasons where a password is rejected. */
export function failureNotice(refusal, place) {
  const reasons = reasonWords(refusal.reasons);
  return [
    element("p", {}, words(refusal, place)),
    reasons.length > 0 && element("ul", {}, reasons.map((reason) => element("li", {}, reason))),
  ];
}

/** Keeps a button from being used for some seconds, and shows how many are left. */
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
