// Times and browsers, formatted for people.

import { element } from "/page/element.js";

const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const TIME_WITH_SECONDS = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const RELATIVE_TIME = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

/** A time in the user's language and time zone. */
export function formatTime(text) {
  return time(text, TIME.format(new Date(text)));
}

/** A time with seconds. */
export function formatTimeWithSeconds(text) {
  return time(text, TIME_WITH_SECONDS.format(new Date(text)));
}

/** A time relative to now. */
export function formatRelativeTime(text) {
  const seconds = (Date.parse(text) - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["minute", 60];
  return time(text, RELATIVE_TIME.format(Math.trunc(seconds / length), unit), formatTime(text).textContent);
}

// The first match wins: a `User-Agent` also names compatible browsers.
const BROWSERS = [
  [/Edg(?:e|A|iOS)?\/(\d+)/, "Edge"],
  [/OPR\/(\d+)/, "Opera"],
  [/SamsungBrowser\/(\d+)/, "Samsung Internet"],
  [/(?:Firefox|FxiOS)\/(\d+)/, "Firefox"],
  [/(?:HeadlessChrome|Chrome|CriOS)\/(\d+)/, "Chrome"],
  [/Version\/(\d+).*Safari\//, "Safari"],
  [/^curl\/(\d+)/, "curl"],
];
const SYSTEMS = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/CrOS/, "ChromeOS"],
  [/Windows/, "Windows"],
  [/Mac OS X|Macintosh/, "macOS"],
  [/Linux|X11/, "Linux"],
];

/** The browser's name and system, from its `User-Agent`. */
export function browser(userAgent) {
  if (!userAgent) return "Unknown client";
  const [pattern, name] = BROWSERS.find(([pattern]) => pattern.test(userAgent)) ?? [];
  const [, system] = SYSTEMS.find(([pattern]) => pattern.test(userAgent)) ?? [];
  if (!name) return system ? `Something on ${system}` : userAgent.split(/[\s/]/, 1)[0];
  const version = userAgent.match(pattern)[1];
  return system ? `${name} ${version} on ${system}` : `${name} ${version}`;
}

function time(datetime, text, title) {
  return element("time", { datetime, title }, text);
}
