//! The memory that proofs share.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A number of bytes, of which whoever proves takes a share first.
#[derive(Debug)]
pub(super) struct Memory {
    bytes_max: u64,
    /// What is taken. A lock and not a message: those who wait are threads of callers, and there is no task to ask.
    taken: Mutex<u64>,
    released: Condvar,
}

/// Bytes that are taken until this is dropped.
#[derive(Debug)]
pub(super) struct Share<'a> {
    memory: &'a Memory,
    bytes: u64,
}

/// More bytes than there are: waiting would not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch {
    pub(super) bytes_max: u64,
}

impl Memory {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, taken: Mutex::new(0), released: Condvar::new() }
    }

    /// Takes so many bytes, as soon as others have released enough.
    pub(super) fn take(&self, bytes: u64) -> Result<Share<'_>, TooMuch> {
        if bytes > self.bytes_max {
            return Err(TooMuch { bytes_max: self.bytes_max });
        }
        let full = |taken: &mut u64| *taken > self.bytes_max - bytes;
        let mut taken = self.released.wait_while(self.taken(), full).unwrap_or_else(PoisonError::into_inner);
        *taken += bytes;
        Ok(Share { memory: self, bytes })
    }

    /// The number is right whenever the lock is free, whatever its holder died of.
    fn taken(&self) -> MutexGuard<'_, u64> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.memory.taken() -= self.bytes;
        self.memory.released.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc, thread};

    #[test]
    fn what_does_not_fit_waits_and_what_never_fits_is_refused() {
        let memory = Memory::new(100);
        assert_eq!(memory.take(101).unwrap_err(), TooMuch { bytes_max: 100 });
        assert!(memory.take(u64::MAX).is_err());
        let (first, second) = (memory.take(60).unwrap(), memory.take(40).unwrap());
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let share = memory.take(50).unwrap();
                sender.send("taken").unwrap();
                drop(share);
            });
            drop(second);
            // Whoever waits has woken up for 40 bytes or has not begun: 50 do not fit beside 60.
            assert_eq!(*memory.taken(), 60);
            assert!(receiver.try_recv().is_err());
            drop(first);
            assert_eq!(receiver.recv(), Ok("taken"));
        });
        assert_eq!(*memory.taken(), 0);
    }
}
