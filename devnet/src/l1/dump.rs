//! Anvil's state on disk. Anvil writes all of it over the file that it wrote before, so that a kill in between leaves half of it: it dumps
//! beside the state, and a dump takes the state's place once it is complete.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// What the last of Anvil's dumps that was written to its end is called.
pub const STATE: &str = "l1-state.json";
/// The file that Anvil dumps its state into before it is put in the last one's place.
pub const DUMP: &str = "l1-state.next.json";
/// How a dump ends: with the last member of its object.
const END: &[u8] = b",\"historical_states\":null}";

/// The state to begin with, if there is one; a dump that was finished and not taken over counts.
pub fn state(dir: &Path) -> io::Result<Option<PathBuf>> {
    adopt(dir)?;
    let state = dir.join(STATE);
    Ok(state.is_file().then_some(state))
}

/// Takes a complete dump over as the state; whether there was one.
pub fn adopt(dir: &Path) -> io::Result<bool> {
    let dump = dir.join(DUMP);
    if !is_complete(&dump)? {
        return Ok(false);
    }
    fs::rename(dump, dir.join(STATE))?;
    Ok(true)
}

fn is_complete(dump: &Path) -> io::Result<bool> {
    let mut file = match File::open(dump) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    let Some(start) = file.metadata()?.len().checked_sub(END.len() as u64) else { return Ok(false) };
    let mut end = Vec::with_capacity(END.len());
    file.seek(SeekFrom::Start(start))?;
    file.take(END.len() as u64).read_to_end(&mut end)?;
    Ok(end == END)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_dump_never_takes_the_states_place() {
        let dir = std::env::temp_dir().join(format!("tandem dump {}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let whole = [b"{\"blocks\":[1,2]".as_slice(), END].concat();
        assert_eq!(state(&dir).unwrap(), None);
        for length in [0, 1, END.len(), whole.len() - 1] {
            fs::write(dir.join(DUMP), &whole[..length]).unwrap();
            assert!(!adopt(&dir).unwrap(), "{length} bytes");
        }
        fs::write(dir.join(DUMP), &whole).unwrap();
        assert_eq!(state(&dir).unwrap(), Some(dir.join(STATE)), "what was finished before the start is taken over");
        assert_eq!(fs::read(dir.join(STATE)).unwrap(), whole);
        assert!(!dir.join(DUMP).exists());
        fs::write(dir.join(DUMP), &whole[..9]).unwrap();
        assert_eq!(state(&dir).unwrap(), Some(dir.join(STATE)));
        assert_eq!(fs::read(dir.join(STATE)).unwrap(), whole, "a broken dump leaves it alone");
        fs::remove_dir_all(dir).unwrap();
    }
}
