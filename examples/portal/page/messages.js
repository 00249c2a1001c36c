// The table of error codes and their messages.

/** The messages, which say no more than the server does. */
const MESSAGES = {
  invalid_credentials:
    "The user name or the password is wrong. After several failures, sign-in pauses for some minutes.",
  signed_out: "You are signed out, as you are in another tab.",
  token_expired: "You have been signed out. Please sign in again.",
  token_invalid: "You have been signed out. Please sign in again.",
  session_ended: "Your session has ended. Please sign in again.",
  session_expired: "Your session has ended. Please sign in again.",
  refresh_invalid: "Your session has ended. Please sign in again.",
  refresh_reused:
    "Your session was ended for safety, as its key was used twice. If you can’t explain that, change your password.",
  account_disabled: "This account is disabled. An administrator can enable it again.",
  code_invalid: "This code is not valid. It may have been used, replaced, or expired.",
  password_expired: "You have to choose a new password.",
  password_rejected: "The new password is not accepted:",
  current_password_wrong:
    "The current password is wrong. After several failures, it is not checked for some minutes.",
  permission_denied: "You are not permitted to do that.",
  not_found: "That does not exist, or no longer does.",
  name_taken: "A user has that name, or had it.",
  user_disabled: "This user is disabled.",
  user_enabled: "This user is enabled. Disable the user first.",
  last_admin: "This is the last administrator who can sign in. Make another user an administrator first.",
  rate_limited: "Too many requests.",
  busy: "The server is busy.",
  unavailable: "The server is temporarily unavailable.",
  malformed_request: "The server could not read what was entered. Please check it.",
  offline: "The server can’t be reached. Please check your connection.",
  cookies_blocked:
    "This browser does not keep the cookies that signing in needs. Allow cookies, and use HTTPS unless the server is this machine.",
  cross_origin: "The server takes this page for another one. A proxy may have changed the request.",
  ambiguous_credentials: "The browser sent more than one login. Please delete the cookies of this site.",
  invalid_response: "The server sent a response that this page does not understand.",
};

/** Messages that depend on the part of the page. */
const MESSAGES_IN_CONTEXT = {
  agent: {
    malformed_request: "That is not the public key of an agent: RSA with 4096 bits, in PEM.",
    not_found: "This session has ended. Please sign in again.",
  },
  user: {
    malformed_request: "A user can’t have that name. Letters, digits, and single spaces between them, will do.",
    not_found: "There is no such user.",
  },
};

/** The reasons for which a password is rejected. */
const REASONS = {
  too_short: "It is too short",
  too_long: "It is too long",
  no_lowercase: "It has no lower-case letter",
  no_uppercase: "It has no upper-case letter",
  no_digit: "It has no digit",
  no_symbol: "It has no symbol, such as ! or #",
  user_name: "The user name is part of it",
  used_before: "It was used before",
  breached: "It is known from a data breach, and will be tried by attackers",
};

/** Reasons whose detail from the server has a number. */
const DETAILED = ["too_short", "too_long"];

const EVENTS = {
  "login.success": "Signed in",
  "login.failure": "Sign-in failed",
  "login.locked": "Sign-in locked",
  "login.unlocked": "Sign-in unlocked",
  logout: "Signed out",
  "token.refresh": "Session refreshed",
  "token.reuse": "Refresh token reused",
  "session.created": "Session opened",
  "session.ended": "Session ended",
  "stream.ended": "Streams ended",
  "permission.denied": "Permission denied",
  "password.changed": "Password changed",
  "password.expired": "Change of the password required",
  "recovery.issued": "One-time code issued",
  "recovery.used": "One-time code used",
  "user.created": "User created",
  "user.renamed": "User renamed",
  "user.erased": "Personal data erased",
  "profile.changed": "Profile changed",
  "user.disabled": "User disabled",
  "user.enabled": "User enabled",
  "role.changed": "Roles changed",
  "agent.registered": "Agent registered",
  "policy.override": "Policy overridden",
  "policy.violation": "Policy violated",
  "key.replaced": "Key of the audit log replaced",
};

/** The message of an error; `context` is the part of the page. */
export function messageFor(error, context) {
  const { code, retryAfter } = error;
  const text = MESSAGES_IN_CONTEXT[context]?.[code] ?? MESSAGES[code] ?? `The server rejected the request (${code}).`;
  return retryAfter ? `${text} Please wait ${duration(retryAfter)}.` : text;
}

/** The messages of the reasons for which a password is rejected. */
export function passwordReasons(reasons) {
  return reasons.map(({ code, detail }) => {
    const text = REASONS[code];
    if (!text) return `It has ${detail}.`;
    return DETAILED.includes(code) && detail ? `${text}: ${detail}.` : `${text}.`;
  });
}

/** The names of events that the server can filter by. */
export const eventNames = Object.keys(EVENTS);

export const eventLabel = (name) => EVENTS[name] ?? name;

export const outcomeLabel = (name) => ({ success: "Success", failure: "Failure" })[name] ?? name;

function duration(seconds) {
  if (seconds < 120) return `${seconds} ${seconds === 1 ? "second" : "seconds"}`;
  return `${Math.ceil(seconds / 60)} minutes`;
}
