// Parses event streams (WHATWG HTML, 9.2.6), as the browser's own `EventSource` does. That doesn't tell why a
// request was rejected, or when to come back.

/**
 * A function that takes the parts of a stream's text, and calls `dispatch` with `{ type, data, id, retry }`
 * for each block of lines: `data` is `null` if it has none, and so are `id` and `retry`.
 */
export function eventParser(dispatch) {
  let rest = "";
  let block = emptyBlock();

  function take(line) {
    if (line === "") {
      const { type, data, id, retry } = block;
      block = emptyBlock();
      if (data.length || id !== null || retry !== null) {
        dispatch({ type, data: data.length ? data.join("\n") : null, id, retry });
      }
      return;
    }
    // A line that begins with a colon is a comment.
    const [, field, value] = line.match(/^([^:]*)(?:: ?)?(.*)$/s);
    if (field === "event") block.type = value;
    if (field === "data") block.data.push(value);
    if (field === "id" && !value.includes("\0")) block.id = value;
    if (field === "retry" && /^\d+$/.test(value)) block.retry = Number(value);
  }

  return (text) => {
    rest += text;
    // The LF of a CRLF may be in the next part.
    const end = rest.endsWith("\r") ? rest.length - 1 : rest.length;
    const lines = rest.slice(0, end).split(/\r\n|\r|\n/);
    rest = lines.pop() + rest.slice(end);
    lines.forEach(take);
  };
}

const emptyBlock = () => ({ type: "message", data: [], id: null, retry: null });
