// The users, for users who may read them.

import { users } from "/page/api.js";
import { element, title } from "/page/element.js";
import { formatTime } from "/page/format.js";
import { notify } from "/page/notices.js";
import { panel } from "/page/panel.js";
import { createDialog, manageDialog } from "/page/user_dialogs.js";

const PAGE = 50;

export function usersView({ caller }) {
  const may = (permission) => caller.permissions.includes(permission);
  const heading = title("Users");
  // The number of rows stays the same when a user is changed.
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
    // The button that opened the dialog was replaced.
    const [button] = list.element.querySelectorAll(`button[data-user="${user.id}"]`);
    (button ?? heading).focus();
    notify(what);
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
        element("button", { type: "button", class: "primary", click: () => createDialog({ may, done }) }, "Create user"),
    ),
    element("p", { class: "lead" }, "Users are disabled, never deleted, so that the audit log stays whole."),
    list.element,
  );
}

/** The first `count` users, and one more if there is one, page by page. */
async function firstUsers(count) {
  const all = [];
  while (all.length <= count) {
    const page = await users(all.at(-1)?.id, PAGE + 1);
    all.push(...page);
    if (page.length <= PAGE) break;
  }
  return all;
}

/** The built-in roles and all roles that a user has, which may come from your own policy. */
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
    cell("Created", formatTime(user.created_at)),
    cell("Password set", formatTime(user.password_changed_at)),
    element(
      "td",
      { role: "cell", class: "end" },
      element("button", { type: "button", "aria-label": label, "data-user": user.id, click: () => manage(user) }, "Manage"),
    ),
  );
}
