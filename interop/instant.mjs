// Instants in arguments and indexes.

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/iu;

/** Reads an instant of RFC 3339; throws for other formats that `Date` accepts. */
export function parseInstant(text) {
  const instant = new Date(text);
  if (!RFC3339.test(text) || Number.isNaN(instant.getTime())) {
    throw new Error(`${text} is not an instant in RFC 3339`);
  }
  return instant;
}

/** Writes an instant in UTC, with its fraction if it has one. */
export function formatInstant(instant) {
  return instant.toISOString().replace('.000Z', 'Z');
}
