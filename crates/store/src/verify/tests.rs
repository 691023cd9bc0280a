//! What a verification finds, and what a rebuild makes good.

use afterword_domain::catalogue::{AnyFact, Reader};
use afterword_domain::decide::Proposal;
use afterword_domain::fact::Fact;
use afterword_domain::ids::{ApplicationId, EventId, Subject};
use afterword_domain::playbook::PlaybookRules;
use jiff::Timestamp;
use serde_json::{Value, json};

use uuid::Uuid;

use super::*;
use crate::statement::Statement;
use crate::{Beside, Command, Commit, Place, PlaybookRow, Rebuilt, Store, StoreOptions, TaskFilter, TaskQuery};

const ONE: Rebuilt = Rebuilt {
    candidates: 1,
    failed: 0,
};

const T: TenantId = TenantId(7);

struct Plain;

impl Reader for Plain {
    type Error = serde_json::Error;
    fn read<F: Fact>(&mut self, data: Value) -> Result<F, Self::Error> {
        serde_json::from_value(data)
    }
}

struct Stand {
    recorder: Recorder,
    next: u128,
    _folder: tempfile::TempDir,
}

impl Stand {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Folder(folder.path().to_owned());
        let options = StoreOptions {
            place,
            keys_url: None,
            master_key_file: None,
        };
        let store = Store::open(&options).await.unwrap();
        store.tenant_create(T, "one", false, 1).await.unwrap();
        Self {
            recorder: Recorder::new(store),
            next: 1000,
            _folder: folder,
        }
    }

    fn id(&mut self) -> Uuid {
        self.next += 1;
        Uuid::from_u128(self.next)
    }

    async fn record(&mut self, candidate: Uuid, application: Option<Uuid>, subject: Subject, name: &str, data: Value) {
        let proposal = Proposal {
            event: EventId::new(self.id()),
            application: application.map(ApplicationId::new),
            subject: Some(subject),
            occurred_at: None,
            fact: AnyFact::parse(name, data, &mut Plain).unwrap().unwrap(),
        };
        let command = Command {
            tenant: T,
            candidate: CandidateId::new(candidate),
            fresh: false,
            proposals: vec![proposal],
            atomic: true,
            by: "key_x".into(),
            now: "2026-03-02T10:00:00Z".parse::<Timestamp>().unwrap(),
            condition: None,
            idempotency: None,
            fence: None,
        };
        self.recorder.record(command).await.unwrap();
    }

    /// A candidate with an application, a document request (and so tasks), and a rejection of another.
    async fn candidate(&mut self) -> Uuid {
        self.candidate_named("x-1").await
    }

    async fn candidate_named(&mut self, external_id: &str) -> Uuid {
        let (candidate, one, other) = (self.id(), self.id(), self.id());
        let id = CandidateId::new(candidate);
        let profile =
            json!({"name": "Ada", "time_zone": "Europe/Berlin", "external_id": external_id, "groups": ["b", "a"]});
        self.record(candidate, None, id.into(), "CandidateRegistered", profile)
            .await;
        for application in [one, other] {
            let opened = json!({"organisation": {"name": "Acme"}, "position": "Engineer"});
            let subject = ApplicationId::new(application).into();
            self.record(candidate, None, subject, "ApplicationOpened", opened).await;
        }
        let request = afterword_domain::ids::DocumentRequestId::new(self.id()).into();
        self.record(
            candidate,
            Some(one),
            request,
            "DocumentRequested",
            json!({"document": "diploma"}),
        )
        .await;
        let rejection = afterword_domain::ids::RejectionId::new(self.id()).into();
        self.record(
            candidate,
            Some(other),
            rejection,
            "RejectionReceived",
            json!({"channel": "email"}),
        )
        .await;
        candidate
    }

    async fn erase(&mut self, candidate: Uuid) {
        self.record(
            candidate,
            None,
            CandidateId::new(candidate).into(),
            "CandidateErased",
            json!({}),
        )
        .await;
    }

    async fn tamper(&self, sql: &'static str) {
        assert!(
            self.recorder
                .store()
                .db()
                .execute(T, Statement::new(sql))
                .await
                .unwrap()
                > 0,
            "{sql}"
        );
    }

    async fn differences(&self) -> Vec<String> {
        let mut told = Vec::new();
        let verified = self.recorder.verify(T, |tell| {
            if let Told::Difference { what, .. } = tell {
                told.push(what);
            }
        });
        assert_eq!(verified.await.unwrap().differences, told.len() as u64);
        told
    }
}

