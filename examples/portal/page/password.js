// Changing the password.

import { changePassword } from "/page/api.js";
import { element, title } from "/page/element.js";
import { field, form } from "/page/form.js";
import { tell } from "/page/notices.js";

/** The form; `expired` where nothing else can be done before. */
export function passwordView({ caller, expired = false, signedOut }) {
  const password = (label, name, autocomplete, hint) =>
    field({ label, name, autocomplete, hint, type: "password", required: true });
  const current = password("Current password", "current_password", "current-password");
  const fresh = password(
    "New password",
    "new_password",
    "new-password",
    "At least 8 characters of any kind. A few words that don’t belong together do well.",
  );
  const again = password("New password again", "new_password_again", "new-password");
  const inputs = [current.input, fresh.input, again.input];

  const made = form({
    label: "Change password",
    place: "password",
    content: [
      // Password managers look for the name that the password belongs to.
      element("input", { type: "text", name: "username", autocomplete: "username", value: caller.username, hidden: true }),
      current.element,
      fresh.element,
      again.element,
    ],
    action: "Change password",
    blamed: ({ code }) =>
      ({ invalid_credentials: [current.input], password_rejected: [fresh.input] })[code] ?? [],
    act: async () => {
      if (fresh.input.value !== again.input.value) {
        return made.fail("The new passwords differ. Please type the second one again.", [again.input]);
      }
      const isSignedIn = await changePassword(current.input.value, fresh.input.value);
      for (const input of inputs) input.value = "";
      if (!isSignedIn) return signedOut("Your password is changed. Please sign in with the new one.");
      return tell("Your password is changed. All other sessions are ended.");
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
        ? "Please choose a new one to go on."
        : "All your other sessions end when you change it. An agent has to be registered again.",
    ),
    made.element,
  );
}
