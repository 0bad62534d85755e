//! Whether a refusal has a reason that the judge shares.

use super::NoList;
use crate::target::Fate;
use karpenter_prereqs_core::documents::aws_auth::AwsAuthError;

/// What is read differently by parsers of YAML 1.1 and 1.2: line ends, and a byte order mark inside.
const AMBIGUOUS: [char; 4] = ['\u{85}', '\u{2028}', '\u{2029}', '\u{feff}'];

/// A reason that is the handler's parser's alone: it is stricter than libyaml, on tabs and the indentation of quoted
/// scalars, say.
pub(in super::super) const STRICTER: Fate = "refused: the handler's parser alone takes it for ill-formed";

/// A reason that is the lossless tree's alone.
pub(in super::super) const NO_EDIT: Fate = "refused: no edit was found";

/// What a refusal of `text` is called, which the judge reads as `list` with an entry for the role in `conflict`.
///
/// # Errors
/// When the judge knows no reason.
pub(super) fn named(
    text: &str,
    error: &AwsAuthError,
    list: Result<(), &NoList>,
    conflict: bool,
) -> Result<Fate, String> {
    use AwsAuthError::{Conflict, GuardFailed, NotAList, NotYaml};
    match (error, list) {
        (Conflict { .. }, Ok(())) if conflict => Ok("refused: another entry for the role"),
        (NotYaml { .. }, Err(NoList::NoYaml(_))) => Ok("refused: no YAML"),
        (NotAList { .. }, Err(NoList::Other)) => Ok("refused: no list"),
        (_, Err(_)) => Ok("refused: no list to the judge, for another reason"),
        (NotYaml { .. }, Ok(())) if text.contains(AMBIGUOUS) => {
            Ok("refused: a character that parsers read differently")
        }
        (NotYaml { .. }, Ok(())) => Ok(STRICTER),
        (GuardFailed { .. }, Ok(())) => Ok(NO_EDIT),
        (Conflict { .. } | NotAList { .. }, Ok(())) => Err(format!("refused without reason: {error}: {text:?}")),
    }
}
