// Creates elements without parsing markup, so text is never interpreted.

/**
 * Creates an element. Attributes that are functions listen to the event of their name; those that are
 * `null`, `undefined` or `false` are left out, and so are such children.
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...present(children));
  return made;
}

/** Replaces all children. */
export function fill(parent, ...children) {
  parent.replaceChildren(...present(children));
  return parent;
}

/** The heading of a view, which gets the focus when the view opens, so screen readers read it. */
export function title(text) {
  return element("h1", { tabindex: -1 }, text);
}

let ids = 0;

/** An identifier that no other element has. */
export function unique(prefix) {
  ids += 1;
  return `${prefix}-${ids}`;
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}
