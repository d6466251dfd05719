//! Round trips, adversarial bytes and golden vectors.

mod adversarial;
mod round_trip;
mod samples;
mod vectors;
