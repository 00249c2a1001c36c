// Signing in.

import { signIn } from "/page/api.js";
import { element, title } from "/page/element.js";
import { field, form } from "/page/form.js";

/** The form, under words on why it is shown, which are read out with the first field. */
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
    blamed: ({ code }) => (code === "invalid_credentials" ? [password.input] : []),
    act: async () => {
      try {
        await signIn(name.input.value.trim(), password.input.value);
      } catch (refusal) {
        if (refusal.code === "invalid_credentials") password.input.value = "";
        throw refusal;
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
