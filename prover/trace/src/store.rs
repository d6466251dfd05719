//! What was computed of runs, on disk: leaves and snapshots, by the hash of the state that a run starts in.
//!
//! Layout: `<start>/epoch`, `<start>/leaves-<first>`, `<start>/fine-<stride>`, `<start>/snapshot-<stride>`, `<start>/end`. A file appears complete or not at all. Lists
//! of leaves carry their keccak hash; a snapshot is checked against the leaf that it is behind. Whatever fails its check counts as absent and is computed again.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use alloy_primitives::{B256, hex, keccak256};
use tandem_vm::{Image, Machine, State, elf::Segment, state::PACKED_SIZE};

use crate::{
    pages::{self, PAGE_BYTES},
    trace::PackedState,
};

/// The file that says which epoch a run is of.
const LABEL: &str = "epoch";
/// Snapshots that are kept of a run. With 2^19 strides in the worst epoch, two of them lie at most 2^14 strides apart: three minutes at 100 million steps
/// a second.
const SNAPSHOTS_MAX: usize = 32;
/// A snapshot costs about a second; so much work in between makes it a small part, and little is lost when a process ends.
const SNAPSHOT_INTERVAL: Duration = Duration::from_secs(30);

/// A directory of runs. Cheap to clone; one process at a time.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    snapshot_interval: Duration,
}

impl Store {
    /// The store under `root`; directories are made as needed.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), snapshot_interval: SNAPSHOT_INTERVAL }
    }

    /// The same store; runs are kept after so long each time.
    #[must_use]
    pub fn snapshot_every(self, snapshot_interval: Duration) -> Self {
        Self { snapshot_interval, ..self }
    }

    pub(crate) const fn snapshot_interval(&self) -> Duration {
        self.snapshot_interval
    }

    /// The runs of which something is kept, by their start.
    pub fn runs(&self) -> io::Result<Vec<B256>> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut runs = Vec::new();
        for entry in entries {
            runs.extend(entry?.file_name().to_str().and_then(|name| name.parse::<B256>().ok()));
        }
        Ok(runs)
    }

    /// Says which epoch a run is of.
    pub fn label(&self, start: B256, epoch: u64) -> io::Result<()> {
        self.write(start, LABEL, &epoch.to_be_bytes())
    }

    /// Forgets the runs of earlier epochs, and those of which nobody knows.
    pub fn forget_before(&self, epoch: u64) -> io::Result<()> {
        for start in self.runs()? {
            let label = self.read(start, LABEL)?.and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?)));
            if label.is_none_or(|label| label < epoch) {
                self.forget(start)?;
            }
        }
        Ok(())
    }

    /// Forgets a run.
    pub fn forget(&self, start: B256) -> io::Result<()> {
        match fs::remove_dir_all(self.directory(start)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Keeps leaves of level 0 from `first` on.
    pub(crate) fn put_leaves(&self, start: B256, first: u64, leaves: &[B256]) -> io::Result<()> {
        self.write(start, &format!("leaves-{first}"), &sealed(leaves))
    }

    /// The leaves of level 0 from the first on, as far as they are there without a gap.
    pub(crate) fn leaves(&self, start: B256) -> io::Result<Vec<B256>> {
        let mut leaves = Vec::new();
        while let Some(more) = self.read_leaves(start, &format!("leaves-{}", leaves.len()))? {
            leaves.extend(more);
        }
        Ok(leaves)
    }

    /// Keeps the leaves of level 1 within a stride.
    pub(crate) fn put_fine(&self, start: B256, stride: u64, leaves: &[B256]) -> io::Result<()> {
        self.write(start, &format!("fine-{stride}"), &sealed(leaves))
    }

    /// The leaves of level 1 within a stride.
    pub(crate) fn fine(&self, start: B256, stride: u64) -> io::Result<Option<Vec<B256>>> {
        self.read_leaves(start, &format!("fine-{stride}"))
    }

    /// Keeps the last state of a run, which has as many different leaves.
    pub(crate) fn put_end(&self, start: B256, strides: u64, state: &PackedState) -> io::Result<()> {
        self.write(start, "end", &[strides.to_be_bytes().as_slice(), state].concat())
    }

    /// The last state, if it is that behind the last of these leaves and no leaf is missing.
    pub(crate) fn end(&self, start: B256, leaves: &[B256]) -> io::Result<Option<PackedState>> {
        let Some(bytes) = self.read(start, "end")? else { return Ok(None) };
        let Some((strides, state)) = bytes.split_first_chunk::<8>() else { return Ok(None) };
        let Ok(state) = PackedState::try_from(state) else { return Ok(None) };
        let is_whole = u64::from_be_bytes(*strides) == leaves.len() as u64 && leaves.last() == Some(&keccak256(state));
        Ok(is_whole.then_some(state))
    }

    /// Keeps a machine as it is before a stride, and thins earlier ones out.
    pub(crate) fn put_snapshot(&self, start: B256, stride: u64, machine: &mut Machine) -> io::Result<()> {
        let mut bytes = machine.state().pack().to_vec();
        for (address, page) in pages::of(machine) {
            bytes.extend(address.to_be_bytes());
            bytes.extend(page);
        }
        self.write(start, &format!("snapshot-{stride}"), &bytes)?;
        for stride in thinned(self.snapshots(start)?) {
            fs::remove_file(self.directory(start).join(format!("snapshot-{stride}")))?;
        }
        Ok(())
    }

    /// The machine before the latest stride, at most `stride`, of which there is a snapshot that fits the leaf before it; and which stride that
    /// is. `leaf` is asked for those before `stride`.
    pub(crate) fn snapshot(
        &self,
        start: B256,
        stride: u64,
        leaf: impl Fn(u64) -> B256,
    ) -> io::Result<Option<(u64, Machine)>> {
        let mut strides = self.snapshots(start)?;
        strides.retain(|found| *found <= stride);
        for stride in strides.into_iter().rev() {
            let name = format!("snapshot-{stride}");
            let Some(bytes) = self.read(start, &name)? else { continue };
            match stride.checked_sub(1).and_then(|behind| resume(&bytes, leaf(behind))) {
                Some(machine) => return Ok(Some((stride, machine))),
                None => self.damaged(start, &name)?,
            }
        }
        Ok(None)
    }

    /// Strides before which there is a snapshot, ascending.
    fn snapshots(&self, start: B256) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(self.directory(start)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut strides = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            strides.extend(name.to_str().and_then(|name| name.strip_prefix("snapshot-")?.parse::<u64>().ok()));
        }
        strides.sort_unstable();
        Ok(strides)
    }

    fn read_leaves(&self, start: B256, name: &str) -> io::Result<Option<Vec<B256>>> {
        let Some(bytes) = self.read(start, name)? else { return Ok(None) };
        let leaves = unsealed(&bytes);
        if leaves.is_none() {
            self.damaged(start, name)?;
        }
        Ok(leaves)
    }

    fn damaged(&self, start: B256, name: &str) -> io::Result<()> {
        let path = self.directory(start).join(name);
        tracing::warn!(path = %path.display(), "a file of a commitment is damaged, computing it again");
        fs::remove_file(path)
    }

    fn directory(&self, start: B256) -> PathBuf {
        self.root.join(hex::encode(start))
    }

    fn read(&self, start: B256, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.directory(start).join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, start: B256, name: &str, bytes: &[u8]) -> io::Result<()> {
        let directory = self.directory(start);
        fs::create_dir_all(&directory)?;
        let partial = directory.join(format!(".{name}"));
        write_durably(&partial, bytes)?;
        fs::rename(&partial, directory.join(name))
    }
}

