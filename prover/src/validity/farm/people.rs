//! Workers of a farm, by name: numbers for the log and the figures, and who was told of.

use std::collections::BTreeMap;

use super::names::WorkerName;
use crate::validity::coordinator::WorkerId;

/// Names that are kept apart. Whoever comes after them shares a number: names cost a liar nothing.
const NAMES_MAX: u32 = 4_096;

/// The workers that were heard of since the process began.
#[derive(Debug, Default)]
pub struct People {
    numbers: BTreeMap<WorkerName, WorkerId>,
}

impl People {
    /// A worker's number, the same for ever; and whether it is a new one.
    pub fn number(&mut self, name: &WorkerName) -> (WorkerId, bool) {
        if let Some(number) = self.numbers.get(name) {
            return (*number, false);
        }
        let next = u32::try_from(self.numbers.len()).unwrap_or(NAMES_MAX).min(NAMES_MAX);
        let number = WorkerId(next);
        let is_new = next < NAMES_MAX;
        if is_new {
            self.numbers.insert(name.clone(), number);
        }
        (number, is_new)
    }

    /// The name of a number; none of the one that many share.
    pub fn name(&self, worker: WorkerId) -> Option<&WorkerName> {
        self.numbers.iter().find(|(_, number)| **number == worker).map(|(name, _)| name)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.numbers.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_names_are_bounded() {
        let (mut people, name) = (People::default(), |number: u32| format!("w{number}").parse().unwrap());
        assert_eq!(people.number(&name(7)), (WorkerId(0), true));
        assert_eq!(people.number(&name(7)), (WorkerId(0), false));
        assert_eq!((people.name(WorkerId(0)), people.name(WorkerId(9))), (Some(&name(7)), None));
        for number in 1_000..6_000 {
            people.number(&name(number));
        }
        assert_eq!((people.count(), people.number(&name(9_999))), (4_096, (WorkerId(NAMES_MAX), false)));
        assert_eq!(people.number(&name(7)), (WorkerId(0), false));
    }
}
