//! The body of a request with many facts, line by line, as it comes.

use actix_web::web;
use bytes::{Bytes, BytesMut};

use crate::edge::{codes::Code, pace::Pace, problem::Problem};

/// So many lines a request may have, of so many bytes together.
const MOST: usize = 20_000;
pub(super) const BYTES: usize = 64 << 20;
/// The longest line.
const LINE: usize = 1 << 20;
/// So many lines are recorded at a time, of so many bytes.
const TOGETHER: usize = 256;
const BYTES_TOGETHER: usize = 4 << 20;

pub(super) fn too_long() -> Problem {
    Problem::new(
        Code::TooLarge,
        format!("A body may have up to {MOST} lines and {BYTES} bytes: send the rest in another request."),
    )
}

/// The body, line by line.
pub(super) struct Lines {
    payload: Pace,
    held: BytesMut,
    /// So far into what is held no line ends.
    looked: usize,
    bytes: usize,
    /// The number of the last line.
    pub(super) number: usize,
    /// Whether the line at hand is too long, so that the rest of it is passed over.
    passing: bool,
    ended: bool,
}

/// How the body ended.
pub(super) type End = Result<(), Problem>;

impl Lines {
    pub(super) fn of(payload: web::Payload) -> Self {
        Self {
            payload: Pace::of(payload),
            held: BytesMut::new(),
            looked: 0,
            bytes: 0,
            number: 0,
            passing: false,
            ended: false,
        }
    }

    /// The next lines, as many as are recorded together, with their numbers; and how the body ended, if it did.
    pub(super) async fn some(&mut self) -> (Vec<(usize, Result<Bytes, Problem>)>, Option<End>) {
        let (mut some, began) = (Vec::new(), self.bytes);
        while some.len() < TOGETHER && self.bytes - began < BYTES_TOGETHER {
            match self.next().await {
                Ok(Some(line)) => {
                    self.number += 1;
                    if self.number > MOST {
                        self.number = MOST;
                        return (some, Some(Err(too_long())));
                    }
                    if !line.as_ref().is_ok_and(|line| line.trim_ascii().is_empty()) {
                        some.push((self.number, line));
                    }
                }
                Ok(None) => return (some, Some(Ok(()))),
                Err(problem) => return (some, Some(Err(problem))),
            }
        }
        (some, None)
    }

    /// The next line; none at the end. What is wrong with one line is that line's.
    async fn next(&mut self) -> Result<Option<Result<Bytes, Problem>>, Problem> {
        loop {
            let end = self.held[self.looked..].iter().position(|byte| *byte == b'\n');
            if let Some(end) = end {
                let line = self.held.split_to(self.looked + end + 1).freeze();
                return Ok(Some(self.whole(line.slice(..line.len() - 1))));
            }
            self.looked = self.held.len();
            if self.held.len() > LINE {
                self.passing = true;
                self.held.clear();
                self.looked = 0;
            }
            if self.ended {
                let line = self.held.split().freeze();
                let any = !line.is_empty() || self.passing;
                return Ok(any.then(|| self.whole(line)));
            }
            match self.payload.next().await? {
                None => self.ended = true,
                Some(part) => {
                    self.bytes += part.len();
                    if self.bytes > BYTES {
                        return Err(too_long());
                    }
                    self.held.extend_from_slice(&part);
                }
            }
        }
    }

    /// A line of which the end was found.
    fn whole(&mut self, line: Bytes) -> Result<Bytes, Problem> {
        self.looked = 0;
        if std::mem::take(&mut self.passing) || line.len() > LINE {
            let told = format!("A line may have up to {LINE} bytes.");
            return Err(Problem::new(Code::TooLarge, told));
        }
        Ok(line)
    }
}