/// What is dropped when there are too many: every other one, so that what stays is spread evenly; never the newest.
fn thinned(mut strides: Vec<u64>) -> Vec<u64> {
    if strides.len() <= SNAPSHOTS_MAX {
        return Vec::new();
    }
    strides.pop();
    strides.into_iter().step_by(2).collect()
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()
}

fn sealed(leaves: &[B256]) -> Vec<u8> {
    let mut bytes = leaves.concat();
    let hash = keccak256(&bytes);
    bytes.extend(hash);
    bytes
}

fn unsealed(bytes: &[u8]) -> Option<Vec<B256>> {
    let (leaves, hash) = bytes.split_last_chunk::<32>()?;
    let (words, rest) = leaves.as_chunks::<32>();
    let is_whole = rest.is_empty() && !words.is_empty() && keccak256(leaves) == *hash;
    is_whole.then(|| words.iter().map(B256::from).collect())
}

/// The machine of a snapshot, if it is in the state with this hash.
fn resume(bytes: &[u8], state_hash: B256) -> Option<Machine> {
    let (packed, pages) = bytes.split_first_chunk::<PACKED_SIZE>()?;
    let state = State::unpack(packed).ok().filter(|_| keccak256(packed) == state_hash)?;
    let pages = pages.chunks(8 + PAGE_BYTES).map(|page| {
        let (address, data) = page.split_first_chunk::<8>()?;
        Some(Segment { address: u64::from_be_bytes(*address), data: data.to_vec() })
    });
    let image = Image::new(pages.collect::<Option<Vec<_>>>()?).ok()?;
    Machine::resume(state, &image).ok()
}
