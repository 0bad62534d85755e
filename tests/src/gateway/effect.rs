//! What happens to a call that a rule is for.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::{Semaphore, watch};

use super::{
    answer::{Answer, Refusal},
    call::Call,
};

/// What happens to a call.
#[derive(Clone)]
pub enum Effect {
    /// It waits before it goes on.
    Delay(Duration),
    /// It waits before it goes on, until the test lets it.
    HoldBefore(Hold),
    /// The service performs it; the answer waits until the test lets it go.
    HoldAfter(Hold),
    /// The service performs it; the caller gets another answer. See [`Effect::rewrite`].
    Rewrite(Arc<Rewrite>),
    /// The service does not see it; the caller is refused in the service's own form.
    Refuse(Refusal),
    /// The service does not see it; the caller gets this answer all the same.
    Answer(Answer),
    /// As `Refuse`, with the words of a service that is asked too often.
    Throttle,
    /// As `Refuse`, with the words of a service that broke.
    Error500,
    /// As `Refuse`, with the words of a service that does not let the caller do this.
    Deny,
    /// The connection is closed before the service sees the call.
    CutBefore,
    /// The service performs it, and the connection is closed without an answer.
    CutAfter,
    /// The connection is reset (TCP RST) before the service sees the call.
    Reset,
    /// There is never an answer, and the service does not see the call.
    Hang,
}

impl Effect {
    /// Changes the service's answer.
    pub fn rewrite(rewrite: impl Fn(&Call, &mut Answer) + Send + Sync + 'static) -> Self {
        Self::Rewrite(Arc::new(rewrite))
    }

    /// Refuses with this status, code and message.
    pub fn refuse(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Refuse(Refusal::new(status, code, message))
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Delay(_) => "delayed",
            Self::HoldBefore(_) => "held before",
            Self::HoldAfter(_) => "held after",
            Self::Rewrite(_) => "rewritten",
            Self::Refuse(_) => "refused",
            Self::Answer(_) => "answered",
            Self::Throttle => "throttled",
            Self::Error500 => "error 500",
            Self::Deny => "denied",
            Self::CutBefore => "cut before",
            Self::CutAfter => "cut after",
            Self::Reset => "reset",
            Self::Hang => "hung",
        }
    }
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Changes an answer.
pub type Rewrite = dyn Fn(&Call, &mut Answer) + Send + Sync;

/// A door that calls wait at until the test opens it. A clone is another handle on the same door.
#[derive(Clone, Debug)]
pub struct Hold {
    arrived: Arc<Semaphore>,
    open: watch::Sender<bool>,
}

impl Hold {
    /// A closed door.
    pub fn new() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), open: watch::Sender::new(false) }
    }

    /// Waits until a call stands at the door; each arrival is told once.
    ///
    /// # Panics
    /// If none comes within a minute: what was to call has ended without it.
    pub async fn reached(&self) {
        let arrival = tokio::time::timeout(Duration::from_mins(1), self.arrived.acquire()).await;
        // The semaphore is never closed.
        if let Ok(permit) = arrival.expect("a call reaches the door within a minute") {
            permit.forget();
        }
    }

    /// Opens the door, for those that wait and those to come.
    pub fn release(&self) {
        self.open.send_replace(true);
    }

    pub(crate) async fn wait(&self) {
        let mut open = self.open.subscribe();
        self.arrived.add_permits(1);
        // Cannot fail: this handle holds the sender.
        let _ = open.wait_for(|open| *open).await;
    }
}

impl Default for Hold {
    fn default() -> Self {
        Self::new()
    }
}
