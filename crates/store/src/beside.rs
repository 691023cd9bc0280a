//! What a tenant has beside its log: mail settings, webhooks, calendars, API keys, a playbook, templates. A change of it is
//! no fact, and yet is to be made once: it goes in with the name of its request, in one commit, or not at all. Each such
//! change is made of statements by the file that knows their table; the appender knows none of them.

use crate::statement::Statement;

/// A change of what lies beside the log, to go in with a commit.
#[derive(Debug, Clone)]
pub struct Beside(Vec<Line>);

#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) statement: Statement,
    /// Where it moves no row, nothing of the commit goes in.
    pub(crate) must: bool,
}

impl Beside {
    /// A change that is a conflict where it moves no row: what it rests on is not there, or not as it was any more.
    pub(crate) fn must(statement: Statement) -> Self {
        Self(vec![Line { statement, must: true }])
    }

    /// A change that may find nothing to do.
    pub(crate) fn may(statement: Statement) -> Self {
        Self(vec![Line { statement, must: false }])
    }

    /// Both, one after the other.
    #[must_use]
    pub fn and(mut self, then: Self) -> Self {
        self.0.extend(then.0);
        self
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = Line> + '_ {
        self.0.iter().cloned()
    }
}
