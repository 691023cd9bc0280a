//! How stories begin: Ada Lovelace of Berlin has applied to Acme, was invited, was there. Things are named by their
//! paths, as `Location` gave them.

use serde_json::{Value, json};

use crate::{
    client::{Client, id},
    harness::World,
};

/// A candidate, and what there is of an application, a contact there, and an interview.
pub struct Scene {
    pub world: World,
    /// `/v1/candidates/{candidate}`.
    pub ada: String,
    /// The application to Acme.
    pub acme: String,
    /// Anna Berg of Acme, whose card is complete.
    pub anna: String,
    /// The interview with Anna: Monday, 2 March 2026, two to three in Berlin.
    pub interview: String,
}

impl std::ops::Deref for Scene {
    type Target = World;
    fn deref(&self) -> &World {
        &self.world
    }
}

/// Registers a candidate who lives in Berlin.
pub async fn registers(client: &Client, name: &str) -> String {
    client
        .makes("/v1/candidates", json!({"name": name, "time_zone": "Europe/Berlin"}))
        .await
}

/// Opens an application.
pub async fn applies(client: &Client, candidate: &str, organisation: &str) -> String {
    let application = json!({"organisation": {"name": organisation}, "position": "Engineer"});
    client.makes(&format!("{candidate}/applications"), application).await
}

/// Collects the complete card of somebody.
pub async fn meets(client: &Client, candidate: &str, name: &str, email: &str) -> String {
    let card = json!({"name": name, "email": email, "preferred_channel": "email", "organisation_name": "Acme GmbH"});
    client.makes(&format!("{candidate}/contacts"), card).await
}

/// Reviews a note and lets its errors stand.
pub async fn clears(client: &Client, note: &str) {
    let review = client.records(&format!("{note}/reviewed"), json!({})).await;
    let findings = review["event"]["data"]["findings"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for finding in findings.iter().filter(|finding| finding["severity"] == "error") {
        let waiver = json!({"finding": finding["id"], "reason": "So it is."});
        client.records(&format!("{note}/waivers"), waiver).await;
    }
}

impl Scene {
    /// Ada has applied to Acme and knows Anna; it is Monday, nine o'clock.
    pub async fn applied(world: World) -> Self {
        let ada = registers(&world, "Ada Lovelace").await;
        let acme = applies(&world, &ada, "Acme").await;
        let anna = meets(&world, &ada, "Anna Berg", "anna@acme.example").await;
        Self {
            world,
            ada,
            acme,
            anna,
            interview: String::new(),
        }
    }

    /// Acme invited Ada for today, two to three, with Anna.
    pub async fn invited(world: World) -> Self {
        let mut scene = Self::applied(world).await;
        let anna = id(&scene.anna).to_owned();
        scene.interview = scene
            .schedules("2026-03-02T14:00:00+01:00", "2026-03-02T15:00:00+01:00", &[&anna])
            .await;
        scene
    }

    /// The interview was held, and told of at ten past three.
    pub async fn interviewed(world: World) -> Self {
        let scene = Self::invited(world).await;
        scene.at("2026-03-02T15:10:00+01:00");
        scene
            .records(
                &format!("{}/held", scene.interview),
                json!({"ended_at": "2026-03-02T15:00:00+01:00"}),
            )
            .await;
        scene
    }

    /// An interview in Berlin for Acme with contacts, by their ids.
    pub async fn schedules(&self, starts_at: &str, ends_at: &str, interviewers: &[&str]) -> String {
        let body = json!({"starts_at": starts_at, "ends_at": ends_at, "time_zone": "Europe/Berlin", "format": "onsite",
            "interviewers": interviewers});
        self.makes(&format!("{}/interviews", self.acme), body).await
    }

    /// The candidate's tasks of a play, in any state.
    pub async fn tasks(&self, play: &str) -> Vec<Value> {
        let states = "waiting,open,overdue,done,dismissed,void";
        self.lists(&format!("{}/tasks?play={play}&state={states}&snoozed=true", self.ada))
            .await
    }

    /// The candidate's one task of a play.
    #[track_caller]
    pub fn task(&self, play: &'static str) -> impl Future<Output = Value> {
        let called = std::panic::Location::caller();
        async move {
            let tasks = self.tasks(play).await;
            assert_eq!(tasks.len(), 1, "tasks of {play} at {called}: {tasks:#?}");
            tasks[0].clone()
        }
    }

    /// The application's status.
    pub async fn status(&self) -> String {
        self.sees(&self.acme).await["status"]
            .as_str()
            .expect("a status")
            .to_owned()
    }

    /// Writes a note for Acme to Anna and sends it; gives the answer to the sending.
    pub async fn writes(&self, kind: &str) -> Value {
        let note =
            json!({"kind": kind, "recipients": [id(&self.anna)], "channel": "email", "application": id(&self.acme)});
        let note = self.makes(&format!("{}/notes", self.ada), note).await;
        self.records(&format!("{note}/sent"), json!({})).await
    }
}
