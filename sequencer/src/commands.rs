//! Commands to a thread that owns what they are about: one question, one answer, through a bounded channel.

use std::{
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::mempool::flag;

/// Between two tries for room in the channel.
const POLL: Duration = Duration::from_millis(20);

/// The thread does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// It has more to do than it can: try again.
    #[error("node is overloaded, try again (--{})", flag::SUBMISSIONS)]
    Overloaded,
    /// The node stops.
    #[error("node is shutting down")]
    Stopped,
}

/// Where commands are given. Cheap to clone.
pub(crate) struct Commands<C>(SyncSender<C>);

impl<C> Clone for Commands<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C> Commands<C> {
    /// For so many commands that wait, and where the thread takes them.
    pub fn new(waiting_max: usize) -> (Self, Receiver<C>) {
        let (commands, received) = sync_channel(waiting_max);
        (Self(commands), received)
    }

    /// Gives a command that nobody waits for; it is forgotten if there is no room.
    pub fn hint(&self, command: C) {
        let _ = self.0.try_send(command);
    }

    /// One question, one answer. Never waits for room in the channel.
    pub async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> C) -> Result<T, NoAnswer> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(command(reply)).map_err(|error| match error {
            TrySendError::Full(_) => NoAnswer::Overloaded,
            TrySendError::Disconnected(_) => NoAnswer::Stopped,
        })?;
        answer.await.map_err(|_| NoAnswer::Stopped)
    }

    /// As [`Commands::ask`], but never given up for want of room: waits until there is some.
    pub async fn tell<T>(&self, mut command: impl FnMut(oneshot::Sender<T>) -> C) -> Result<T, NoAnswer> {
        loop {
            match self.ask(&mut command).await {
                Err(NoAnswer::Overloaded) => tokio::time::sleep(POLL).await,
                answer => return answer,
            }
        }
    }
}
