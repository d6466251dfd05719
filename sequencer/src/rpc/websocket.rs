//! JSON-RPC over one WebSocket: requests at the same time, subscriptions, and pings that show whether anybody is still there.

use std::{pin::Pin, time::Duration};

use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, WebSocket},
};
use futures::{SinkExt, Stream, StreamExt, stream::FuturesUnordered, stream::SplitSink};
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::{
    Service,
    bodies::{self, Body, Call},
    flag,
    subscriptions::Subscriptions,
};

/// Codes with which a WebSocket closes (RFC 6455): on a message that is too large, and on who would miss something unknowingly.
const CLOSE_TOO_LARGE: u16 = 1009;
const CLOSE_GAP: u16 = 1008;
/// Requests of one connection that are answered at the same time; further ones are read when one of these is.
const IN_FLIGHT_MAX: usize = 16;
/// Time between pings: proxies drop connections that are quiet for a minute.
const PING: Duration = Duration::from_secs(20);

type Answering = FuturesUnordered<Pin<Box<dyn Future<Output = Option<Value>> + Send>>>;

/// The end of a connection.
struct Closed;

/// Serves until the other side goes, falls silent or falls behind.
pub async fn serve<S: Service>(socket: WebSocket, service: S) {
    let (sink, mut stream) = socket.split();
    let mut connection =
        Connection { sink, subscriptions: Subscriptions::new(&service), answering: FuturesUnordered::new(), service };
    // Ends by itself; nobody waits for the reason.
    let Err(Closed) = connection.run(&mut stream).await;
}

struct Connection<S: Service> {
    service: S,
    sink: SplitSink<WebSocket, Message>,
    subscriptions: Subscriptions<S>,
    answering: Answering,
}

impl<S: Service> Connection<S> {
    async fn run(
        &mut self,
        stream: &mut (impl Stream<Item = Result<Message, axum::Error>> + Unpin),
    ) -> Result<std::convert::Infallible, Closed> {
        let silence_max = self.service.limits().silence_max();
        let period = PING.min(silence_max / 3).max(Duration::from_millis(100));
        let mut ping = interval_at(Instant::now() + period, period);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                message = stream.next(), if self.answering.len() < IN_FLIGHT_MAX => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => self.take(&Bytes::from(text)).await?,
                        Some(Ok(Message::Binary(bytes))) => self.take(&bytes).await?,
                        // Pings are answered by the library.
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Close(_))) | None => return Err(Closed),
                        // Most likely its message was too large; a connection that broke is told nothing.
                        Some(Err(_)) => {
                            return self.close(CLOSE_TOO_LARGE, &bodies::too_large(self.service.limits()).to_string()).await;
                        }
                    }
                }
                Some(answer) = self.answering.next(), if !self.answering.is_empty() => self.answer(answer).await?,
                () = self.subscriptions.changed() => self.notify().await?,
                _ = ping.tick() => {
                    if heard.elapsed() > silence_max && self.answering.is_empty() {
                        return Err(Closed);
                    }
                    self.send(Message::Ping(Bytes::new())).await?;
                }
            }
        }
    }

    /// Takes a body: what concerns subscriptions is answered here and at once, everything else whenever it is done.
    async fn take(&mut self, body: &[u8]) -> Result<(), Closed> {
        match bodies::read(self.service.limits(), body) {
            Err(error) => self.answer(Some(bodies::failure(Value::Null, &error))).await,
            Ok(Body::Single(request)) => match self.own(&request) {
                Some(answer) => self.answer(answer).await,
                None => {
                    let service = self.service.clone();
                    self.answering.push(Box::pin(async move { bodies::answer_one(&service, request).await }));
                    Ok(())
                }
            },
            Ok(Body::Batch(requests)) if requests.iter().any(is_own) => {
                // No notification may come before the answer that names its subscription.
                let mut answers = Vec::with_capacity(requests.len());
                for request in requests {
                    answers.extend(match self.own(&request) {
                        Some(answer) => answer,
                        None => bodies::answer_one(&self.service, request).await,
                    });
                }
                self.answer((!answers.is_empty()).then_some(Value::Array(answers))).await
            }
            Ok(Body::Batch(requests)) => {
                let service = self.service.clone();
                self.answering.push(Box::pin(async move { bodies::answer_all(&service, requests).await }));
                Ok(())
            }
        }
    }

    /// The answer to a request that concerns subscriptions; none if it is another.
    fn own(&mut self, request: &Value) -> Option<Option<Value>> {
        if !is_own(request) {
            return None;
        }
        Some(match Call::new(request.clone()) {
            Ok(Call { id, method, params: Ok(params) }) => {
                bodies::reply(id, self.subscriptions.answer(&self.service, &method, &params)?)
            }
            Ok(Call { id, params: Err(error), .. }) => bodies::reply(id, Err(error)),
            Err(invalid) => Some(invalid),
        })
    }

    async fn answer(&mut self, answer: Option<Value>) -> Result<(), Closed> {
        match answer {
            Some(answer) => self.send(Message::Text(answer.to_string().into())).await,
            None => Ok(()),
        }
    }

    /// Tells everything that there is to tell by now.
    async fn notify(&mut self) -> Result<(), Closed> {
        loop {
            let notifications = self.subscriptions.notifications(&self.service);
            let notifications = match notifications {
                Ok(notifications) => notifications,
                Err(gap) => return self.close(CLOSE_GAP, &gap.to_string()).await,
            };
            for notification in notifications {
                self.send(Message::Text(notification.to_string().into())).await?;
            }
            if !self.subscriptions.is_behind() {
                return Ok(());
            }
        }
    }

    /// Whoever takes nothing for as long as one may be silent is gone.
    async fn send(&mut self, message: Message) -> Result<(), Closed> {
        let sent = timeout(self.service.limits().silence_max(), self.sink.send(message)).await;
        if sent.is_err() {
            tracing::debug!("a WebSocket client took nothing for too long (--{}): closed", flag::SILENCE);
        }
        sent.map_err(|_| Closed)?.map_err(|_| Closed)
    }

    async fn close<T>(&mut self, code: u16, reason: &str) -> Result<T, Closed> {
        self.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await?;
        Err(Closed)
    }
}

fn is_own(request: &Value) -> bool {
    matches!(request.get("method").and_then(Value::as_str), Some("eth_subscribe" | "eth_unsubscribe"))
}
