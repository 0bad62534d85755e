//! The effect of a rule on a call.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::{Semaphore, watch};

use super::{
    call::Call,
    response::{ErrorResponse, ServiceResponse},
};

/// The effect of a rule on a call.
#[derive(Clone)]
pub enum Effect {
    /// Waits before the service gets the call.
    Delay(Duration),
    /// Waits before the service gets the call, until the test continues it.
    HoldBefore(Hold),
    /// Waits after the service has performed the call, until the test continues it.
    HoldAfter(Hold),
    /// Changes the service's response. See [`Effect::rewrite`].
    Rewrite(Arc<Rewrite>),
    /// Returns this error. The service does not get the call.
    Refuse(ErrorResponse),
    /// Returns the response of a function. The service does not get the call. See [`Effect::respond_with`].
    RespondWith(Arc<RespondWith>),
    /// Returns the throttling error of the service, like `Refuse`.
    Throttle,
    /// Returns the internal error of the service, like `Refuse`.
    Error500,
    /// Returns the authorization error of the service, like `Refuse`.
    Deny,
    /// Closes the connection before the service gets the call.
    CutBefore,
    /// Closes the connection without a response, after the service has performed the call.
    CutAfter,
    /// Resets the connection (TCP RST) before the service gets the call.
    Reset,
    /// Never responds. The service does not get the call.
    Hang,
}

impl Effect {
    /// Changes the service's response with a function.
    pub fn rewrite(rewrite: impl Fn(&Call, &mut ServiceResponse) + Send + Sync + 'static) -> Self {
        Self::Rewrite(Arc::new(rewrite))
    }

    /// Returns the response of a function to the call. The service does not get the call.
    pub fn respond_with(respond: impl Fn(&Call) -> ServiceResponse + Send + Sync + 'static) -> Self {
        Self::RespondWith(Arc::new(respond))
    }

    /// Returns an error with this status, code and message.
    pub fn refuse(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Refuse(ErrorResponse::new(status, code, message))
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Delay(_) => "delayed",
            Self::HoldBefore(_) => "held before",
            Self::HoldAfter(_) => "held after",
            Self::Rewrite(_) => "rewritten",
            Self::Refuse(_) => "refused",
            Self::RespondWith(_) => "responded",
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

/// Changes a response.
pub type Rewrite = dyn Fn(&Call, &mut ServiceResponse) + Send + Sync;

/// Returns a response to a call.
pub type RespondWith = dyn Fn(&Call) -> ServiceResponse + Send + Sync;

/// A barrier at which calls wait until the test continues them. A clone is another handle of the same barrier.
#[derive(Clone, Debug)]
pub struct Hold {
    arrived: Arc<Semaphore>,
    open: watch::Sender<bool>,
}

impl Hold {
    /// Creates a closed barrier.
    pub fn new() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), open: watch::Sender::new(false) }
    }

    /// Waits until a call reaches the barrier. Each call ends one wait.
    ///
    /// # Panics
    /// Panics if no call arrives within one minute, because the caller has then ended without it.
    pub async fn reached(&self) {
        let arrival = tokio::time::timeout(Duration::from_mins(1), self.arrived.acquire()).await;
        // The semaphore is never closed.
        if let Ok(permit) = arrival.expect("a call reaches the barrier within a minute") {
            permit.forget();
        }
    }

    /// Continues the calls that wait, and all later ones.
    pub fn release(&self) {
        self.open.send_replace(true);
    }

    pub(crate) async fn wait(&self) {
        let mut open = self.open.subscribe();
        self.arrived.add_permits(1);
        // Cannot fail, because this handle owns the sender.
        let _ = open.wait_for(|open| *open).await;
    }
}

impl Default for Hold {
    fn default() -> Self {
        Self::new()
    }
}
