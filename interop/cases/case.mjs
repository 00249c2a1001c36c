// How a case is written down: its name, what it shows, what PROTOCOL.md says of it, and the parts that differ.

/**
 * `options` are those of `Setting.tokenBundle`, or a function that gives them. `reference` is the
 * verdict of the reference where it is not ours.
 */
export function valid(name, reason, options = {}, reference = undefined) {
  return { name, reason, expect: 'valid', reference, options };
}

export function invalid(name, reason, options, reference = undefined) {
  return { name, reason, expect: 'invalid', reference, options };
}

export function malformed(name, reason, options, reference = undefined) {
  return { name, reason, expect: 'malformed', reference, options };
}
