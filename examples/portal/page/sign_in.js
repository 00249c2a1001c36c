// The sign-in form.

import { signIn } from "/page/api.js";
import { element, title } from "/page/element.js";
import { field, form } from "/page/form.js";

/** The form, below a text that says why it is shown, which describes the first field. */
export function signInView(why) {
  const name = field({ label: "User name", name: "username", autocomplete: "username", required: true });
  name.input.setAttribute("aria-describedby", "why");
  const password = field({
    label: "Password",
    name: "password",
    type: "password",
    autocomplete: "current-password",
    required: true,
  });
  const { element: made } = form({
    label: "Sign in",
    content: [name.element, password.element],
    action: "Sign in",
    invalidFields: ({ code }) => (code === "invalid_credentials" ? [password.input] : []),
    act: async () => {
      try {
        await signIn(name.input.value.trim(), password.input.value);
      } catch (error) {
        if (error.code === "invalid_credentials") password.input.value = "";
        throw error;
      }
    },
  });
  return element(
    "section",
    { class: "card narrow" },
    title("Sign in"),
    element("p", { id: "why", class: "why", role: "status" }, why),
    made,
  );
}
