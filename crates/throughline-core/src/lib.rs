//! placeholder
pub mod json;
