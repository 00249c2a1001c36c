// The page: which view is shown, and where the focus goes.

import { authEvents, signOut, whoami } from "/page/api.js";
import { accountView } from "/page/account.js";
import { auditView } from "/page/audit.js";
import { element, fill } from "/page/element.js";
import { followEvents, liveEvents } from "/page/live_events.js";
import { notify, showStorageNotice, watchConnection } from "/page/notices.js";
import { messageFor } from "/page/messages.js";
import { panel } from "/page/panel.js";
import { passwordView } from "/page/password.js";
import { sessionsView, signOutMessage } from "/page/sessions.js";
import { signInView } from "/page/sign_in.js";
import * as login from "/page/login.js";
import { usersView } from "/page/users.js";

/** The views, by the fragment of their address. The server enforces the permissions. */
const VIEWS = {
  sessions: { name: "Sessions", view: sessionsView },
  password: { name: "Password", view: passwordView },
  account: { name: "Account", view: accountView },
  users: { name: "Users", view: usersView, permission: "users:read" },
  audit: { name: "Audit log", view: auditView, permission: "audit:read" },
};

const app = document.getElementById("app");

/** The user and session that the page is built for; it is rebuilt when they change. */
let builtFor = null;
/** The roles and permissions that the views are built for. */
let access = null;
/** What the server has announced since the page was last rebuilt; `null` if nothing. */
let announced = null;
/** Whether the views are shown, rather than a form. */
let isOpen = false;
/** The text above the sign-in form when it is shown next. */
let why = "";

/** Shows the sign-in form, or the page of the user who is signed in. */
function show() {
  const record = login.current();
  const next = record ? `${record.sessionId} ${record.user.username}` : "";
  if (next === builtFor) return;
  builtFor = next;
  isOpen = false;
  announced = null;
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  if (record) showCaller(record.user.username);
  else showSignIn();
}

function showSignIn() {
  document.title = "Sign in · Portal";
  fill(app, header(), element("main", { id: "main", class: "centred" }, signInView(why)));
  why = "";
  app.querySelector("input").focus();
}

/** Loads the user's permissions, and then shows the page. */
function showCaller(username) {
  const content = panel(
    () => whoami().catch(unlessExpired),
    (caller) => {
      // Another user may have signed in meanwhile.
      if (!content.element.isConnected) return [];
      return caller ? showPage(caller) : showExpired({ username });
    },
  );
  fill(app, header(username), element("main", { id: "main" }, content.element));
}

function unlessExpired(error) {
  if (error.code === "password_expired") return null;
  throw error;
}

function showExpired(caller) {
  const main = element("main", { id: "main" }, passwordView({ caller, signedOut, expired: true }));
  fill(app, header(caller.username), main);
  settle(main, "Your password has expired");
}

function showPage(caller) {
  const permitted = Object.entries(VIEWS).filter(([, { permission }]) => !permission || caller.permissions.includes(permission));
  const links = permitted.map(([key, { name }]) => element("a", { href: `#${key}` }, name));
  const nav = element("nav", { "aria-label": "Views" }, links);
  const main = element("main", { id: "main" });
  fill(app, header(caller.username), nav, main);
  isOpen = true;
  access = accessOf(caller);

  const open = () => {
    // The page may have been rebuilt.
    if (!main.isConnected) return removeEventListener("hashchange", open);
    const [key, { name, view }] = permitted.find(([key]) => location.hash === `#${key}`) ?? permitted[0];
    for (const link of links) {
      if (link.hash === `#${key}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    fill(main, view({ caller, signedOut }));
    return settle(main, name);
  };
  addEventListener("hashchange", open);
  open();
  // They may have changed while they were loaded.
  if (announced) showAccess(announced);
}

const accessOf = ({ roles, permissions }) => JSON.stringify([roles, permissions]);

/** Rebuilds the page if the user may do other things than it shows. */
function showAccess(next) {
  announced = next;
  if (!isOpen || accessOf(next) === access) return;
  builtFor = null;
  show();
  notify("Your permissions have changed.");
}

/** Sets the title to the view's name, and focuses the view's heading. */
function settle(main, name) {
  document.title = `${name} · Portal`;
  scrollTo(0, 0);
  main.querySelector("h1").focus();
}

function header(username) {
  const button = element("button", { type: "button", click: () => handleSignOut(button) }, "Sign out");
  return element(
    "header",
    { class: "top" },
    element("p", { class: "brand" }, "Portal"),
    username && element("p", { class: "user" }, element("span", { class: "unseen" }, "Signed in as "), username),
    username && button,
  );
}

async function handleSignOut(button) {
  if (button.hasAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  signedOut(signOutMessage(await signOut()));
}

/** Shows above the sign-in form why it is shown. */
function signedOut(text) {
  const status = document.getElementById("why");
  if (status) status.textContent = text;
  else why = text;
}

function watch() {
  login.changes.addEventListener("change", ({ detail }) => {
    if (detail.why) why = messageFor({ code: detail.why });
    showStorageNotice();
    const isNew = builtFor === "" && login.current();
    show();
    if (isNew) notify(`Signed in as ${login.current().user.username}.`);
  });
  // The first is there when a stream begins, since they may have changed before.
  for (const type of ["roles", "roles-changed"]) liveEvents.addEventListener(type, ({ detail }) => showAccess(detail));
  authEvents.addEventListener("expired", () => {
    // The forms outside the views make no request that needs a current password.
    if (!isOpen) return;
    builtFor = null;
    show();
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    // Fragments name views.
    event.preventDefault();
    app.querySelector("h1")?.focus();
  });
  for (const type of ["error", "unhandledrejection"]) {
    addEventListener(type, () => notify("Something went wrong on this page. Please reload it."));
  }
  watchConnection();
}

watch();
await login.open();
showStorageNotice();
show();
followEvents();
