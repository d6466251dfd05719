//! The rollup from outside: what users do, to the wei, and what others may try. Needs the binaries (`make build`).

mod batches;
mod compat;
mod derived;
mod faults;
mod forced;
mod fraud;
mod guide;
mod hostile;
mod install;
mod money;
mod pace;
mod processes;
mod steps;
