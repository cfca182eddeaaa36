/** Numbers, sizes and times as people read them. */

const whole = new Intl.NumberFormat("en");

export const count = (n) => whole.format(n);
export const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;

/** 1,234,567 as "1.2 M": for narrow places. */
export function brief(n) {
  if (n < 10_000) return count(n);
  if (n < 1_000_000) return `${(n / 1000).toFixed(n < 100_000 ? 1 : 0)} k`;
  return `${(n / 1_000_000).toFixed(n < 10_000_000 ? 2 : 1)} M`;
}

export function bytes(n) {
  if (n === null || n === undefined) return null;
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1000;
    unit += 1;
  }
  return `${unit ? n.toFixed(n < 10 ? 1 : 0) : count(n)} ${units[unit]}`;
}

/** Seconds as "under 1 s", "40 s", "3 min 20 s", "2 h 5 min". */
export function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 1) return "under 1 s";
  if (s < 60) return `${s} s`;
  if (s < 600) return s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s / 60} min`;
  if (s < 3600) return `${Math.round(s / 60)} min`;
  const minutes = Math.round(s / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.round(minutes / 1440)} days`;
}

export function rate(perSecond) {
  if (perSecond === null || perSecond === undefined) return "";
  return perSecond < 10 ? `${perSecond.toFixed(1)}/s` : `${count(Math.round(perSecond))}/s`;
}

/** Seconds since 1970 in the reader's own time zone. */
export function moment(seconds) {
  if (seconds === null || seconds === undefined) return null;
  return new Date(seconds * 1000).toLocaleString(undefined, {
    dateStyle: "medium",
    timeStyle: "short",
  });
}

const FAULTS = {
  missing: "The file is gone",
  unreadable: "Cannot be read",
  unavailable: "Storage does not answer",
  empty: "Empty file",
  truncated: "Cut short",
  not_an_image: "Not a picture",
  unsupported: "Format not supported",
  too_large: "Too large",
  corrupt: "Damaged",
  timeout: "Took too long",
  crashed: "Crashed the reader",
  changed: "Changed meanwhile",
};

/** A fault's code in words; unknown codes are shown as they are. */
export const fault = (code) => FAULTS[code] ?? (code ? code.replaceAll("_", " ") : "Failed");
