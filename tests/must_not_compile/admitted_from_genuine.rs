//! A genuine context may have expired or be for another trust domain.
use std::sync::Arc;

use throughline_core::Admitted;
use throughline_core::context::Genuine;
use throughline_core::hop;

fn skip_time_and_freshness(genuine: Arc<Genuine>) -> Admitted {
    hop::complete(hop::agree(genuine, []).unwrap(), []).unwrap()
}

fn main() {}