#[tokio::test]
async fn a_queue_reads_as_the_state_says_from_the_table_and_from_memory() {
    use TaskFilter::{Dismissed, Done, Open, Overdue, Void, Waiting};
    let mut stand = Stand::new().await;
    let id = stand.candidate().await;
    let candidate = stand.recorder.candidate(T, CandidateId::new(id)).await.unwrap();
    for now in ["2026-03-02T10:00:00Z", "2026-03-04T10:00:00Z", "2027-03-02T10:00:00Z"] {
        let now = now.parse::<Timestamp>().unwrap();
        let told: Vec<String> = candidate
            .tasks
            .values()
            .map(|owed| serde_json::to_string(&candidate.queued(owed, now)).unwrap())
            .collect();
        for _ in 0..2 {
            let query = TaskQuery {
                now: now.as_microsecond(),
                states: vec![Waiting, Open, Overdue, Done, Dismissed, Void],
                snoozed: true,
                limit: 100,
                ..TaskQuery::default()
            };
            let page = stand.recorder.list_tasks(T, query).await.unwrap();
            let mut read: Vec<String> = page.into_iter().filter_map(|row| row.json).collect();
            assert_eq!(read.len(), 3);
            read.sort_unstable();
            let mut told = told.clone();
            told.sort_unstable();
            assert_eq!(read, told);
        }
    }
}

#[tokio::test]
async fn what_is_stored_is_what_the_log_says() {
    let mut stand = Stand::new().await;
    stand.candidate().await;
    let verified = stand.recorder.verify(T, |_| ()).await.unwrap();
    assert_eq!(
        verified,
        Verified {
            candidates: 1,
            events: 5,
            differences: 0
        },
        "{:?}",
        stand.differences().await
    );
}

#[tokio::test]
async fn a_row_that_says_otherwise_is_found_and_a_rebuild_makes_it_good() {
    let mut stand = Stand::new().await;
    stand.candidate().await;
    let some = |what: &str, differences: &[String]| {
        assert!(
            differences.iter().any(|it| it.contains(what)),
            "{what}: {differences:?}"
        )
    };
    for (sql, what) in [
        (
            "UPDATE tasks SET due_at = due_at + 1 WHERE state = 'live'",
            "differs in due_at",
        ),
        ("UPDATE tasks SET state = 'done'", "differs in state"),
        ("UPDATE tasks SET sealed = zeroblob(60)", "task (unreadable)"),
        ("DELETE FROM tasks", "it is missing"),
        (
            "INSERT INTO tasks SELECT tenant_id, candidate_id, zeroblob(16), application_id, play, state, opens_at, due_at, \
          snoozed_until, version, sealed FROM tasks LIMIT 1",
            "it is too many",
        ),
        ("UPDATE applications SET status = 'awaiting'", "differs in status"),
        (
            "UPDATE applications SET rejection_sealed = NULL, rejection_stage = 'closed'",
            "rejection_stage, rejection",
        ),
        ("UPDATE streams SET external_hash = NULL", "external_hash"),
        ("UPDATE streams SET derivation = 0", "derivation"),
        ("UPDATE streams SET next_at = 1", "next_at"),
        ("UPDATE streams SET playbook_version = 1", "playbook_version"),
        ("DELETE FROM stream_groups WHERE group_label = 'a'", "groups"),
    ] {
        stand.tamper(sql).await;
        some(what, &stand.differences().await);
        assert_eq!(stand.recorder.rebuild(T, || ()).await.unwrap(), ONE);
        assert_eq!(stand.differences().await, Vec::<String>::new(), "after {sql}");
    }
}

