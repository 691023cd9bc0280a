//! A client's connection: the requests that it carries, and when it is let go. The framework looks after a connection's first
//! headers and its silence between two requests; whoever begins a second request and does not go on, answers a ping and asks
//! for nothing, or takes an answer a byte at a time, is seen here.

use std::any::Any;
use std::cell::Cell;
use std::convert::Infallible;
use std::net::Shutdown;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use actix_web::rt::net::TcpStream;
use actix_web::rt::spawn;
use socket2::Socket;
use tokio::sync::oneshot;

use super::clock::stopwatch;

/// So long a connection may carry no request: it is silent for as long as it is kept (`IDLE`), and then begins one (`HEADERS`).
pub const AT_REST: Duration = Duration::from_secs(85);
/// Requests that a connection of HTTP/2 carries at once; others come one after another.
const OF_A_CONNECTION: usize = 128;

/// A connection, as its requests see it.
#[derive(Clone, Debug)]
pub struct Connection(Rc<State>);

#[derive(Debug)]
struct State {
    carried: Cell<usize>,
    /// Since when it carries no request.
    rests: Cell<Instant>,
    /// The same socket once more: to shut it down is all that can be done to a connection from outside.
    socket: Option<Socket>,
    _until_closed: oneshot::Sender<Infallible>,
}

/// A request that a connection carries, until its answer is fetched.
#[derive(Debug)]
pub struct One {
    connection: Connection,
    _until_fetched: Option<oneshot::Sender<Infallible>>,
}

impl Connection {
    /// One that was accepted just now. It is let go when it has been at rest for so long.
    pub fn of(accepted: &dyn Any, patience: Duration) -> Self {
        Self::looked_after(again(accepted), patience)
    }

    fn looked_after(socket: Option<Socket>, patience: Duration) -> Self {
        let (open, mut closed) = oneshot::channel();
        let connection = Self(Rc::new(State {
            carried: Cell::new(0),
            rests: Cell::new(stopwatch()),
            socket,
            _until_closed: open,
        }));
        let seen = Rc::downgrade(&connection.0);
        spawn(async move {
            let mut left = patience;
            while tokio::time::timeout(left, &mut closed).await.is_err() {
                let Some(state) = seen.upgrade() else { break };
                left = match state.carried.get() {
                    0 => patience.saturating_sub(state.rests.get().elapsed()),
                    _ => patience,
                };
                if left.is_zero() {
                    state.let_go();
                    break;
                }
            }
        });
        connection
    }

    /// One more request; none where it carries as many as may be.
    pub fn one_more(&self) -> Option<One> {
        let carried = self.0.carried.get();
        (carried < OF_A_CONNECTION).then(|| {
            self.0.carried.set(carried + 1);
            One {
                connection: self.clone(),
                _until_fetched: None,
            }
        })
    }
}

impl State {
    fn let_go(&self) {
        if let Some(socket) = &self.socket {
            // It may be closed already.
            socket.shutdown(Shutdown::Both).ok();
        }
    }
}

impl One {
    /// Its answer must be fetched within so long, or the connection is let go.
    pub fn is_fetched_within(&mut self, patience: Duration) {
        let (unfetched, fetched) = oneshot::channel::<Infallible>();
        let seen: Weak<State> = Rc::downgrade(&self.connection.0);
        self._until_fetched = Some(unfetched);
        spawn(async move {
            if tokio::time::timeout(patience, fetched).await.is_err()
                && let Some(state) = seen.upgrade()
            {
                state.let_go();
            }
        });
    }
}

impl Drop for One {
    fn drop(&mut self) {
        let state = &self.connection.0;
        state.carried.set(state.carried.get().saturating_sub(1));
        state.rests.set(stopwatch());
    }
}

/// The socket of what was accepted, once more.
#[cfg(unix)]
fn again(accepted: &dyn Any) -> Option<Socket> {
    use std::os::fd::AsFd;
    type Encrypted = actix_tls::accept::rustls_0_23::TlsStream<TcpStream>;
    let stream = accepted
        .downcast_ref::<TcpStream>()
        .or_else(|| Some(accepted.downcast_ref::<Encrypted>()?.get_ref().0))?;
    // Where the system has no more files to give, the connection is as good, only not looked after.
    stream.as_fd().try_clone_to_owned().ok().map(Socket::from)
}

#[cfg(not(unix))]
fn again(_: &dyn Any) -> Option<Socket> {
    None
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const SHORT: Duration = Duration::from_millis(40);

    /// Both ends.
    fn pair() -> (std::net::TcpStream, Socket) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let client = std::net::TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
        let (accepted, _) = listener.accept().expect("accepted");
        client
            .set_read_timeout(Some(Duration::from_millis(1)))
            .expect("a timeout");
        (client, Socket::from(accepted))
    }

    fn is_open(client: &mut std::net::TcpStream) -> bool {
        client.read(&mut [0]).is_err()
    }

    #[actix_web::test]
    async fn a_connection_carries_so_many_requests() {
        let connection = Connection::looked_after(None, AT_REST);
        let mut carried: Vec<_> = (0..OF_A_CONNECTION).map_while(|_| connection.one_more()).collect();
        assert_eq!(carried.len(), OF_A_CONNECTION);
        assert!(connection.one_more().is_none());
        carried.pop();
        assert!(connection.one_more().is_some());
    }

    #[actix_web::test]
    async fn one_at_rest_is_let_go_and_one_with_a_request_is_not() {
        let ((mut idle, one), (mut busy, other)) = (pair(), pair());
        let _at_rest = Connection::looked_after(Some(one), SHORT);
        let carrying = Connection::looked_after(Some(other), SHORT);
        let request = carrying.one_more().expect("a place");
        tokio::time::sleep(3 * SHORT).await;
        assert!(!is_open(&mut idle));
        assert!(is_open(&mut busy));
        drop(request);
        tokio::time::sleep(SHORT / 2).await;
        assert!(is_open(&mut busy), "it rests from its last answer on");
        tokio::time::sleep(3 * SHORT).await;
        assert!(!is_open(&mut busy));
    }

    #[actix_web::test]
    async fn an_answer_that_is_not_fetched_in_time_ends_its_connection() {
        let (mut client, socket) = pair();
        let connection = Connection::looked_after(Some(socket), AT_REST);
        let mut quick = connection.one_more().expect("a place");
        quick.is_fetched_within(SHORT);
        drop(quick);
        tokio::time::sleep(2 * SHORT).await;
        assert!(is_open(&mut client));
        let mut slow = connection.one_more().expect("a place");
        slow.is_fetched_within(SHORT);
        tokio::time::sleep(2 * SHORT).await;
        assert!(!is_open(&mut client));
    }
}
