"""Records what the examples of the OpenAPI document are about, so that requests with their ids meet something: of each
kind of thing one, by the document's own examples.
"""

import json
import sys
import urllib.error
import urllib.request

url, key = sys.argv[1:]
# Whoever is erased, by hooks.py.
OTHERS = {"cnd": "cnd_01k9ze3n8qfq7s5b1x5n0v3gk3", "con": "con_01k9ze3n8qfq7s5b1x5n0v3gk3"}


def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


document = ask("GET", "/openapi.json")[1]


def makes(operation):
    """The example of a body that makes a thing, with the id that all examples give it."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
    subject = document["components"]["schemas"].get(name, {}).get("properties", {}).get("subject", {})
    ids = subject.get("examples")
    return ids and {**content["example"], "subject": ids[0]}


waiting = []
for path, methods in document["paths"].items():
    body = "post" in methods and makes(methods["post"])
    # A rejection ends what the others go on with.
    if body and not path.endswith("/rejection"):
        for parameter in methods["post"].get("parameters", []):
            path = path.replace("{%s}" % parameter["name"], str(parameter.get("example")))
        waiting.append((path, body))
        other = OTHERS.get(body["subject"].split("_")[0])
        if other:
            waiting.append((path, {**body, "subject": other}))

# What another thing is part of comes before it, in some order.
while waiting:
    answers = [(path, body, ask("POST", path, body)) for path, body in waiting]
    left = [(path, body, answer) for path, body, (status, answer) in answers if status != 201]
    if len(left) == len(waiting):
        for path, body, answer in left:
            print(f"{path} {body}: {answer}", file=sys.stderr)
        sys.exit("the document's own examples are refused")
    waiting = [(path, body) for path, body, _ in left]