#[tokio::test]
async fn what_an_earlier_release_derived_is_derived_anew_once() {
    let mut stand = Stand::new().await;
    stand.candidate().await;
    assert_eq!(stand.recorder.rebuild_outdated(T).await.unwrap(), Rebuilt::default());
    stand.tamper("UPDATE streams SET derivation = 0").await;
    assert_eq!(stand.recorder.rebuild_outdated(T).await.unwrap(), ONE);
    assert_eq!(stand.recorder.rebuild_outdated(T).await.unwrap(), Rebuilt::default());
    assert_eq!(stand.differences().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_hole_in_the_log_is_found() {
    let mut stand = Stand::new().await;
    stand.candidate().await;
    stand.tamper("DELETE FROM events WHERE version = 4").await;
    let differences = stand.differences().await;
    assert!(
        differences.contains(&"the log has no fact at position 4".to_owned()),
        "{differences:?}"
    );
    assert!(
        differences.iter().any(|it| it.contains("should have versions 1 to 5")),
        "{differences:?}"
    );
    stand.tamper("UPDATE heads SET position = 9").await;
    assert!(
        stand
            .differences()
            .await
            .contains(&"the log ends at position 5, its head says 9".to_owned())
    );
}

#[tokio::test]
async fn a_payload_that_does_not_open_is_found() {
    let mut stand = Stand::new().await;
    stand.candidate().await;
    stand
        .tamper("UPDATE events SET sealed = zeroblob(80) WHERE version = 2")
        .await;
    assert_eq!(stand.differences().await, ["a fact of its stream cannot be read"]);
    // It stays as it is, and the others are derived anew all the same.
    stand.candidate_named("x-2").await;
    assert_eq!(
        stand.recorder.rebuild(T, || ()).await.unwrap(),
        Rebuilt {
            candidates: 1,
            failed: 1
        }
    );
}

#[tokio::test]
async fn rows_without_a_stream_are_found() {
    let mut stand = Stand::new().await;
    stand.candidate().await;
    stand.tamper("DELETE FROM streams").await;
    let differences = stand.differences().await;
    for what in ["the log holds facts of", "tasks of", "applications of", "groups of"] {
        assert!(
            differences.contains(&format!("{what} a candidate without a stream")),
            "{differences:?}"
        );
    }
}

#[tokio::test]
async fn an_erased_candidate_leaves_nothing_to_find() {
    let mut stand = Stand::new().await;
    let candidate = stand.candidate().await;
    stand.erase(candidate).await;
    let verified = stand.recorder.verify(T, |_| ()).await.unwrap();
    assert_eq!(
        verified,
        Verified {
            candidates: 1,
            events: 6,
            differences: 0
        },
        "{:?}",
        stand.differences().await
    );
    assert_eq!(stand.recorder.rebuild(T, || ()).await.unwrap(), Rebuilt::default());
    stand.tamper("UPDATE streams SET sealed = zeroblob(80)").await;
    assert_eq!(stand.differences().await, ["it is erased, and there is a summary"]);
}

#[tokio::test]
async fn a_playbook_that_was_changed_is_told_and_stops_only_who_follows_it() {
    let mut stand = Stand::new().await;
    let (hash, rules) = crate::written(&PlaybookRules::default());
    let mut commit = Commit::new(T, Uuid::from_u128(1), 0);
    let row = PlaybookRow {
        version: 1,
        hash,
        rules,
        recorded_at: 1,
        recorded_by: "key".to_owned(),
    };
    commit.beside = Some(Beside::playbook(T, &row));
    stand.recorder.store().append(commit).await.unwrap();
    let follows = stand.candidate_named("x-1").await;
    assert_eq!(stand.differences().await, Vec::<String>::new());
    let candidate = stand.recorder.candidate(T, CandidateId::new(follows)).await.unwrap();
    assert_eq!(candidate.playbook.version, 1);
    let unreadable = [
        "version 1 of the playbook is not what its hash says, or cannot be read",
        "version 1 of the playbook, which the candidate has adopted, cannot be read or was changed",
    ];
    for sql in [
        "UPDATE playbooks SET rules = '{\"plays\":[{\"play\":\"debrief\",\"on\":false}]}'",
        "UPDATE playbooks SET rules = 'none'",
    ] {
        stand.tamper(sql).await;
        let mut told = stand.differences().await;
        told.sort_unstable();
        assert_eq!(told, unreadable, "{sql}");
    }
    let recorder = Recorder::new(stand.recorder.store().clone());
    let read = recorder.candidate(T, CandidateId::new(follows)).await;
    assert!(matches!(read, Err(StoreError::UnreadablePlaybook(1))), "{read:?}");
    // Others are written to, and whoever derives anew goes on with them.
    stand.recorder = recorder;
    let other = stand.candidate_named("x-2").await;
    let candidate = stand.recorder.candidate(T, CandidateId::new(other)).await.unwrap();
    assert_eq!(candidate.playbook.version, 0);
    let rebuilt = stand.recorder.rebuild(T, || ()).await.unwrap();
    assert_eq!((rebuilt.candidates, rebuilt.failed), (1, 1));
    // Other rules are not those that were adopted, whatever hash stands beside them.
    let (hash, _) =
        crate::written(&serde_json::from_value(json!({"plays": [{"play": "debrief", "on": false}]})).unwrap());
    let row = Statement::of(
        "UPDATE playbooks SET hash = $1, rules = '{\"plays\":[{\"play\":\"debrief\",\"on\":false}]}'",
        [hash.into()],
    );
    stand.recorder.store().db().execute(T, row).await.unwrap();
    assert_eq!(stand.differences().await, unreadable[1..]);
    // And who follows it can be forgotten.
    stand.erase(follows).await;
    let candidate = stand.recorder.candidate(T, CandidateId::new(follows)).await.unwrap();
    assert!(candidate.erased_at.is_some() && candidate.version > 5);
    assert_eq!(stand.recorder.rebuild(T, || ()).await.unwrap().failed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_and_rebuilding_beside_writers_differs_in_nothing() {
    let mut stand = Stand::new().await;
    let candidate = stand.candidate().await;
    let recorder = stand.recorder.clone();
    let beside = tokio::spawn(async move {
        let mut differences = 0;
        for _ in 0..15 {
            recorder.rebuild(T, || ()).await.unwrap();
            differences += recorder.verify(T, |_| ()).await.unwrap().differences;
        }
        differences
    });
    for turn in 0.. {
        let subject = CandidateId::new(candidate).into();
        stand
            .record(
                candidate,
                None,
                subject,
                "ProfileRevised",
                json!({"name": format!("Ada {turn}")}),
            )
            .await;
        if beside.is_finished() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(beside.await.unwrap(), 0);
    assert_eq!(stand.differences().await, Vec::<String>::new());
}
