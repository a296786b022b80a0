//! There is no default tenant.
use throughline_core::Tenant;

fn nobody() -> Tenant {
    Tenant::default()
}

fn main() {}
