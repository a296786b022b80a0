//! A handler's context cannot be put together.
use throughline::TenantContext;
use throughline_core::{Admitted, Tenant};

fn for_another_tenant(admitted: Admitted, tenant: Tenant) -> TenantContext {
    TenantContext { admitted, tenant }
}

fn main() {}
