//! An answer on its way to a client, who may fetch it slowly: part by part, so that what is not fetched yet is counted in the
//! room for bodies, and for no longer than the same bytes might take to arrive.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;

use super::connection::One;
use super::pace;
use super::room::Held;

/// What is written at once: about what the framework keeps of an answer.
const PART: usize = 32 << 10;

/// An answer's body; its request keeps its place on the connection until it is fetched.
pub struct Fetched {
    body: BoxBody,
    rest: Bytes,
    _room: Option<Held>,
    _one: Option<One>,
}

impl Fetched {
    /// The body, and what its request holds.
    pub fn new(body: BoxBody, room: Option<Held>, mut one: Option<One>) -> Self {
        if let (Some(bytes), Some(one)) = (long(&body), &mut one) {
            one.is_fetched_within(pace::of_so_many(bytes));
        }
        Self {
            body,
            rest: Bytes::new(),
            _room: room,
            _one: one,
        }
    }
}

/// How long a body is that does not go out at once.
pub fn long(body: &impl MessageBody) -> Option<u64> {
    match body.size() {
        BodySize::Sized(bytes) if bytes > PART as u64 => Some(bytes),
        _ => None,
    }
}

impl MessageBody for Fetched {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_next(cx) {
                Poll::Ready(Some(Ok(more))) => self.rest = more,
                other => return other,
            }
        }
        let part = PART.min(self.rest.len());
        Poll::Ready(Some(Ok(self.rest.split_to(part))))
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        if long(&self.body).is_some() {
            return Err(self);
        }
        let Self {
            body,
            rest,
            _room,
            _one,
        } = self;
        body.try_into_bytes().map_err(|body| Self {
            body,
            rest,
            _room,
            _one,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[actix_web::test]
    async fn a_long_body_goes_out_part_by_part_and_a_short_one_at_once() {
        let long = Bytes::from(vec![7; 2 * PART + 1]);
        let body = Fetched::new(BoxBody::new(long.clone()), None, None);
        let Err(body) = body.try_into_bytes() else {
            panic!("it is long")
        };
        let (mut body, mut parts) = (Box::pin(body), Vec::new());
        while let Some(part) = poll_fn(|cx| body.as_mut().poll_next(cx)).await {
            parts.push(part.expect("a part"));
        }
        assert_eq!(parts.iter().map(Bytes::len).collect::<Vec<_>>(), [PART, PART, 1]);
        assert_eq!(parts.concat(), long);
        let short = Fetched::new(BoxBody::new("short"), None, None);
        assert_eq!(short.try_into_bytes().ok().expect("short"), "short");
    }
}
