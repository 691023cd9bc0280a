//! How a request is let in: by its key, within the key's rate limit, when it is the key's turn; and what becomes of key and
//! turn while it takes long.

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use afterword_store::{Turn, Turns, after_others};
use futures_util::future::{FutureExt, LocalBoxFuture, ready};
use uuid::Uuid;

use super::keys::Authenticator;
use super::problem::{Code, Problem};
use super::rate_limit::RateLimits;
use super::scopes::Caller;

/// The key of a request that takes long: it may be revoked meanwhile, and then counts no more.
pub struct KeyInUse {
    authenticator: web::Data<Authenticator>,
    authorization: Option<HeaderValue>,
}

impl KeyInUse {
    /// The key that a request was admitted by.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let authenticator = request.app_data::<web::Data<Authenticator>>();
        Ok(Self {
            authenticator: authenticator.ok_or_else(without_authenticator)?.clone(),
            authorization: request.headers().get(AUTHORIZATION).cloned(),
        })
    }

    /// `401` where it was revoked, or has expired. A store that does not answer just now has revoked nothing.
    pub async fn still_counts(&self) -> Result<(), Problem> {
        let authorization = self.authorization.as_ref().map(HeaderValue::as_bytes);
        match self.authenticator.again(authorization).await {
            Err(problem) if problem.code() == Code::Unauthenticated => Err(problem),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

fn without_authenticator() -> Problem {
    Problem::internal("the app has no Authenticator")
}

/// Waits for the turn of the request's key, and keeps it until the request is answered or gives it back.
pub async fn take_turn(request: &HttpRequest) -> Result<(), Problem> {
    let key = request.extensions().get::<Caller>().map(|caller| caller.key_id);
    let turns = request.app_data::<web::Data<Turns<Uuid>>>();
    if let Some((turns, key)) = turns.zip(key) {
        let mut turn = turns.take(key).await.ok_or_else(|| Problem::overloaded(1))?;
        turn.rest().await;
        request.extensions_mut().insert(turn);
        after_others().await;
    }
    Ok(())
}

/// Lets others go on: the request waits for something, and takes its turn again later.
pub fn give_turn_back(request: &HttpRequest) {
    // Taken out first: it is dropped when nobody borrows the extensions any more.
    let turn = request.extensions_mut().remove::<Turn<Uuid>>();
    drop(turn);
}

/// As a handler's argument a caller is the proof that the key is valid, within its rate limit, and that it is its turn.
impl FromRequest for Caller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // The guard of the route has asked before the handler does: one look-up, and one request of the key's allowance.
        if let Some(caller) = request.extensions().get::<Self>().cloned() {
            return ready(Ok(caller)).boxed_local();
        }
        let request = request.clone();
        async move {
            let authenticator = request
                .app_data::<web::Data<Authenticator>>()
                .ok_or_else(without_authenticator)?;
            let authorization = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes());
            let caller = authenticator.caller(authorization).await?;
            request.extensions_mut().insert(caller.clone());
            if let Some(limits) = request.app_data::<web::Data<RateLimits>>() {
                let (allowance, wait) = limits.take(caller.key_id);
                request.extensions_mut().insert(allowance);
                if let Some(seconds) = wait {
                    let problem = Problem::new(Code::RateLimited, format!("The key may ask again in {seconds} s."));
                    return Err(problem.header(actix_web::http::header::RETRY_AFTER, seconds.into()));
                }
            }
            take_turn(&request).await?;
            Ok(caller)
        }
        .boxed_local()
    }
}
