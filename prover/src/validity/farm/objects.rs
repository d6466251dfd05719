//! Objects in the engine's buckets: witnesses and keys, as bytes and as files.
//!
//! Adversarial: everything in a bucket. What an object says of its length is a promise, a link to another object is none of ours, and one of which nothing comes is given up.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use async_nats::jetstream::object_store::{
    GetErrorKind, InfoErrorKind, Object, ObjectInfo, ObjectMetadata, ObjectStore,
};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{engine::ANSWER_MAX, error::FarmError};

/// An object of which nothing comes for so long is given up.
const OBJECT_SILENCE_MAX: Duration = Duration::from_secs(30);
/// Under this name a file's digest stands beside it.
const DIGEST: &str = "tandem-keccak256";
/// Files that are being written beside one that comes at last: of as many processes, or of processes that were killed.
const PARTIALS_MAX: u32 = 1_024;
/// The end of their names.
pub const PARTIAL: &str = "partial";

/// Puts an object into a bucket, in the place of one of this name.
///
/// # Errors
/// If the engine does not take it.
pub async fn put(bucket: &ObjectStore, name: &str, bytes: &[u8]) -> Result<(), FarmError> {
    let mut reader = bytes;
    bucket.put(name, &mut reader).await.map_err(FarmError::engine("storing an object"))?;
    Ok(())
}

/// Puts a file into a bucket, in the place of an object of this name, with its digest beside it.
///
/// # Errors
/// If it cannot be read, or the engine does not take it.
pub async fn put_file(bucket: &ObjectStore, name: &str, path: &Path, digest: &str) -> Result<(), FarmError> {
    let unreadable = |error| FarmError::File { path: path.into(), error };
    let mut file = File::open(path).await.map_err(unreadable)?;
    let metadata = HashMap::from([(DIGEST.to_owned(), digest.to_owned())]);
    let object = ObjectMetadata { name: name.into(), metadata, ..ObjectMetadata::default() };
    bucket.put(object, &mut file).await.map_err(FarmError::engine("storing an object"))?;
    Ok(())
}

/// Whether a bucket has a file of this length and digest under this name. What cannot be read is another one.
///
/// # Errors
/// If the engine does not answer.
pub async fn has_file(bucket: &ObjectStore, name: &str, bytes: u64, digest: &str) -> Result<bool, FarmError> {
    let info = match info(bucket, name).await {
        Err(FarmError::Engine { .. }) => None,
        info => info?,
    };
    let is_same =
        |info: ObjectInfo| info.size as u64 == bytes && info.metadata.get(DIGEST).is_some_and(|d| d == digest);
    Ok(info.is_some_and(is_same))
}

/// An object's bytes; nothing if there is none, it is longer than `bytes_max`, or not what was stored.
///
/// # Errors
/// If the engine does not give it.
pub async fn get(bucket: &ObjectStore, name: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, FarmError> {
    let doing = "reading an object";
    let Some(object) = open(bucket, name, bytes_max as u64).await? else { return Ok(None) };
    let mut bytes = Vec::new();
    // What it says of its length and what comes are two things.
    let limit = bytes_max as u64 + 1;
    let read = timeout(OBJECT_SILENCE_MAX, object.take(limit).read_to_end(&mut bytes)).await;
    match read.map_err(|_| FarmError::Silent { doing })? {
        Ok(_) => Ok((bytes.len() <= bytes_max).then_some(bytes)),
        // The client compares its digest.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        Err(error) => Err(FarmError::engine(doing)(error)),
    }
}

/// Writes an object to a file, in one step; whether there is one, no longer than `bytes_max`, and as it was stored. `told` hears how many bytes have come, now and then.
///
/// # Errors
/// If the engine does not give it, or the file cannot be written.
pub async fn get_file(
    bucket: &ObjectStore,
    name: &str,
    bytes_max: u64,
    path: &Path,
    told: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<bool, FarmError> {
    let doing = "reading an object";
    let Some(mut object) = open(bucket, name, bytes_max).await? else { return Ok(false) };
    let size = object.info().size as u64;
    let failed = |error| FarmError::File { path: path.into(), error };
    let (mut file, partial) = Partial::create(path).await.map_err(failed)?;
    let (mut buffer, mut come) = (vec![0; 256 << 10], 0_u64);
    while come < size {
        let read = timeout(OBJECT_SILENCE_MAX, object.read(&mut buffer)).await;
        let length = match read.map_err(|_| FarmError::Silent { doing })? {
            // Shorter than it says.
            Ok(0) => return Ok(false),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(false),
            Err(error) => return Err(FarmError::engine(doing)(error)),
        };
        file.write_all(buffer.get(..length).unwrap_or_default()).await.map_err(failed)?;
        come = come.saturating_add(length as u64);
        told(come, size);
    }
    file.sync_all().await.map_err(failed)?;
    partial.becomes(path).await.map_err(failed)?;
    Ok(true)
}

/// What a bucket says of an object; nothing if there is none, or a link stands in its place.
async fn info(bucket: &ObjectStore, name: &str) -> Result<Option<ObjectInfo>, FarmError> {
    let doing = "looking for an object";
    let info = match timeout(ANSWER_MAX, bucket.info(name)).await.map_err(|_| FarmError::Silent { doing })? {
        Ok(info) => info,
        Err(error) if error.kind() == InfoErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == InfoErrorKind::TimedOut => return Err(FarmError::Silent { doing }),
        Err(error) => return Err(FarmError::engine(doing)(error)),
    };
    let is_link = info.options.as_ref().is_some_and(|options| options.link.is_some());
    Ok((!info.deleted && !is_link).then_some(info))
}

/// An object to read from; nothing if there is none, or it says that it is longer than `bytes_max`.
async fn open(bucket: &ObjectStore, name: &str, bytes_max: u64) -> Result<Option<Object>, FarmError> {
    let doing = "reading an object";
    // Asked before, since the client follows links, to itself for ever.
    if info(bucket, name).await?.is_none() {
        return Ok(None);
    }
    match timeout(ANSWER_MAX, bucket.get(name)).await.map_err(|_| FarmError::Silent { doing })? {
        Ok(object) => Ok((object.info().size as u64 <= bytes_max).then_some(object)),
        Err(error) if error.kind() == GetErrorKind::NotFound => Ok(None),
        Err(error) => Err(FarmError::engine(doing)(error)),
    }
}

/// A file that is being written, and is gone unless it becomes the one that it is written for.
struct Partial {
    path: PathBuf,
    /// Nothing is left to remove then, and the name may be another's by now.
    is_renamed: bool,
}

impl Partial {
    /// A file beside `path` that nobody else writes: the process's number alone does not say so, as containers that share a folder may have the same.
    async fn create(path: &Path) -> io::Result<(File, Self)> {
        for number in 0..PARTIALS_MAX {
            let partial = path.with_extension(format!("{}-{number}.{PARTIAL}", std::process::id()));
            match File::options().write(true).create_new(true).open(&partial).await {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                opened => return Ok((opened?, Self { path: partial, is_renamed: false })),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    async fn becomes(mut self, path: &Path) -> io::Result<()> {
        tokio::fs::rename(&self.path, path).await?;
        self.is_renamed = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_renamed {
            // One that stays is deleted at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
