// Dialogs in which admins create, change and disable users.

import { createUser, endSessionsOf, unlockUser, updateUser } from "/page/api.js";
import { openDialog } from "/page/dialog.js";
import { element, fill } from "/page/element.js";
import { checkboxes, failureNotice, field, form } from "/page/form.js";
import { ApiError } from "/page/http.js";

/** Creates a user; `done` gets a message. */
export function createDialog({ may, done }) {
  openDialog("Create user", (close) => {
    const name = field({ label: "User name", name: "username", autocomplete: "off", required: true });
    const password = field({
      label: "First password",
      name: "password",
      type: "password",
      autocomplete: "new-password",
      required: true,
      hint: "Send it to the user by another channel than the user name, and ask them to change it.",
    });
    const options = [["user", true], ["admin", false]];
    const roles = may("roles:assign") && checkboxes({ legend: "Roles", name: "roles", options });
    const { element: made } = form({
      label: "Create user",
      context: "user",
      content: [name.element, password.element, roles && roles.element],
      action: "Create user",
      invalidFields: ({ code }) => [code === "password_rejected" ? password.input : name.input],
      act: async () => {
        const [username, typed] = [name.input.value.trim(), password.input.value];
        // Without `roles`, the server assigns the role of users.
        const user = await createUser({ username, password: typed, ...(roles && { roles: roles.values() }) });
        close();
        await done(user, `${user.username} is created.`);
      },
    });
    return made;
  });
}

/** Changes a user; `may` tests the caller's permissions. */
export function manageDialog({ user, may, roles, done }) {
  openDialog(user.username, (close) => {
    const act = async (change, what) => {
      await change();
      close();
      await done(user, what);
    };
    return [
      may("users:update") && may("roles:assign") && rolesForm(user, roles, act),
      element(
        "div",
        { class: "choices" },
        may("users:update") && (user.disabled ? enable(user, act) : disable(user, act)),
        may("users:unlock") && unlock(user, act),
        may("sessions:revoke") && endSessions(user, act),
      ),
    ];
  });
}

function rolesForm(user, roles, act) {
  const options = roles.map((role) => [role, user.roles.includes(role)]);
  const chosen = checkboxes({ legend: "Roles", name: "roles", options });
  return form({
    label: `Roles of ${user.username}`,
    context: "user",
    content: chosen.element,
    action: "Save roles",
    act: () =>
      act(() => updateUser(user.id, { roles: chosen.values() }), `The roles of ${user.username} are saved.`),
  }).element;
}

function disable(user, act) {
  return actionButton({
    action: "Disable",
    danger: true,
    text: "Ends all sessions. The user can’t sign in until you enable the account again.",
    act: () => act(() => updateUser(user.id, { disabled: true }), `${user.username} is disabled.`),
  });
}

function enable(user, act) {
  return actionButton({
    action: "Enable",
    text: "Lets the user sign in again.",
    act: () => act(() => updateUser(user.id, { disabled: false }), `${user.username} is enabled.`),
  });
}

function unlock(user, act) {
  return actionButton({
    action: "Unlock sign-in",
    text: "Ends the lockout that follows wrong passwords.",
    act: () => act(() => unlockUser(user.id), `Sign-in of ${user.username} is unlocked.`),
  });
}

function endSessions(user, act) {
  return actionButton({
    action: "End sessions",
    danger: true,
    text: "Signs the user out everywhere immediately.",
    act: () => act(() => endSessionsOf(user.id), `The sessions of ${user.username} are ended.`),
  });
}

/** An action with its description and a button, which asks for confirmation if it is dangerous. */
function actionButton({ action, text, danger = false, act }) {
  const problem = element("div", { role: "alert", class: "problem" });
  const button = element("button", { type: "button", class: danger && "danger", click }, action);
  let isSure = !danger;
  let isBusy = false;

  async function click() {
    if (isBusy) return;
    if (!isSure) {
      isSure = true;
      button.classList.add("sure");
      fill(button, `${action}: are you sure?`);
      return;
    }
    isBusy = true;
    try {
      await act();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fill(problem, failureNotice(error, "user"));
    } finally {
      isBusy = false;
    }
  }

  return element("div", { class: "choice" }, element("p", {}, text), button, problem);
}
