//! Turns a panic of the code under test into a failure of the case, with the location of the panic.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// The message of the panic that ended the running case of this thread. `None`: no case is running.
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Installs a panic hook that does not print the panics of cases. All other panics are printed as before.
pub(super) fn silence_panics_of_cases() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let default_hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_case = MESSAGE
                .with_borrow_mut(|message| message.as_mut().map(|message| *message = info.to_string()).is_some());
            if !is_case {
                default_hook(info);
            }
        }));
    });
}

/// Returns the result of `case`, or the message of its panic as an error.
pub(super) fn catch_panic<T>(case: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    MESSAGE.set(Some(String::new()));
    let result = panic::catch_unwind(AssertUnwindSafe(case));
    let message = MESSAGE.take();
    result.unwrap_or_else(|_| Err(message.unwrap_or_default()))
}
