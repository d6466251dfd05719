//! A listener that bounds how many connections there are and how long one may say nothing: file descriptors are the database's too. Callers of JSON-RPC come
//! through one, and a payments chain's provers through another.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::serve::Listener;
use tandem_service::Reminder;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep},
};
use tracing::{info, warn};

/// Accepts while fewer than a number of connections are open; others wait in the kernel's queue.
pub struct Bounded {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    connections_max: usize,
    silence_max: Duration,
    /// The flag that bounds how many there are, for whoever reads that there are too many.
    flag: &'static str,
    full: Reminder,
}

impl Bounded {
    /// At most `connections_max` at a time, as `flag` has it, none of them silent for longer than `silence_max`.
    pub fn new(listener: TcpListener, connections_max: usize, silence_max: Duration, flag: &'static str) -> Self {
        let permits = Arc::new(Semaphore::new(connections_max));
        Self { listener, permits, connections_max, silence_max, flag, full: Reminder::default() }
    }

    /// Says whether further connections wait.
    fn say_if_full(&mut self) {
        let (connections_max, now) = (self.connections_max, std::time::Instant::now());
        if self.permits.available_permits() > 0 {
            if let Some(lasted) = self.full.is_over(now) {
                info!(connections_max, ?lasted, "RPC takes connections again");
            }
        } else if let Some(lasts) = self.full.holds(now) {
            warn!(
                connections_max,
                ?lasts,
                "RPC has as many connections as it may: further ones wait (--{})",
                self.flag
            );
        }
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        self.say_if_full();
        // Never closed, so there is always a permit in the end.
        let permit = self.permits.clone().acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let silence = Box::pin(sleep(self.silence_max));
        (Connection { stream, silence, silence_max: self.silence_max, _permit: permit }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that counts until it is dropped.
pub struct Connection {
    stream: TcpStream,
    silence: Pin<Box<Sleep>>,
    silence_max: Duration,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Connection {
    fn heard(&mut self) {
        self.silence.as_mut().reset(Instant::now() + self.silence_max);
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(outcome) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            self.heard();
            return Poll::Ready(outcome);
        }
        ready!(self.silence.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        self.heard();
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::AsyncReadExt;
    use tracing::{
        Event, Metadata, Subscriber,
        field::{Field, Visit},
        span::{Attributes, Id, Record},
        subscriber,
    };

    use super::*;

    /// Keeps the messages of all events.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<String>>>);

    impl Log {
        fn lines_with(&self, text: &str) -> usize {
            self.0.lock().unwrap().iter().filter(|line| line.contains(text)).count()
        }
    }

    impl Subscriber for Log {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut message = Message::default();
            event.record(&mut message);
            self.0.lock().unwrap().push(message.0);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    #[derive(Default)]
    struct Message(String);

    impl Visit for Message {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            if field.name() == "message" {
                self.0 = format!("{value:?}");
            }
        }
    }

    /// One test: the log is one thread's, what is logged from where is every thread's.
    #[tokio::test]
    async fn one_too_many_waits_which_is_said_once_and_the_silent_are_cut() {
        let log = Log::default();
        let _logging = subscriber::set_default(log.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut bounded = Bounded::new(listener, 1, Duration::from_millis(50), crate::rpc::flag::CONNECTIONS);
        let (_first, _second) =
            (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
        let (mut silent, _) = bounded.accept().await;
        assert_eq!(log.lines_with("connections"), 0);
        for _ in 0..3 {
            assert!(tokio::time::timeout(Duration::from_millis(20), bounded.accept()).await.is_err());
        }
        assert_eq!(log.lines_with("further ones wait (--rpc-connections-max)"), 1);
        let error = silent.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(silent);
        bounded.accept().await;
        assert_eq!(log.lines_with("RPC takes connections again"), 1);
    }
}
