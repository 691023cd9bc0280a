"""Receives webhooks and verifies them with the Standard Webhooks library. Says its port, reads a secret, then writes the
id and type of each message that is verified."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

webhook: Webhook
# A line and its end are written apart: two threads would write theirs into each other.
saying = threading.Lock()


def refuses(body: bytes, headers: dict[str, str]) -> bool:
    try:
        webhook.verify(body, headers)
    except WebhookVerificationError:
        return True
    return False


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            event = webhook.verify(body, headers)
            assert refuses(body.replace(b"1.0", b"1.1"), headers), "a changed message is taken"
            assert refuses(body, headers | {"webhook-id": "evt_other"}), "a renamed message is taken"
            with saying:
                print(json.dumps([headers["webhook-id"], event["type"]]), flush=True)
            self.send_response(204)
        except (WebhookVerificationError, AssertionError) as error:
            print(f"not verified: {error!r}", file=sys.stderr)
            self.send_response(400)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
webhook = Webhook(sys.stdin.readline().strip())
server.serve_forever()
