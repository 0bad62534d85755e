//! The verdicts so far, on disk. An interrupted sweep continues with them.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
};

use local_cloud::{Error, lambda::hex};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{judge::Verdict, trace::Case};

/// The verdicts on the cases of one function, by their ids.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    file: File,
    verdicts: BTreeMap<String, Verdict>,
}

impl Record {
    /// Opens the record in a folder, for exactly these programs and these cases. Verdicts on another function, or of other
    /// judges, do not count.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn open(folder: &Path, programs: &[PathBuf], cases: &[Case]) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        let path = folder.join(format!("{}.jsonl", key(programs, cases)?));
        let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(Error::file("open", &path))?;
        // A line that was incomplete when the process was killed ends here. It is ignored.
        file.write_all(b"\n").map_err(Error::file("write", &path))?;
        let written = BufReader::new(File::open(&path).map_err(Error::file("read", &path))?);
        let verdict = |line: String| {
            let line: Value = serde_json::from_str(&line).ok()?;
            let id = line["case"].as_str()?.to_owned();
            Some((id, serde_json::from_value(line["verdict"].clone()).ok()?))
        };
        let verdicts = written.lines().map_while(Result::ok).filter_map(verdict).collect();
        Ok(Self { path, file, verdicts })
    }

    /// The verdicts so far.
    pub const fn verdicts(&self) -> &BTreeMap<String, Verdict> {
        &self.verdicts
    }

    /// Adds a verdict.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn add(&mut self, id: &str, verdict: &Verdict) -> Result<(), Error> {
        let line = format!("{}\n", json!({"case": id, "verdict": verdict}));
        self.file.write_all(line.as_bytes()).map_err(Error::file("write", &self.path))?;
        self.verdicts.insert(id.to_owned(), verdict.clone());
        Ok(())
    }

    /// Deletes the record when the sweep is complete, so that the next sweep starts from the beginning.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn finish(self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(Error::file("remove", &self.path))
    }
}

/// Returns a hash of the programs and of the cases' ids.
fn key(programs: &[PathBuf], cases: &[Case]) -> Result<String, Error> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    for program in programs {
        let mut file = File::open(program).map_err(Error::file("read", program))?;
        loop {
            let count = file.read(&mut buffer).map_err(Error::file("read", program))?;
            if count == 0 {
                break;
            }
            hash.update(&buffer[..count]);
        }
    }
    for case in cases {
        hash.update(case.id());
        hash.update("\n");
    }
    Ok(hex(&hash.finalize()[..8]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, Operation, Target};

    fn cases(count: usize) -> Vec<Case> {
        let targets = Target::numbered(count).into_iter();
        targets.map(|target| Case { operation: Operation::Create, target, fault: Fault::Hung }).collect()
    }

    #[test]
    fn verdicts_are_kept_until_the_sweep_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("bootstrap");
        fs::write(&program, "one").unwrap();
        let open =
            |count| Record::open(&folder.path().join("state"), std::slice::from_ref(&program), &cases(count)).unwrap();
        let verdict = Verdict { leaks: vec!["role/r remains".to_owned()], ..Verdict::default() };
        let mut record = open(2);
        record.add("a", &verdict).unwrap();
        record.add("b", &Verdict::default()).unwrap();
        record.file.write_all(br#"{"case":"c","verdi"#).unwrap();
        drop(record);
        let mut reopened = open(2);
        reopened.add("c", &verdict).unwrap();
        drop(reopened);
        let reopened = open(2);
        let expected = [("a", verdict.clone()), ("b", Verdict::default()), ("c", verdict)];
        assert_eq!(*reopened.verdicts(), expected.map(|(id, verdict)| (id.to_owned(), verdict)).into());
        // Other cases, and another function.
        assert!(open(3).verdicts().is_empty());
        fs::write(&program, "two").unwrap();
        assert!(open(2).verdicts().is_empty());
        fs::write(&program, "one").unwrap();
        reopened.finish().unwrap();
        assert!(open(2).verdicts().is_empty());
    }
}
