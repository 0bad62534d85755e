//! What the nodes of a document mean to the authenticator: the rules of its YAML decoder (`decode.go` and `resolve.go` of
//! `go.yaml.in/yaml/v2` 2.4.4), and of the conversion to JSON that follows (`sigs.k8s.io/yaml` 1.6.0).

use super::document::Document;
use super::events::{Event, Kind, Style, SyntaxError};
use super::scalar::{Resolved, resolve};
use std::collections::BTreeMap;

/// The depth to which aliases are followed.
const MAX_DEPTH: usize = 256;

const MERGE_TAG: &str = "tag:yaml.org,2002:merge";

/// A value, as far as `mapRoles` depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Text(String),
    /// A number or a Boolean.
    Other,
    List(Vec<Self>),
    /// By key, in the order in which the keys are decoded from JSON.
    Map(BTreeMap<String, Self>),
}

/// Reads values. One reader reads all entries of a list, because the limit for aliases is one for the whole text.
pub(super) struct Reader<'a> {
    document: &'a Document<'a>,
    /// The aliases that are being followed.
    followed: Vec<usize>,
    depth: usize,
    decoded: u64,
    decoded_in_aliases: u64,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(document: &'a Document<'a>) -> Self {
        Self { document, followed: Vec::new(), depth: 0, decoded: 0, decoded_in_aliases: 0 }
    }

    /// Returns the value of the node at `index`.
    ///
    /// # Errors
    /// The authenticator reads nothing of a text with this node.
    pub(super) fn value(&mut self, index: usize) -> Result<Value, SyntaxError> {
        self.count(index)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(index, "the aliases are nested too deep"));
        }
        let document = self.document;
        let value = match document.kind(index) {
            Kind::Alias => self.followed(index, Self::value)?,
            Kind::ListStart(_) => {
                let mut values = Vec::new();
                for child in document.children(index) {
                    values.push(self.value(child.start)?);
                }
                Value::List(values)
            }
            Kind::MapStart(_) => {
                let mut map = BTreeMap::new();
                self.fill(&mut map, index)?;
                Value::Map(map)
            }
            _ => match self.scalar(index)? {
                Resolved::Null => Value::Null,
                Resolved::Text(text) => Value::Text(text),
                Resolved::NotFinite(_) => return Err(self.error(index, "JSON has no such number")),
                Resolved::Bool(_) | Resolved::Int(_) | Resolved::Unsigned | Resolved::Float(_) => Value::Other,
            },
        };
        self.depth -= 1;
        Ok(value)
    }

    /// Adds the keys of the mapping at `index` to `map`, in their order. A later key replaces an earlier one, also one that a
    /// merge key (`<<`) has added.
    fn fill(&mut self, map: &mut BTreeMap<String, Value>, index: usize) -> Result<(), SyntaxError> {
        let document = self.document;
        let mut children = document.children(index);
        while let (Some(key), Some(value)) = (children.next(), children.next()) {
            if is_merge(&document.event(key.start)) {
                self.merge(map, value.start)?;
            } else {
                let key = self.key(key.start)?;
                let value = self.value(value.start)?;
                map.insert(key, value);
            }
        }
        Ok(())
    }

    /// Adds the keys of the value of a merge key: of a mapping, or of a list of mappings, of which the first one wins.
    fn merge(&mut self, map: &mut BTreeMap<String, Value>, index: usize) -> Result<(), SyntaxError> {
        if matches!(self.document.kind(index), Kind::ListStart(_)) {
            let children: Vec<_> = self.document.children(index).collect();
            return children.into_iter().rev().try_for_each(|child| self.merge_mapping(map, child.start));
        }
        self.merge_mapping(map, index)
    }

    fn merge_mapping(&mut self, map: &mut BTreeMap<String, Value>, index: usize) -> Result<(), SyntaxError> {
        self.count(index)?;
        match self.document.kind(index) {
            Kind::MapStart(_) => self.fill(map, index),
            Kind::Alias => self.followed(index, |reader, target| {
                if !matches!(reader.document.kind(target), Kind::MapStart(_)) {
                    return Err(reader.error(index, "map merge requires map or sequence of maps as the value"));
                }
                reader.count(target)?;
                reader.fill(map, target)
            }),
            _ => Err(self.error(index, "map merge requires map or sequence of maps as the value")),
        }
    }

    /// Calls `read` with the node that an alias refers to.
    fn followed<T>(
        &mut self,
        alias: usize,
        read: impl FnOnce(&mut Self, usize) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.followed.contains(&alias) {
            return Err(self.error(alias, "anchor value contains itself"));
        }
        let target = self.document.anchored(self.document.event(alias).anchor);
        let target = target.ok_or_else(|| self.error(alias, "unknown anchor referenced"))?;
        self.followed.push(alias);
        let read = read(self, target);
        self.followed.pop();
        read
    }

    /// Returns the key at `index` as a key of JSON.
    fn key(&mut self, index: usize) -> Result<String, SyntaxError> {
        self.count(index)?;
        let scalar = match self.document.kind(index) {
            Kind::Scalar(_) => self.scalar(index)?,
            Kind::Alias => self.followed(index, |reader, target| match reader.document.kind(target) {
                Kind::Scalar(_) => reader.scalar(target),
                _ => Err(reader.error(index, "invalid map key")),
            })?,
            _ => return Err(self.error(index, "invalid map key")),
        };
        match scalar {
            Resolved::Text(text) | Resolved::Float(text) | Resolved::NotFinite(text) => Ok(text),
            Resolved::Bool(value) => Ok(value.to_string()),
            Resolved::Int(value) => Ok(value.to_string()),
            Resolved::Null | Resolved::Unsigned => Err(self.error(index, "unsupported map key")),
        }
    }

    fn scalar(&self, index: usize) -> Result<Resolved, SyntaxError> {
        let event = self.document.event(index);
        let is_plain = event.kind == Kind::Scalar(Style::Plain);
        resolve(event.tag.as_deref(), is_plain, &event.value).map_err(|message| self.error(index, &message))
    }

    /// Counts one decoded node, and rejects a text of which too much is aliases.
    fn count(&mut self, index: usize) -> Result<(), SyntaxError> {
        self.decoded += 1;
        if !self.followed.is_empty() {
            self.decoded_in_aliases += 1;
        }
        let (decoded, in_aliases) = (self.decoded, self.decoded_in_aliases);
        #[allow(clippy::cast_precision_loss, reason = "the counts are far below 2^52")]
        let is_excessive =
            100 < in_aliases && 1_000 < decoded && allowed_share(decoded) < in_aliases as f64 / decoded as f64;
        if is_excessive { Err(self.error(index, "document contains excessive aliasing")) } else { Ok(()) }
    }

    fn error(&self, index: usize, message: &str) -> SyntaxError {
        let position = self.document.event(index).range.start;
        SyntaxError { line: super::authenticator::line_of(self.document.text(), position), message: message.to_owned() }
    }
}

/// Returns the share of the decoded nodes that may come from aliases.
#[allow(clippy::cast_precision_loss, reason = "the counts are far below 2^52")]
fn allowed_share(decoded: u64) -> f64 {
    const LOW: u64 = 400_000;
    const HIGH: u64 = 4_000_000;
    let within = decoded.clamp(LOW, HIGH) - LOW;
    0.99 - 0.89 * (within as f64 / (HIGH - LOW) as f64)
}

fn is_merge(key: &Event<'_>) -> bool {
    let decides_itself = match key.tag.as_deref() {
        None => key.kind == Kind::Scalar(Style::Plain),
        Some(tag) => matches!(key.kind, Kind::Scalar(_)) && matches!(tag, "!" | MERGE_TAG),
    };
    decides_itself && key.value == "<<"
}
