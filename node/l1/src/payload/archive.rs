//! Payloads on disk, by hash, for ever: blobs expire on L1, disputes do not.
//!
//! Layout: `blobs/<versioned hash>`, `calldata/<data hash>`, `blob-lists/<data hash>`. A file appears complete or not at all. What is read
//! back is hashed again, so that a damaged or foreign directory can only lack something.

use super::kzg::versioned_hash;
use alloy::primitives::{B256, Bytes};
use std::{
    io,
    path::{Path, PathBuf},
};
use tandem_chain::{
    batch::{BLOBS_MAX, CALLDATA_BYTES_MAX, blobs_hash, calldata_hash},
    blob::BLOB_BYTES,
};
use tokio::{fs, io::AsyncWriteExt};

const BLOBS: &str = "blobs";
const CALLDATA: &str = "calldata";
const BLOB_LISTS: &str = "blob-lists";

/// A directory of payloads. Several processes may share one.
#[derive(Clone, Debug)]
pub struct Archive {
    root: PathBuf,
}

impl Archive {
    /// The archive under `root`; directories are made as needed.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// A blob, if it is there and undamaged.
    pub async fn blob(&self, hash: B256) -> io::Result<Option<Bytes>> {
        let Some(blob) = self.read(BLOBS, hash, BLOB_BYTES).await? else { return Ok(None) };
        let checked = blob.clone();
        let found = tokio::task::spawn_blocking(move || versioned_hash(&checked)).await.map_err(io::Error::other)?;
        Ok(self.undamaged(blob, hash, found))
    }

    /// A calldata payload, if it is there and undamaged.
    pub async fn calldata(&self, data_hash: B256) -> io::Result<Option<Bytes>> {
        let Some(payload) = self.read(CALLDATA, data_hash, CALLDATA_BYTES_MAX).await? else { return Ok(None) };
        let found = calldata_hash(&payload);
        Ok(self.undamaged(payload, data_hash, Some(found)))
    }

    /// Which blobs a batch has, if that is there and undamaged.
    pub async fn versioned_hashes(&self, data_hash: B256) -> io::Result<Option<Vec<B256>>> {
        let Some(list) = self.read(BLOB_LISTS, data_hash, BLOBS_MAX * B256::len_bytes()).await? else {
            return Ok(None);
        };
        let hashes: Vec<B256> = list.chunks_exact(B256::len_bytes()).map(B256::from_slice).collect();
        let found = blobs_hash(&hashes);
        Ok(self.undamaged(hashes, data_hash, Some(found)))
    }

    /// Keeps a blob; the caller checked its hash.
    pub async fn put_blob(&self, hash: B256, blob: &[u8]) -> io::Result<()> {
        self.write(BLOBS, hash, blob).await
    }

    /// Keeps a calldata payload; the caller checked its hash.
    pub async fn put_calldata(&self, data_hash: B256, payload: &[u8]) -> io::Result<()> {
        self.write(CALLDATA, data_hash, payload).await
    }

    /// Keeps which blobs a batch has; the caller checked the hash.
    pub async fn put_versioned_hashes(&self, data_hash: B256, hashes: &[B256]) -> io::Result<()> {
        self.write(BLOB_LISTS, data_hash, &hashes.concat()).await
    }

    fn undamaged<T>(&self, value: T, expected: B256, found: Option<B256>) -> Option<T> {
        if found != Some(expected) {
            tracing::warn!(hash = %expected, root = %self.root.display(), "archived payload is damaged, fetching it again");
            return None;
        }
        Some(value)
    }

    fn path(&self, kind: &str, hash: B256) -> PathBuf {
        self.root.join(kind).join(alloy::hex::encode(hash))
    }

    async fn read(&self, kind: &str, hash: B256, bytes_max: usize) -> io::Result<Option<Bytes>> {
        let path = self.path(kind, hash);
        match fs::metadata(&path).await {
            Ok(metadata) if metadata.len() > bytes_max as u64 => Ok(None),
            Ok(_) => Ok(Some(fs::read(&path).await?.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn write(&self, kind: &str, hash: B256, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(kind, hash);
        if fs::try_exists(&path).await? && fs::read(&path).await? == bytes {
            return Ok(());
        }
        let directory = self.root.join(kind);
        fs::create_dir_all(&directory).await?;
        let partial = directory.join(format!(".{}.{}", alloy::hex::encode(hash), std::process::id()));
        write_durably(&partial, bytes).await?;
        fs::rename(&partial, &path).await
    }
}

async fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path).await?;
    file.write_all(bytes).await?;
    file.sync_all().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn payloads_are_kept_by_hash() {
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::new(directory.path());
        let blob = tandem_chain::blob::pack(b"payload").remove(0);
        let hash = versioned_hash(&blob).unwrap();
        assert_eq!(archive.blob(hash).await.unwrap(), None);
        archive.put_blob(hash, &blob).await.unwrap();
        assert_eq!(archive.blob(hash).await.unwrap(), Some(blob.into()));

        let list = [hash, B256::repeat_byte(1)];
        archive.put_versioned_hashes(blobs_hash(&list), &list).await.unwrap();
        assert_eq!(archive.versioned_hashes(blobs_hash(&list)).await.unwrap().as_deref(), Some(&list[..]));

        let data_hash = calldata_hash(b"calldata");
        archive.put_calldata(data_hash, b"calldata").await.unwrap();
        assert_eq!(archive.calldata(data_hash).await.unwrap(), Some(Bytes::from_static(b"calldata")));
    }

    #[tokio::test]
    async fn damaged_files_count_as_absent_and_are_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::new(directory.path());
        let data_hash = calldata_hash(b"calldata");
        for damaged in [&b"calldatb"[..], b"", &vec![0; CALLDATA_BYTES_MAX + 1]] {
            archive.put_calldata(data_hash, damaged).await.unwrap();
            assert_eq!(archive.calldata(data_hash).await.unwrap(), None);
        }
        archive.put_calldata(data_hash, b"calldata").await.unwrap();
        assert_eq!(archive.calldata(data_hash).await.unwrap(), Some(Bytes::from_static(b"calldata")));
    }
}
