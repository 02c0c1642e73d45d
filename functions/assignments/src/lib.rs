//! Assignments, groups and principals: who holds which role, where and until when.

mod assignments;
mod docs;
mod groups;
mod principals;
mod wire;

use api::{PathParameters, Problem, Routes, delete, get, post, put};
use domain::capability::{
    ASSIGNMENT_CREATE, ASSIGNMENT_READ, ASSIGNMENT_REVOKE, GROUP_READ, GROUP_UPDATE,
    PRINCIPAL_DELETE, PRINCIPAL_READ, PRINCIPAL_UPDATE,
};
use domain::id::PrincipalId;
use domain::principal::PrincipalType;

pub use wire::{
    AssignmentBody, AssignmentCreate, MemberBody, MemberCreate, PrincipalBody, PrincipalUpdate,
};

/// The endpoints.
pub fn routes() -> Routes {
    Routes {
        function: "assignments",
        endpoints: vec![
            post(
                "/api/v1/assignments",
                ASSIGNMENT_CREATE,
                assignments::create,
                docs::create_assignment,
            ),
            get("/api/v1/assignments", ASSIGNMENT_READ, assignments::list, docs::list_assignments),
            get(
                "/api/v1/assignments/{id}",
                ASSIGNMENT_READ,
                assignments::read,
                docs::read_assignment,
            ),
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
        ],
    }
}

fn group_id(path: &PathParameters) -> Result<PrincipalId, Problem> {
    path.read("id", "group", PrincipalId::parse)
}

/// The principal type that is meant where none is named.
fn or_user(kind: Option<PrincipalType>) -> PrincipalType {
    kind.unwrap_or_else(PrincipalType::user)
}
