//! Measures cold starts, memory and size of the function, of the smallest function on the same runtime, and of the function
//! in Python.

use std::{
    fs::File,
    io::{Cursor, Read as _, Seek, Write},
    path::{Path, PathBuf},
};

use local_cloud::{Error, lambda::Function};
use serde::{Deserialize, Serialize};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{
    environment::Environment,
    operations, process,
    programs::Programs,
    progress,
    statistics::Spread,
    subject::{Operation, Subject},
};

/// The figures of one program that Lambda starts.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Started {
    /// The program.
    pub(crate) subject: Subject,
    /// The time from the start of the process to its first poll of the Runtime API, in milliseconds.
    pub(crate) cold_ms: Spread,
    /// The resident memory while the process waits for its first event, in bytes.
    pub(crate) idle: Spread,
    /// The peak memory after a Create, in bytes. `None` for a program that creates nothing.
    pub(crate) peak: Option<u64>,
    /// The size of the packaged files, in bytes.
    pub(crate) unpacked: u64,
    /// The size of the zip file, in bytes.
    pub(crate) zipped: u64,
}

/// Packages that Lambda's Python runtime contains, and packages that only install others.
const RUNTIME_PACKAGES: [&str; 7] =
    ["awslambdaric", "boto3", "botocore", "jmespath", "pip", "s3transfer", "snapshot_restore_py"];

/// Starts each program `runs` times in turn. Then runs one lifecycle of the function and of the Python function.
///
/// # Errors
/// Fails when a program does not start, or an operation fails.
pub(crate) async fn measure(
    environment: &Environment,
    programs: &Programs,
    runs: usize,
) -> Result<Vec<Started>, Error> {
    let subjects = programs.available(Subject::STARTED);
    let mut seen = vec![Vec::new(); subjects.len()];
    // The first start of each program loads its files into the page cache, and is not counted.
    for run in 0..=runs {
        for (subject, seen) in subjects.iter().zip(&mut seen) {
            let once = start(environment, programs, *subject).await?;
            if 0 < run {
                seen.push(once);
            }
        }
    }
    let mut started = Vec::new();
    for (subject, seen) in subjects.into_iter().zip(seen) {
        let spread = |value: fn(&(f64, f64)) -> f64| {
            Spread::of(seen.iter().map(value)).ok_or_else(|| Error::Unusable("the number of runs is 0".to_owned()))
        };
        let (unpacked, zipped) = packed(&packaged(environment, programs, subject)?)?;
        started.push(Started {
            subject,
            cold_ms: spread(|(ms, _)| *ms)?,
            idle: spread(|(_, bytes)| *bytes)?,
            peak: peak_of_create(environment, programs, subject).await?,
            unpacked,
            zipped,
        });
        progress(&format!("start: measured {}", subject.name()));
    }
    Ok(started)
}

/// Returns the peak memory after a Create, in bytes. `None` for a program without operations.
async fn peak_of_create(
    environment: &Environment,
    programs: &Programs,
    subject: Subject,
) -> Result<Option<u64>, Error> {
    if subject == Subject::Hello {
        return Ok(None);
    }
    let life = operations::run_lifecycle(environment, programs, subject, 0).await?;
    Ok(life.iter().find(|sample| sample.operation == Operation::Create).and_then(|sample| sample.peak))
}

/// Starts a program once. Returns the duration in milliseconds, and the memory after it in bytes.
async fn start(environment: &Environment, programs: &Programs, subject: Subject) -> Result<(f64, f64), Error> {
    let options = environment.subject_options(programs, subject).await?;
    let function = Function::start(options).await?;
    let lost = || Error::Unusable(format!("{} has ended", subject.name()));
    let took = function.cold_start().ok_or_else(lost)?;
    let memory = process::memory(function.process_id().ok_or_else(lost)?)?;
    #[allow(clippy::cast_precision_loss, reason = "bytes of one process")]
    let resident = memory.resident as f64;
    Ok((took.as_secs_f64() * 1e3, resident))
}

/// Returns the files that a team would zip for this program.
fn packaged(environment: &Environment, programs: &Programs, subject: Subject) -> Result<Vec<PathBuf>, Error> {
    if subject == Subject::Python {
        let [code, packages] = environment.peers.packaged();
        return Ok([files(&code)?, files(&packages)?].concat());
    }
    Ok(programs.program(subject).into_iter().collect())
}

/// Returns the files of a folder that are packaged.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::file("read", folder))? {
        let path = entry.map_err(Error::file("read", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_runtime_package = RUNTIME_PACKAGES
            .iter()
            .any(|package| name.strip_prefix(package).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')));
        if is_runtime_package || name == "__pycache__" || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

/// Returns the total size of these files, and the size of a zip file with them.
fn packed(files: &[PathBuf]) -> Result<(u64, u64), Error> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut unpacked = 0;
    for path in files {
        unpacked += process::size(path)?;
        add(&mut zip, path)?;
    }
    let zipped = zip.finish().map_err(|error| Error::Unusable(format!("cannot zip: {error}")))?.into_inner();
    Ok((unpacked, zipped.len() as u64))
}

fn add(zip: &mut ZipWriter<impl Write + Seek>, path: &Path) -> Result<(), Error> {
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).compression_level(Some(9));
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(Error::file("read", path))?;
    let failed = |error: &dyn std::fmt::Display| Error::Unusable(format!("cannot zip {}: {error}", path.display()));
    zip.start_file_from_path(path, options).map_err(|error| failed(&error))?;
    zip.write_all(&bytes).map_err(|error| failed(&error))
}
