//! Connections, before anybody has read a request: how many there may be, and when one that says or takes nothing is let
//! go. A client that is slow holds a socket and some kilobytes, and neither for long.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

/// A request's line and headers must be there after so long.
pub const HEADERS: Duration = Duration::from_secs(10);
/// A connection without a request is kept for so long: longer than load balancers keep theirs.
pub const IDLE: Duration = Duration::from_secs(75);
/// So long a client may take to close a connection that the service closes.
pub const GOODBYE: Duration = Duration::from_secs(1);
/// A client that takes nothing of its answer for so long is let go, by the system.
const TAKES_NOTHING: Duration = Duration::from_secs(30);
/// So many bytes of an answer the system takes before they can be sent. It would take megabytes for each client that is slow
/// to fetch them, and copy them at once.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 32 << 10;
/// Connections that wait to be accepted; the system may allow fewer. With few, a crowd would lose others' first packets,
/// and each of these costs its client a second.
const BACKLOG: i32 = 4096;
/// The most connections of one thread.
const OF_A_THREAD: usize = 10_000;
/// Files that are not connections of clients: of the databases, of webhooks, of mail.
const OTHERS: u64 = 512;
/// Files of a connection: its socket, and the same once more to let go of it.
const OF_A_CONNECTION: u64 = 2;

/// A socket that listens.
pub fn listen(address: &str) -> io::Result<TcpListener> {
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in address.to_socket_addrs()? {
        match listen_at(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    // Accepted connections have these from it. A long answer goes out part by part: its end is not to wait until its beginning is
    // acknowledged.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(IDLE))?;
    #[cfg(target_os = "linux")]
    {
        socket.set_tcp_user_timeout(Some(TAKES_NOTHING))?;
        // Where the system does not know it, it takes more.
        socket.set_tcp_notsent_lowat(UNSENT).ok();
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Lets the process have as many files open as the system allows it, and says how many connections each of its threads
/// may hold. Those that come then wait until one is let go.
pub fn connections(threads: usize) -> usize {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
    of_a_thread(files, threads)
}

fn of_a_thread(files: u64, threads: usize) -> usize {
    let left = files.saturating_sub(OTHERS).max(files / 2);
    let each = usize::try_from(left / OF_A_CONNECTION).unwrap_or(usize::MAX) / threads.max(1);
    each.clamp(1, OF_A_THREAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_everything_else() {
        assert_eq!(of_a_thread(1024, 2), 128);
        assert_eq!(of_a_thread(20_000, 2), 4_872);
        assert_eq!(of_a_thread(u64::MAX, 8), OF_A_THREAD);
        assert_eq!(of_a_thread(0, 0), 1);
    }

    #[test]
    fn a_free_port_is_found_and_a_taken_one_refused() {
        let listener = listen("localhost:0").expect("a free port");
        let taken = listener.local_addr().expect("its address").to_string();
        assert!(listen(&taken).is_err());
        assert!(listen("no such host:1").is_err());
    }
}
