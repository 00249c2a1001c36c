// Reads `/ticks` until it ends, and prints the events: node ticks.mjs ADDRESS AUTHORIZATION
const [address, authorization] = process.argv.slice(2);
const response = await fetch(`http://${address}/ticks`, { headers: { authorization } });
let text = "";
for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
  text += part;
}
for (const event of text.split("\n\n").filter((event) => event !== "")) {
  const fields = event.split("\n").map((line) => line.split(": "));
  console.log(JSON.stringify(Object.fromEntries(fields)));
}
