// Times and browsers, formatted for people.

import { element } from "/page/element.js";

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const MOMENT_TO_THE_SECOND = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const AGO = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

/** A time in the user's language and time zone. */
export function formatTime(text) {
  return time(text, MOMENT.format(new Date(text)));
}

/** A time with seconds. */
export function formatTimeWithSeconds(text) {
  return time(text, MOMENT_TO_THE_SECOND.format(new Date(text)));
}

/** A time relative to now. */
export function distance(text) {
  const seconds = (Date.parse(text) - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["minute", 60];
  return time(text, AGO.format(Math.trunc(seconds / length), unit), formatTime(text).textContent);
}

// The first match wins: browsers also name the ones that they are compatible with.
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
