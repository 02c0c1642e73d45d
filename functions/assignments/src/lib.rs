//! Assignments, capabilities, groups and principals: who holds which role or permission, where and until when.

mod assignments;
mod capabilities;
mod docs;
mod groups;
mod principals;
mod wire;

use api::{Endpoint, PathParameters, Problem, Routes, ask, delete, get, post, put};
use domain::capability::{
    ASSIGNMENT_CREATE, ASSIGNMENT_READ, ASSIGNMENT_REVOKE, CAPABILITY_GRANT, CAPABILITY_READ,
    CAPABILITY_REVOKE, GROUP_READ, GROUP_UPDATE, PRINCIPAL_DELETE, PRINCIPAL_READ,
    PRINCIPAL_UPDATE,
};
use domain::id::PrincipalId;
use domain::principal::PrincipalType;

pub use capabilities::{
    CapabilityBody, CapabilityCheck, CapabilityChecked, CapabilityGrant, CapabilityRevoke,
    HeldBody, WayBody,
};
pub use wire::{
    AssignmentBody, AssignmentCreate, MemberBody, MemberCreate, PrincipalBody, PrincipalUpdate,
};

/// The endpoints.
pub fn routes() -> Routes {
    let mut endpoints = of_assignments();
    endpoints.extend(of_capabilities());
    Routes { function: "assignments", endpoints }
}

fn of_capabilities() -> [Endpoint; 6] {
    [
        get("/api/v1/capabilities", CAPABILITY_READ, capabilities::list, capabilities::docs::list),
        get(
            "/api/v1/capabilities/me",
            CAPABILITY_READ,
            capabilities::mine,
            capabilities::docs::mine,
        ),
        get(
            "/api/v1/capabilities/users/{id}",
            CAPABILITY_READ,
            capabilities::of_user,
            capabilities::docs::of_user,
        ),
        post(
            "/api/v1/capabilities/users/{id}/grant",
            CAPABILITY_GRANT,
            capabilities::grant,
            capabilities::docs::grant,
        ),
        post(
            "/api/v1/capabilities/users/{id}/revoke",
            CAPABILITY_REVOKE,
            capabilities::revoke,
            capabilities::docs::revoke,
        ),
        ask(
            "/api/v1/capabilities/users/{id}/check",
            CAPABILITY_READ,
            capabilities::check,
            capabilities::docs::check,
        ),
    ]
}

fn of_assignments() -> Vec<Endpoint> {
    vec![
        post(
            "/api/v1/assignments",
            ASSIGNMENT_CREATE,
            assignments::create,
            docs::create_assignment,
        ),
        get("/api/v1/assignments", ASSIGNMENT_READ, assignments::list, docs::list_assignments),
        get("/api/v1/assignments/{id}", ASSIGNMENT_READ, assignments::read, docs::read_assignment),
        delete(
            "/api/v1/assignments/{id}",
            ASSIGNMENT_REVOKE,
            assignments::revoke,
            docs::revoke_assignment,
        ),
        post("/api/v1/groups/{id}/members", GROUP_UPDATE, groups::add, docs::add_member),
        get("/api/v1/groups/{id}/members", GROUP_READ, groups::list, docs::list_members),
        delete(
            "/api/v1/groups/{id}/members/{principal_id}",
            GROUP_UPDATE,
            groups::remove,
            docs::remove_member,
        ),
        put(
            "/api/v1/principals/{type}/{id}",
            PRINCIPAL_UPDATE,
            principals::write,
            docs::write_principal,
        ),
        get(
            "/api/v1/principals/{type}/{id}",
            PRINCIPAL_READ,
            principals::read,
            docs::read_principal,
        ),
        delete(
            "/api/v1/principals/{type}/{id}",
            PRINCIPAL_DELETE,
            principals::delete,
            docs::delete_principal,
        ),
    ]
}

fn group_id(path: &PathParameters) -> Result<PrincipalId, Problem> {
    path.read("id", "group", PrincipalId::parse)
}

/// The principal type that is meant where none is named.
fn or_user(kind: Option<PrincipalType>) -> PrincipalType {
    kind.unwrap_or_else(PrincipalType::user)
}
