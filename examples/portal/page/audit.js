// The audit log, for users who may read it.

import { audit } from "/page/api.js";
import { element, title } from "/page/element.js";
import { choice, failureNotice, field, form } from "/page/form.js";
import { browser, formatTimeWithSeconds } from "/page/format.js";
import { ApiError } from "/page/http.js";
import { eventNames, eventLabel, outcomeLabel } from "/page/messages.js";
import { notify } from "/page/notices.js";
import { panel } from "/page/panel.js";

const PAGE = 50;

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

  const list = panel(() => audit(filter()), (entries) => log(entries, filter()));
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
  return element("section", {}, title("Audit log"), filterForm, list.element);
}

/** The entries, and a button that appends older ones under the same filter. */
function log(entries, filter) {
  if (entries.length === 0) return element("p", { class: "empty" }, "Nothing matches.");
  const body = element("tbody", { role: "rowgroup" }, entries.map(row));
  const problem = element("div", { role: "alert", class: "problem" });
  const older = element("button", { type: "button", click: append }, "Show older");
  let before = entries.at(-1).id;
  let isBusy = false;
  older.hidden = entries.length < PAGE;

  async function append() {
    if (isBusy) return;
    isBusy = true;
    problem.replaceChildren();
    try {
      const page = await audit({ ...filter, before });
      const rows = page.map(row);
      body.append(...rows);
      before = page.at(-1)?.id ?? before;
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

  return [table(body), problem, element("div", { class: "actions" }, older)];
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
    { role: "row" },
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
