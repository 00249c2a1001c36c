// Sends a message to `/echo`, and prints what comes back and how the WebSocket ends. Then connects
// again with the same credentials: node --experimental-websocket echo.mjs ADDRESS AUTHORIZATION
const [address, authorization] = process.argv.slice(2);
for (const message of ["first", "second"]) {
  const socket = new WebSocket(`ws://${address}/echo`, { headers: { authorization } });
  socket.onopen = () => socket.send(message);
  socket.onmessage = (event) => console.log(JSON.stringify({ message: event.data }));
  const end = await new Promise((ended) => {
    socket.onclose = ({ code, reason, wasClean }) => ended({ code, reason, wasClean });
    // A failed handshake; not every release of Node reports a close then.
    socket.onerror = () => ended({ failed: true });
  });
  console.log(JSON.stringify(end));
}
// Node's client does not end if a handshake failed.
process.exit();
