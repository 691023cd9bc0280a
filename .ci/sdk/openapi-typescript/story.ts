// The story of .ci/sdk/README.md, through types by openapi-typescript and calls by openapi-fetch.
declare const process: { env: { AFTERWORD: string; KEY: string } };

// docs
import createClient from "openapi-fetch";
import type { components, paths } from "./afterword.js";

const afterword = createClient<paths>({
  baseUrl: process.env.AFTERWORD,
  headers: { Authorization: `Bearer ${process.env.KEY}` },
  querySerializer: { array: { style: "form", explode: false } },
});
const body = { name: "Amara Okafor", time_zone: "Europe/Berlin" };
const { data, error } = await afterword.POST("/v1/candidates", { body });
if (error) throw new Error(`${error.code}: ${error.detail}`);
const candidate = data.event.candidate;
// docs end

type Schemas = components["schemas"];

function told<T>(answer: { data?: T; error?: Schemas["Problem"] }): T {
  if (answer.data === undefined) throw new Error(answer.error?.detail ?? "no answer");
  return answer.data;
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

const opened = told(
  await afterword.POST("/v1/candidates/{candidate}/applications", {
    params: { path: { candidate } },
    body: { organisation: { name: "Kestrel Robotics" }, position: "Site reliability engineer" },
  }),
);
const application = opened.event.subject;

// Sent again under the same key, a request has one effect.
const meets = () =>
  afterword.POST("/v1/candidates/{candidate}/contacts", {
    params: { path: { candidate }, header: { "Idempotency-Key": `${candidate}/dana` } },
    body: { name: "Dana Whitfield", email: "dana@kestrel.example", preferred_channel: "email" },
  });
const met = told(await meets());
const again = await meets();
check(told(again).event.id === met.event.id, "the contact was collected twice");
check(again.response.headers.get("Idempotency-Replayed") === "true", "the answer is not that of the first request");
const dana = met.event.subject;

const interviewed = told(
  await afterword.POST("/v1/candidates/{candidate}/applications/{application}/interviews", {
    params: { path: { candidate, application } },
    body: {
      starts_at: "2026-03-02T10:00:00+01:00",
      ends_at: "2026-03-02T11:30:00+01:00",
      time_zone: "Europe/Berlin",
      format: "video",
      interviewers: [dana],
      occurred_at: "2026-02-26T09:00:00+01:00",
    },
  }),
);
const interview = interviewed.event.subject;
const held = told(
  await afterword.POST("/v1/candidates/{candidate}/interviews/{interview}/held", {
    params: { path: { candidate, interview } },
    body: { ended_at: "2026-03-02T11:40:00+01:00" },
  }),
);
const thanks = held.tasks.raised.find((task) => task.play === "write_thank_you");
check(thanks?.action.operation === "suggest_notes", "no thank-you note is due");

const drafted = told(
  await afterword.POST("/v1/candidates/{candidate}/notes", {
    params: { path: { candidate } },
    body: { kind: "thank_you", recipients: [dana], channel: "email", interview, body: "Dear Dana Whitfeld,\n\nThank you!" },
  }),
);
const path = { candidate, note: drafted.event.subject };
const reviewed = told(
  await afterword.POST("/v1/candidates/{candidate}/notes/{note}/reviewed", { params: { path }, body: {} }),
);
const rules: Schemas["Finding"]["rule"][] = reviewed.event.data.findings.map((finding) => finding.rule);
check(rules.includes("name_misspelled"), `the review found ${rules.join()}`);
told(
  await afterword.PATCH("/v1/candidates/{candidate}/notes/{note}", {
    params: { path },
    body: { body: "Dear Dana Whitfield,\n\nThank you!" },
    headers: { "Content-Type": "application/merge-patch+json" },
  }),
);
const sent = told(await afterword.POST("/v1/candidates/{candidate}/notes/{note}/sent", { params: { path }, body: {} }));
check(sent.tasks.closed.some((task) => task.id === thanks.id), "the thank-you note is not done");

// All pages of the feed; the union of facts is told apart by `type`.
const types = ["ApplicationOpened", "InterviewHeld", "NoteReviewed", "NoteSent"];
const facts: Schemas["Event"][] = [];
let query: { candidate: string; types: string[]; limit: number; cursor?: string } = { candidate, types, limit: 3 };
for (;;) {
  const page = told(await afterword.GET("/v1/events", { params: { query } }));
  if (page.data.length === 0) break;
  facts.push(...page.data);
  query = { ...query, cursor: page.next_cursor };
}
const words = facts.map((fact) => {
  switch (fact.type) {
    case "ApplicationOpened":
      return fact.data.organisation.name;
    case "InterviewHeld":
      return fact.data.ended_at;
    case "NoteReviewed":
      return `${fact.data.findings.length > 0}`;
    default:
      return fact.type;
  }
});
check(words.join() === "Kestrel Robotics,2026-03-02T11:40:00+01:00,true,NoteSent", `the feed tells ${words.join()}`);

const queue = told(await afterword.GET("/v1/tasks", { params: { query: { candidate, state: ["open", "overdue"] } } }));
check(queue.data.length > 0 && queue.data.every((task) => task.candidate_name === "Amara Okafor"), "the queue");

const refused = await afterword.POST("/v1/candidates", { body: { name: "Nobody", time_zone: "Mars/Olympus" } });
check(refused.error?.code === "invalid" && refused.error.errors[0]?.pointer === "/time_zone", "the problem names no field");
