//! Classifies the texts that the handler rejects, and checks that the judge knows a reason.

use super::ListError;
use crate::target::CaseOutcome;
use aws_auth::AwsAuthError;

/// The characters that parsers of YAML 1.1 and 1.2 read differently: line ends, and a byte order mark inside of the text.
const AMBIGUOUS: [char; 4] = ['\u{85}', '\u{2028}', '\u{2029}', '\u{feff}'];

/// The outcome if only the handler's parser rejects the text. It is stricter than libyaml, for example on tabs and on the
/// indentation of quoted scalars.
pub(in super::super) const STRICTER_PARSER: CaseOutcome = "rejected: only the handler's parser finds an error";

/// The outcome if only the guard of the lossless edit rejects the text.
pub(in super::super) const NO_EDIT: CaseOutcome = "rejected: no edit was found";

/// Returns the outcome of a text that the handler rejects with `error`. `list`: how the judge reads the text. `conflict`: whether
/// the text has another entry for the role.
///
/// # Errors
/// A text that the judge accepts, without a reason to reject it.
pub(super) fn classify(
    text: &str,
    error: &AwsAuthError,
    list: Result<(), &ListError>,
    conflict: bool,
) -> Result<CaseOutcome, String> {
    use AwsAuthError::{Conflict, GuardFailed, NotAList, NotYaml};
    match (error, list) {
        (Conflict { .. }, Ok(())) if conflict => Ok("rejected: another entry for the role"),
        (NotYaml { .. }, Err(ListError::NotYaml(_))) => Ok("rejected: not YAML"),
        (NotAList { .. }, Err(ListError::NotAList)) => Ok("rejected: not a list"),
        (_, Err(_)) => Ok("rejected: the judge rejects the text too, for another reason"),
        (NotYaml { .. }, Ok(())) if text.contains(AMBIGUOUS) => {
            Ok("rejected: a character that parsers read differently")
        }
        (NotYaml { .. }, Ok(())) => Ok(STRICTER_PARSER),
        (GuardFailed { .. }, Ok(())) => Ok(NO_EDIT),
        (Conflict { .. } | NotAList { .. }, Ok(())) => Err(format!("rejected without a reason: {error}: {text:?}")),
    }
}
