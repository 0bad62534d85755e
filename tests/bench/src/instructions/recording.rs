//! A recording of the responses of AWS and Kubernetes to one operation. In a playback, a program gets the same bytes each time,
//! as fast as it asks for them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use local_cloud::gateway::{Call, Effect, ErrorResponse, Installed, Rules, ServiceResponse, When};

/// The responses of one operation. A clone is another handle of the same recording.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    responses: Arc<Mutex<Responses>>,
}

/// The responses by call, in their order.
type Responses = BTreeMap<Key, VecDeque<ServiceResponse>>;

/// What makes two calls equal: service, operation, path and parameters. Signatures and bodies have times and tokens.
type Key = (String, String, String, BTreeMap<String, String>);

/// A recording that answers calls.
#[derive(Debug)]
pub(crate) struct Playback {
    rule: Installed,
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

    /// Answers each call once for each of its recorded responses, and rejects all others.
    pub(crate) fn play(&self, rules: &Rules) -> Playback {
        let left = Mutex::new(lock(&self.responses).clone());
        let unknown: Arc<Mutex<Vec<String>>> = Arc::default();
        let missed = Arc::clone(&unknown);
        let respond = move |call: &Call| {
            let recorded = lock(&left).get_mut(&key(call)).and_then(VecDeque::pop_front);
            recorded.unwrap_or_else(|| {
                lock(&missed).push(format!("{} {}", call.service, call.operation));
                ErrorResponse::new(400, "NotRecorded", "the recording has no response to this call").response(call)
            })
        };
        Playback { rule: rules.add(When::any(), Effect::respond_with(respond)), unknown }
    }
}

impl Playback {
    /// Ends the playback, and returns the calls that the recording did not have.
    pub(crate) fn end(self) -> Vec<String> {
        self.rule.remove();
        std::mem::take(&mut lock(&self.unknown))
    }
}

fn key(call: &Call) -> Key {
    (call.service.clone(), call.operation.clone(), call.path.clone(), call.params.clone())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
