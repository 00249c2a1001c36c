// Changing the password.

import { changePassword } from "/page/api.js";
import { element, title } from "/page/element.js";
import { field, form } from "/page/form.js";
import { notify } from "/page/notices.js";

/** The form; `expired` if the password must be changed before anything else. */
export function passwordView({ caller, expired = false, signedOut }) {
  const password = (label, name, autocomplete, hint) =>
    field({ label, name, autocomplete, hint, type: "password", required: true });
  const current = password("Current password", "current_password", "current-password");
  const next = password(
    "New password",
    "new_password",
    "new-password",
    "At least 8 characters of any kind. A few words that don’t belong together do well.",
  );
  const again = password("New password again", "new_password_again", "new-password");
  const inputs = [current.input, next.input, again.input];

  const made = form({
    label: "Change password",
    context: "password",
    content: [
      // Password managers look for the user name.
      element("input", { type: "text", name: "username", autocomplete: "username", value: caller.username, hidden: true }),
      current.element,
      next.element,
      again.element,
    ],
    action: "Change password",
    invalidFields: ({ code }) =>
      ({ current_password_wrong: [current.input], password_rejected: [next.input] })[code] ?? [],
    act: async () => {
      if (next.input.value !== again.input.value) {
        return made.fail("The new passwords differ. Please type the second one again.", [again.input]);
      }
      const isSignedIn = await changePassword(current.input.value, next.input.value);
      for (const input of inputs) input.value = "";
      if (!isSignedIn) return signedOut("Your password is changed. Please sign in with the new one.");
      return notify("Your password is changed. All other sessions are ended.");
    },
  });

  return element(
    "section",
    { class: "narrow" },
    title(expired ? "Your password has expired" : "Change password"),
    element(
      "p",
      { class: "lead" },
      expired
        ? "Please choose a new one to continue."
        : "All your other sessions end when you change it. An agent has to be registered again.",
    ),
    made.element,
  );
}
