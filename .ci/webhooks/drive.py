"""Lets the service send to both receivers, while a secret is rolled too, and looks whether each verified every fact."""

import json
import subprocess
import sys
import threading
import urllib.request
from typing import Any

url, key, *receivers = sys.argv[1:]


def call(method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(f"{url}{path}", method=method)
    request.add_header("Authorization", f"Bearer {key}")
    data = None
    if body is not None:
        request.add_header("Content-Type", "application/json")
        data = json.dumps(body).encode()
    with urllib.request.urlopen(request, data, timeout=20) as response:
        return json.load(response)


def register(name: str) -> None:
    call("POST", "/v1/candidates", {"name": name, "time_zone": "Europe/Berlin"})


def receive(command: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(command.split(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    port = process.stdout.readline().strip()
    made = call("POST", "/v1/webhooks", {"url": f"http://127.0.0.1:{port}/hook", "payload": "full"})
    process.stdin.write(made["secret"] + "\n")
    process.stdin.flush()
    return process, f"/v1/webhooks/{made['id']}"


started = [receive(command) for command in receivers]
try:
    for _, webhook in started:
        tested = call("POST", f"{webhook}/test", {})
        assert tested["delivered"], tested
    for name in ["Amara Okafor", "Zoë Łukasiewicz", "山田 花子 🎓", 'Quote "and" \\ slash']:
        register(name)
    for _, webhook in started:
        call("POST", f"{webhook}/secret/rolled", {"overlap": "PT1H"})
    register("Told while both secrets sign")
    facts = [fact["id"] for fact in call("GET", "/v1/events?limit=100")["data"]]
    for process, webhook in started:
        # Whoever says nothing is stopped, and then has said too little.
        watch = threading.Timer(20, process.kill)
        watch.start()
        assert process.stdout
        sample = json.loads(process.stdout.readline())
        assert sample[1] == "InterviewHeld", sample
        heard = {json.loads(process.stdout.readline() or '["nothing", ""]')[0] for _ in facts}
        watch.cancel()
        assert heard == set(facts), (heard, facts)
        failed = call("GET", f"{webhook}/deliveries?state=failed")["data"]
        assert not failed, failed
        print(f"{len(heard)} facts and a sample verified by {process.args[0]}")
finally:
    for process, _ in started:
        process.kill()
