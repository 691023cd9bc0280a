// Receives webhooks and verifies them with the Standard Webhooks library. Says its port, reads a secret, then writes the
// id and type of each message that is verified.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

let webhook;
createInterface({ input: process.stdin }).on("line", (secret) => {
  webhook = new Webhook(secret);
});

const refuses = (body, headers) => {
  try {
    webhook.verify(body, headers);
    return false;
  } catch {
    return true;
  }
};

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString("utf8");
    try {
      const event = webhook.verify(body, request.headers);
      const changed = refuses(body.replace("1.0", "1.1"), request.headers);
      const renamed = refuses(body, { ...request.headers, "webhook-id": "evt_other" });
      if (!changed || !renamed) throw new Error("a message that was changed is taken");
      console.log(JSON.stringify([request.headers["webhook-id"], event.type]));
      response.writeHead(204).end();
    } catch (error) {
      console.error(`not verified: ${error}`);
      response.writeHead(400).end();
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
