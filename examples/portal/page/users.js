// The users, for who may see them.

import { users } from "/page/api.js";
import { element, title } from "/page/element.js";
import { moment } from "/page/format.js";
import { tell } from "/page/notices.js";
import { panel } from "/page/panel.js";
import { createDialog, manageDialog } from "/page/user_dialogs.js";

const PAGE = 50;

export function usersView({ caller }) {
  const may = (permission) => caller.permissions.includes(permission);
  const heading = title("Users");
  // How many are shown stays so when one of them is changed.
  let shown = PAGE;
  const list = panel(
    () => firstUsers(shown),
    (all) => [
      table(all.slice(0, shown), (user) => manageDialog({ user, may, roles: rolesOf(all), done })),
      all.length > shown && element("div", { class: "actions" }, more()),
    ],
  );

  async function done(user, what) {
    await list.reload();
    // The button that opened the dialog is another one now.
    const [button] = list.element.querySelectorAll(`button[data-user="${user.id}"]`);
    (button ?? heading).focus();
    tell(what);
  }

  function more() {
    const click = async () => {
      const first = shown;
      shown += PAGE;
      await list.reload();
      list.element.querySelectorAll("tbody button")[first]?.focus();
    };
    return element("button", { type: "button", click }, "Show more");
  }

  return element(
    "section",
    {},
    element(
      "div",
      { class: "title-row" },
      heading,
      may("users:create") &&
        element("button", { type: "button", class: "primary", click: () => createDialog({ done }) }, "Create user"),
    ),
    element("p", { class: "lead" }, "Users are disabled, never deleted, so that the audit log stays whole."),
    list.element,
  );
}

/** The first users, and one more if there is one; the server gives so many at once. */
async function firstUsers(count) {
  const all = [];
  while (all.length <= count) {
    const page = await users(all.at(-1)?.id, PAGE + 1);
    all.push(...page);
    if (page.length <= PAGE) break;
  }
  return all;
}

/** Roles that somebody is in, so that those of your own policy can be given to others too. */
function rolesOf(all) {
  return [...new Set(["admin", "user", ...all.flatMap(({ roles }) => roles)])];
}

function table(all, manage) {
  const head = ["User", "Roles", "Created", "Password set", "Action"];
  return element(
    "table",
    { role: "table", class: "cards-when-narrow" },
    element("caption", { class: "unseen" }, "Users"),
    element(
      "thead",
      { role: "rowgroup" },
      element("tr", { role: "row" }, head.map((text) => element("th", { scope: "col", role: "columnheader" }, text))),
    ),
    element("tbody", { role: "rowgroup" }, all.map((user) => row(user, manage))),
  );
}

function row(user, manage) {
  const cell = (label, ...content) => element("td", { role: "cell", "data-label": label }, content);
  const badges = user.roles.map((role) => element("span", { class: "badge" }, role));
  const label = `Manage ${user.username}`;
  return element(
    "tr",
    { role: "row" },
    element(
      "th",
      { scope: "row", role: "rowheader" },
      element("span", { class: "name" }, user.username),
      user.disabled && element("span", { class: "badge bad" }, "Disabled"),
    ),
    cell("Roles", element("span", { class: "badges" }, badges.length ? badges : "none")),
    cell("Created", moment(user.created_at)),
    cell("Password set", moment(user.password_changed_at)),
    element(
      "td",
      { role: "cell", class: "end" },
      element("button", { type: "button", "aria-label": label, "data-user": user.id, click: () => manage(user) }, "Manage"),
    ),
  );
}
