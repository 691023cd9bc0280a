// A short story that goes through the generated types: a candidate, a request for a document, its task, the feed.
import createClient from "openapi-fetch";
import type { components, paths } from "./afterword.js";

declare const process: { argv: string[] };

const [, , baseUrl = "", key = ""] = process.argv;
const afterword = createClient<paths>({
  baseUrl,
  headers: { Authorization: `Bearer ${key}` },
  querySerializer: { array: { style: "form", explode: false } },
});

type Problem = components["schemas"]["Problem"];

function told<T>(answer: { data?: T; error?: Problem }): T {
  if (answer.data === undefined) throw new Error(answer.error?.detail ?? "no answer");
  return answer.data;
}

const registered = told(
  await afterword.POST("/v1/candidates", { body: { name: "Amara Okafor", time_zone: "Europe/Berlin" } }),
);
const candidate = registered.event.candidate;
const opened = told(
  await afterword.POST("/v1/candidates/{candidate}/applications", {
    params: { path: { candidate } },
    body: { organisation: { name: "Kestrel Robotics" }, position: "Site reliability engineer" },
  }),
);
const requested = told(
  await afterword.POST("/v1/candidates/{candidate}/applications/{application}/document-requests", {
    params: { path: { candidate, application: opened.event.subject } },
    body: { document: "work samples" },
  }),
);
const task = requested.tasks.raised[0];
if (task?.play !== "answer_document_request" || task.state !== "open") throw new Error("no task was raised");

const feed = told(
  await afterword.GET("/v1/events", {
    params: { query: { candidate, types: ["ApplicationOpened", "DocumentRequested"] } },
  }),
);
// The union is told apart by `type`.
const documents = feed.data.map((event) => (event.type === "DocumentRequested" ? event.data.document : event.type));
if (documents.join() !== "ApplicationOpened,work samples") throw new Error(`the feed tells ${documents.join()}`);

const refused = await afterword.POST("/v1/candidates", { body: { name: "Nobody", time_zone: "Mars/Olympus" } });
if (refused.error?.errors[0]?.pointer !== "/time_zone") throw new Error("the problem names no field");
