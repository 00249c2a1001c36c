// The sessions of the user who is signed in.

import { endSession, sessions, signOut, signOutEverywhere } from "/page/api.js";
import { confirm } from "/page/dialog.js";
import { element, title } from "/page/element.js";
import { browser, formatRelativeTime, formatTime } from "/page/format.js";
import { notify } from "/page/notices.js";
import { panel } from "/page/panel.js";

export function sessionsView({ signedOut }) {
  const heading = title("Sessions");
  const list = panel(sessions, (all) => [
    element("ul", { class: "cards" }, inOrder(all).map((session) => card(session, reload, signedOut))),
    element("div", { class: "actions" }, everywhere(signedOut)),
  ]);

  async function reload(what) {
    await list.reload();
    // The button that had the focus was removed with its session.
    heading.focus();
    notify(what);
  }

  const lead = "Where you are signed in. End what you don’t recognise, and change your password.";
  return element("section", {}, heading, element("p", { class: "lead" }, lead), list.element);
}

/** The current session first; the server sorts by age. */
function inOrder(all) {
  return [...all].sort((one, other) => other.current - one.current);
}

function card(session, reload, signedOut) {
  const name = browser(session.user_agent);
  const facts = [
    ["Address", session.ip ?? "unknown"],
    ["Signed in", formatTime(session.created_at)],
    ["Last seen", session.current ? "now" : formatRelativeTime(session.last_seen_at)],
    ["Ends", formatRelativeTime(session.expires_at)],
    session.agent_key && ["Agent", "key registered"],
  ];
  const end = session.current ? () => endCurrent(signedOut) : () => endOther(session, name, reload);
  const label = session.current ? "End this session" : `End the session of ${name}, ${session.ip}`;
  return element(
    "li",
    { class: "card" },
    element(
      "div",
      { class: "card-head" },
      element("h2", {}, name, session.current && element("span", { class: "badge good" }, "This session")),
      element("button", { type: "button", "aria-label": label, click: end }, "End"),
    ),
    element("dl", { class: "facts" }, facts.filter(Boolean).map(([term, fact]) => factRow(term, fact))),
    session.user_agent && element("p", { class: "fine", title: session.user_agent }, session.user_agent),
  );
}

function factRow(term, fact) {
  return element("div", {}, element("dt", {}, term), element("dd", {}, fact));
}

function endCurrent(signedOut) {
  confirm({
    heading: "End this session?",
    text: "You will be signed out here, in all tabs of this browser.",
    action: "End and sign out",
    act: signOut,
    done: (isReceived) => signedOut(signOutMessage(isReceived)),
  });
}

function endOther(session, name, reload) {
  confirm({
    heading: "End this session?",
    text: `${name} at ${session.ip ?? "an unknown address"} will be signed out immediately.`,
    action: "End session",
    act: () => endSession(session.id),
    done: () => reload("The session is ended."),
  });
}

function everywhere(signedOut) {
  const ask = () =>
    confirm({
      heading: "Sign out everywhere?",
      text: "All your sessions end immediately, including this one.",
      action: "Sign out everywhere",
      act: signOutEverywhere,
      done: () => signedOut("You are signed out everywhere."),
    });
  return element("button", { type: "button", class: "danger", click: ask }, "Sign out everywhere");
}

/** The message after signing out; `isReceived` is whether the server received the request. */
export function signOutMessage(isReceived) {
  return isReceived
    ? "You are signed out."
    : "You are signed out here. The server is unreachable, so the session ends there when this page reaches it again.";
}
