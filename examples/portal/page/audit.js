// The audit log, for users who may read it.

import { audit } from "/page/api.js";
import { element, title } from "/page/element.js";
import { choice, failureNotice, field, form } from "/page/form.js";
import { browser, formatTimeWithSeconds } from "/page/format.js";
import { ApiError } from "/page/http.js";
import { listenWhileShown } from "/page/live_events.js";
import { eventNames, eventLabel, outcomeLabel } from "/page/messages.js";
import { notify } from "/page/notices.js";
import { panel } from "/page/panel.js";

const PAGE = 50;
/** How many entries a tab shows that is open for days. */
const MAX_ROWS = 1000;

export function auditView() {
  const any = ["", "Any"];
  const event = choice({
    label: "Event",
    name: "event",
    options: [any, ...eventNames.map((name) => [name, eventLabel(name)])],
  });
  const user = field({ label: "User", name: "user", autocomplete: "off", type: "search" });
  const outcome = choice({
    label: "Outcome",
    name: "outcome",
    options: [any, ...["success", "failure"].map((name) => [name, outcomeLabel(name)])],
  });
  const filter = (before) => ({
    event: event.input.value,
    user: user.input.value.trim(),
    outcome: outcome.input.value,
    limit: PAGE,
    before,
  });

  // Entries that arrive while the list is loaded may not be in it.
  let arrived = [];
  let add = null;
  const list = panel(
    () => {
      [arrived, add] = [[], null];
      return audit(filter());
    },
    (entries) => {
      const made = log(entries, filter());
      ({ add } = made);
      arrived.forEach(add);
      return made.content;
    },
  );

  function show(entry) {
    if (add) add(entry);
    else arrived = [...arrived.slice(1 - MAX_ROWS), entry];
  }

  const { element: filterForm } = form({
    label: "Filter the audit log",
    content: element("div", { class: "filters" }, event.element, user.element, outcome.element),
    action: "Filter",
    act: async () => {
      await list.reload();
      const count = list.element.querySelectorAll("tbody tr").length;
      notify(count === 1 ? "One entry." : `${count} entries.`);
    },
  });
  filterForm.classList.add("filter");
  const lead = element("p", { class: "lead" }, "New entries appear by themselves.");
  const section = element("section", {}, title("Audit log"), lead, filterForm, list.element);
  listenWhileShown(section, "audit", show);
  listenWhileShown(section, "audit-missed", list.reload);
  return section;
}

/**
 * The entries, and a button that appends older ones under the same filter, as `content`. `add` adds an entry
 * that matches the filter, in its place.
 */
function log(entries, filter) {
  const body = element("tbody", { role: "rowgroup" }, entries.map(row));
  const empty = element("p", { class: "empty" }, "Nothing matches.");
  const shown = table(body);
  const problem = element("div", { role: "alert", class: "problem" });
  const older = element("button", { type: "button", click: append }, "Show older");
  let isBusy = false;
  older.hidden = entries.length < PAGE;
  shown.hidden = entries.length === 0;
  empty.hidden = !shown.hidden;

  const idOf = (row) => Number(row.dataset.id);
  const lastId = () => idOf(body.rows[body.rows.length - 1]);

  function add(entry) {
    if (!matches(entry, filter)) return;
    // Numbers are not always in the order of the log.
    const next = [...body.rows].find((row) => idOf(row) <= entry.id);
    if (next && idOf(next) === entry.id) return;
    // It is among the older ones, which are not shown yet.
    if (!next && !older.hidden) return;
    body.insertBefore(row(entry), next ?? null);
    [shown.hidden, empty.hidden] = [false, true];
    if (body.rows.length <= MAX_ROWS) return;
    body.deleteRow(-1);
    older.hidden = false;
  }

  async function append() {
    if (isBusy) return;
    isBusy = true;
    problem.replaceChildren();
    try {
      const page = await audit({ ...filter, before: lastId() });
      const rows = page.map(row);
      body.append(...rows);
      older.hidden = page.length < PAGE;
      notify(`${page.length} older entries.`);
      rows[0]?.setAttribute("tabindex", "-1");
      rows[0]?.focus();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      problem.replaceChildren(...failureNotice(error).filter(Boolean));
    } finally {
      isBusy = false;
    }
  }

  return { content: [empty, shown, problem, element("div", { class: "actions" }, older)], add };
}

/** Whether an entry matches, as the server decides it. Names of users are stored in lower case. */
function matches(entry, { event, user, outcome }) {
  const names = [user, user.normalize("NFKC").toLowerCase()];
  return (
    (event === "" || event === entry.event) &&
    (outcome === "" || outcome === entry.outcome) &&
    (user === "" || names.includes(entry.user) || names.includes(entry.actor))
  );
}

function table(body) {
  const head = ["Time", "Event", "User", "From", "Reason"];
  return element(
    "table",
    { role: "table", class: "cards-when-narrow log" },
    element("caption", { class: "unseen" }, "Audit log, the newest first"),
    element(
      "thead",
      { role: "rowgroup" },
      element("tr", { role: "row" }, head.map((text) => element("th", { scope: "col", role: "columnheader" }, text))),
    ),
    body,
  );
}

function row(entry) {
  const cell = (label, ...content) => element("td", { role: "cell", "data-label": label }, content);
  const hasFailed = entry.outcome === "failure";
  return element(
    "tr",
    { role: "row", "data-id": entry.id },
    cell("Time", formatTimeWithSeconds(entry.time)),
    cell(
      "Event",
      element("span", { title: entry.event }, eventLabel(entry.event)),
      hasFailed && element("span", { class: "badge bad" }, outcomeLabel(entry.outcome)),
      entry.method && element("span", { class: "fine" }, [entry.method, entry.route].filter(Boolean).join(" ")),
    ),
    cell("User", entry.user ?? "–", entry.actor && element("span", { class: "fine" }, `by ${entry.actor}`)),
    cell("From", entry.ip ?? "–", entry.user_agent && element("span", { class: "fine" }, browser(entry.user_agent))),
    cell(
      "Reason",
      entry.reason ?? "–",
      entry.session !== null && element("span", { class: "fine" }, `session ${entry.session}`),
    ),
  );
}
