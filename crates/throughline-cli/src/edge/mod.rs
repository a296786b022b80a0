//! Commands about an edge's configuration.

pub(crate) mod trust;
pub(crate) mod verify;
