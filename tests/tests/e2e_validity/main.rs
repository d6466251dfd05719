//! `make e2e-validity`: a payments chain as `make devnet SETTLEMENT=validity` starts it, with all programs, the real circuits and a real L1; driven from outside, as
//! users do, through its whole life. Minutes of two cores, and some more the first time, when keys are made: so none of it is part of `make test`.

mod life;
mod people;
