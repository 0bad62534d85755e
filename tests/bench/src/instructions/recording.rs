//! A recording of the responses of AWS and Kubernetes to one operation. In a playback, a program gets the same bytes each time,
//! without the work of the services.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use local_cloud::{
    Error,
    gateway::{Call, Effect, ErrorResponse, Installed, Rules, ServiceResponse, When},
};

/// The responses of one operation. A clone is another handle of the same recording.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    responses: Arc<Mutex<Responses>>,
}

/// The responses by call, in their order.
type Responses = BTreeMap<Key, VecDeque<ServiceResponse>>;

/// Identifies a call: service, operation, path and parameters. Signatures and bodies are left out, because they have times and
/// tokens. So a playback does not notice a write with another body.
type Key = (String, String, String, BTreeMap<String, String>);

/// A recording that responds to calls.
#[derive(Debug)]
pub(crate) struct Playback {
    rule: Installed,
    left: Arc<Mutex<Responses>>,
    unknown: Arc<Mutex<Vec<String>>>,
}

impl Recording {
    /// Records the response of each call that a service gets, until the rule is removed.
    pub(crate) fn record(&self, rules: &Rules) -> Installed {
        let recording = self.clone();
        let record = move |call: &Call, response: &mut ServiceResponse| {
            lock(&recording.responses).entry(key(call)).or_default().push_back(response.clone());
        };
        rules.add(When::any(), Effect::rewrite(record))
    }

    /// Responds to each call once for each of its recorded responses, and rejects all others.
    pub(crate) fn play(&self, rules: &Rules) -> Playback {
        let left = Arc::new(Mutex::new(lock(&self.responses).clone()));
        let unknown: Arc<Mutex<Vec<String>>> = Arc::default();
        let (responses, rejected) = (Arc::clone(&left), Arc::clone(&unknown));
        let respond = move |call: &Call| {
            let recorded = lock(&responses).get_mut(&key(call)).and_then(VecDeque::pop_front);
            recorded.unwrap_or_else(|| {
                lock(&rejected).push(format!("{} {}", call.service, call.operation));
                ErrorResponse::new(400, "NotRecorded", "the recording has no response to this call").response(call)
            })
        };
        Playback { rule: rules.add(When::any(), Effect::respond_with(respond)), left, unknown }
    }
}

impl Playback {
    /// Ends the playback.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the program made other calls than in the recording: more, or fewer.
    pub(crate) fn end(self) -> Result<(), Error> {
        self.rule.remove();
        let (left, unknown) = (lock(&self.left), lock(&self.unknown));
        let missing =
            left.iter().flat_map(|(key, responses)| responses.iter().map(move |_| format!("{} {}", key.0, key.1)));
        let missing: Vec<String> = missing.collect();
        if missing.is_empty() && unknown.is_empty() {
            return Ok(());
        }
        Err(Error::Unusable(format!("other calls than in the recording: beyond it {unknown:?}, not made {missing:?}")))
    }
}

fn key(call: &Call) -> Key {
    (call.service.clone(), call.operation.clone(), call.path.clone(), call.params.clone())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
