//! A verified context has not been compared with the request.
use throughline_core::{Admitted, Verified};

fn skip_the_witnesses(verified: Verified) -> Admitted {
    verified.into()
}

fn main() {}
