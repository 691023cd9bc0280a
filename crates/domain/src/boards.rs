//! Rows of the lists across candidates: the task queue, the applications board and the rejections of a
//! coach or a career centre. A row holds what its reader must know without asking further.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    applications::{Application, ApplicationView, Status},
    candidate::Candidate,
    ids::{ApplicationId, CandidateId, RejectionId},
    play::{Owed, Task},
    rejection::{Rejection, Stage},
    time::{Date, Instant},
    values::Line,
};

/// A task in the queue across candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueuedTask {
    /// The task.
    #[serde(flatten)]
    pub task: Task,
    /// Whose task it is.
    pub candidate_name: Option<Line>,
    /// The candidate's id in the client's own system.
    pub external_id: Option<Line>,
    /// The organisation of the application that it belongs to.
    pub organisation_name: Option<Line>,
    /// The position of the application that it belongs to.
    pub position: Option<Line>,
}

/// An application on the board across candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BoardApplication {
    /// The application.
    #[serde(flatten)]
    pub application: ApplicationView,
    /// Whose application it is.
    pub candidate: CandidateId,
    /// The candidate's name.
    pub candidate_name: Option<Line>,
    /// The candidate's id in the client's own system.
    pub external_id: Option<Line>,
}

/// A rejection in the list across candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BoardRejection {
    /// Its id.
    pub id: RejectionId,
    /// Who was rejected.
    pub candidate: CandidateId,
    /// The candidate's name.
    pub candidate_name: Option<Line>,
    /// The candidate's id in the client's own system.
    pub external_id: Option<Line>,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The organisation.
    pub organisation_name: Line,
    /// The position.
    pub position: Line,
    /// How far its handling has come.
    pub stage: Stage,
    /// When it came.
    pub received_at: Instant,
    /// The day to come back.
    pub revisit_on: Option<Date>,
}

impl Candidate {
    fn name(&self) -> Option<Line> {
        self.profile.as_ref().map(|profile| profile.name.get().clone())
    }

    fn external_id(&self) -> Option<Line> {
        self.profile
            .as_ref()
            .and_then(|profile| profile.external_id.get().clone())
    }

    /// A task's row.
    pub fn queued(&self, owed: &Owed, now: jiff::Timestamp) -> QueuedTask {
        let application = owed.application.and_then(|id| self.application(id));
        QueuedTask {
            task: self.task(owed, now),
            candidate_name: self.name(),
            external_id: self.external_id(),
            organisation_name: application.map(|application| application.organisation.name.clone()),
            position: application.map(|application| application.position.get().clone()),
        }
    }

    /// An application's row, with the status that it has before silence is counted.
    pub fn board(&self, application: &Application) -> BoardApplication {
        let status: Status = application.base_status();
        BoardApplication {
            application: ApplicationView {
                status,
                ..application.view(jiff::Timestamp::MIN)
            },
            candidate: self.id,
            candidate_name: self.name(),
            external_id: self.external_id(),
        }
    }

    /// A rejection's row.
    pub fn board_rejection(&self, application: &Application, rejection: &Rejection) -> BoardRejection {
        BoardRejection {
            id: rejection.id,
            candidate: self.id,
            candidate_name: self.name(),
            external_id: self.external_id(),
            application: application.id,
            organisation_name: application.organisation.name.clone(),
            position: application.position.get().clone(),
            stage: rejection.stage(application),
            received_at: Instant::in_zone(rejection.received.1.at, &application.zone(self)),
            revisit_on: rejection.revisit_on(),
        }
    }
}
