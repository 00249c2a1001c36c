// The account that is signed in, and the agent of this session.

import { registerAgent, sessions } from "/page/api.js";
import { element, title } from "/page/element.js";
import { field, form } from "/page/form.js";
import { notify } from "/page/notices.js";
import { panel } from "/page/panel.js";

export function accountView({ caller }) {
  const agent = panel(sessions, (all) => agentForm(all.find(({ current }) => current), agent));
  return element(
    "section",
    {},
    title("Account"),
    element(
      "dl",
      { class: "facts wide" },
      fact("User name", caller.username),
      fact("User number", caller.subject),
      fact("Session number", String(caller.claims.session_id)),
      fact("Roles", badges(caller.roles)),
      fact("Permissions", caller.permissions.length ? badges(caller.permissions) : "Your own account"),
    ),
    element("h2", {}, "Agent"),
    element(
      "p",
      { class: "lead" },
      "Secrets for an agent on your machine are encrypted to its key. The agent shows the key at ",
      element("code", {}, "/pubkey"),
      " of its address. Its registration ends with this session.",
    ),
    agent.element,
  );
}

function agentForm(session, agent) {
  const isBound = Boolean(session?.agent_key);
  const key = field({
    label: isBound ? "Another public key" : "Public key",
    name: "public_key",
    rows: 7,
    class: "code",
    required: true,
    autocomplete: "off",
    hint: "All of it, from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----. Never a private key.",
  });
  const { element: made } = form({
    label: "Register an agent",
    context: "agent",
    content: key.element,
    action: isBound ? "Replace the agent" : "Register the agent",
    invalidFields: () => [key.input],
    act: async () => {
      await registerAgent(session.id, pem(key.input.value));
      await agent.reload();
      agent.element.querySelector("textarea")?.focus();
      notify("The agent is registered for this session.");
    },
  });
  const state = isBound ? "An agent is registered for this session." : "No agent is registered for this session.";
  return [element("p", { class: isBound && "good" }, state), made];
}

/** Removes the white space that copying adds; the server reads PEM strictly. */
function pem(text) {
  const lines = text.trim().split(/\r?\n/).map((line) => line.trim());
  return `${lines.join("\n")}\n`;
}

function fact(term, value) {
  return element("div", {}, element("dt", {}, term), element("dd", {}, value));
}

function badges(names) {
  return names.map((name) => element("span", { class: "badge" }, name));
}
