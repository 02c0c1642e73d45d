//! The description of each endpoint.

use api::Operation;
use domain::id::ID_PATTERN;
use domain::principal::PRINCIPAL_TYPE_PATTERN;
use serde_json::{Value, json};

use crate::wire::{
    AssignmentBody, AssignmentCreate, MemberBody, MemberCreate, PrincipalBody, PrincipalUpdate,
};

fn id() -> Value {
    json!({"type": "string", "pattern": ID_PATTERN})
}

fn id_or_every() -> Value {
    json!({"type": "string", "pattern": r"^([A-Za-z0-9._:@-]{1,128}|\*)$"})
}

/// The name of a permission, in any spelling.
pub(crate) fn permission() -> Value {
    json!({"type": "string", "pattern": r"^[!#-)+-\[\]-~]{1,255}$"})
}

pub(crate) fn principal_type() -> Value {
    json!({"type": "string", "pattern": PRINCIPAL_TYPE_PATTERN})
}

pub(crate) fn assignment() -> Value {
    json!({
        "id": "0190b0c5-7e4c-7000-8000-000000000003",
        "tenant_id": "default",
        "principal_id": "alice",
        "principal_type": "user",
        "role_id": "0190b0c5-7e4c-7000-8000-000000000002",
        "permission": null,
        "entity_id": "0190b0c5-7e4c-7000-8000-000000000001",
        "effective_at": "2026-11-23T03:30:53.000000Z",
        "expires_at": null,
        "condition": null,
        "reason": "covers for bob",
        "version": 1,
        "created_at": "2026-11-23T03:30:53.000000Z",
        "updated_at": "2026-11-23T03:30:53.000000Z",
    })
}

pub(crate) fn create_assignment() -> Operation {
    Operation::new("createAssignment", "Assign a role or a permission")
        .describe(
            "Exactly one of `role_id` and `permission` is given. A permission is assigned by its canonical name, and \
             decides like a role for all types that grants this one action. On an entity it counts there and \
             everywhere below; without one, everywhere. A principal holds a role or a permission on an entity at most \
             once: asking again for the same gives the assignment that is there, with 200.",
        )
        .leaves(&["role.assignment.changed"], "role_assignment.create")
        .takes::<AssignmentCreate>(&json!({
            "principal_id": "alice",
            "role_id": "0190b0c5-7e4c-7000-8000-000000000002",
            "entity_id": "0190b0c5-7e4c-7000-8000-000000000001",
            "reason": "covers for bob",
        }))
        .gives::<AssignmentBody>(201, "It was assigned; `Location` leads to the assignment.", &assignment())
        .gives::<AssignmentBody>(200, "It was assigned before.", &assignment())
        .refuses(404, "not_found", "There is no such role.")
        .refuses(409, "assigned_otherwise", "The principal holds this here with other times, on another condition or for another reason.")
        .refuses(409, "id_taken", "An assignment with this id exists.")
        .refuses(409, "conflict", "Others keep changing the same assignment.")
}

pub(crate) fn list_assignments() -> Operation {
    Operation::new("listAssignments", "List assignments")
        .describe(
            "Of a principal in a stable order; otherwise newest first, where a new one shows within moments.",
        )
        .query("principal_id", "Held by this principal itself, not through a group.", id_or_every(), false)
        .query("principal_type", "The type of `principal_id`; `user` when absent.", principal_type(), false)
        .query("entity_id", "On this entity itself.", id(), false)
        .query("role_id", "Of this role.", id(), false)
        .query("permission", "Of this permission, granted directly, by any of its names.", permission(), false)
        .paged()
        .lists::<AssignmentBody>("A page of assignments.", &assignment())
}

pub(crate) fn read_assignment() -> Operation {
    Operation::new("getAssignment", "Get an assignment").gives::<AssignmentBody>(
        200,
        "The assignment.",
        &assignment(),
    )
}

pub(crate) fn revoke_assignment() -> Operation {
    Operation::new("revokeAssignment", "Revoke an assignment")
        .describe("Holds at once.")
        .leaves(&["role.assignment.changed"], "role_assignment.delete")
        .answers(
            200,
            "It was revoked.",
            &json!({"status": "revoked", "assignment_id": "0190b0c5-7e4c-7000-8000-000000000003"}),
        )
        .refuses(409, "conflict", "Others keep changing the same assignment.")
}

fn member() -> Value {
    json!({
        "group_id": "compliance",
        "principal_id": "alice",
        "principal_type": "user",
        "tenant_id": "default",
        "created_at": "2026-11-23T03:30:53.000000Z",
    })
}

pub(crate) fn add_member() -> Operation {
    Operation::new("addGroupMember", "Add a member to a group")
        .describe(
            "A group is a principal of type `group`: assign it a role as `principal_type: group`, and every member \
             holds it. Groups may be members of groups, but not of themselves.",
        )
        .leaves(&["group.membership.changed"], "group_membership.create")
        .takes::<MemberCreate>(&json!({"principal_id": "alice"}))
        .gives::<MemberBody>(201, "It was added.", &member())
        .gives::<MemberBody>(200, "It was a member before.", &member())
        .refuses(409, "conflict", "Others keep changing the same membership.")
}

pub(crate) fn list_members() -> Operation {
    Operation::new("listGroupMembers", "List the members of a group")
        .describe("Its own members in a stable order, not those of groups within it. A group without members is empty.")
        .paged()
        .lists::<MemberBody>("A page of members.", &member())
}

pub(crate) fn remove_member() -> Operation {
    Operation::new("removeGroupMember", "Remove a member from a group")
        .describe("Holds at once.")
        .leaves(&["group.membership.changed"], "group_membership.delete")
        .query("principal_type", "The member's type; `user` when absent.", principal_type(), false)
        .answers(
            200,
            "It was removed.",
            &json!({
                "status": "removed",
                "group_id": "compliance",
                "principal_id": "alice",
                "principal_type": "user",
            }),
        )
        .refuses(409, "conflict", "Others keep changing the same membership.")
}

fn principal() -> Value {
    json!({
        "type": "user",
        "id": "alice",
        "tenant_id": "default",
        "properties": {"department": "compliance"},
        "version": 1,
        "created_at": "2026-11-23T03:30:53.000000Z",
        "updated_at": "2026-11-23T03:30:53.000000Z",
    })
}

pub(crate) fn write_principal() -> Operation {
    Operation::new("putPrincipal", "Store a principal's properties")
        .describe(
            "Replaces all of them. A principal needs none to be authorized. What is so already changes and emits \
             nothing.",
        )
        .leaves(&["principal.updated"], "principal.update")
        .conditional()
        .takes::<PrincipalUpdate>(&json!({"properties": {"department": "compliance"}}))
        .versioned()
        .gives::<PrincipalBody>(200, "The properties as they are now.", &principal())
        .gives::<PrincipalBody>(201, "They were stored for the first time.", &principal())
        .refuses(409, "conflict", "Others keep changing the same principal.")
}

pub(crate) fn read_principal() -> Operation {
    Operation::new("getPrincipal", "Get a principal's properties")
        .versioned()
        .gives::<PrincipalBody>(200, "The properties; `ETag` is their version.", &principal())
}

pub(crate) fn delete_principal() -> Operation {
    Operation::new("deletePrincipal", "Delete a principal's properties")
        .describe("The principal's assignments and memberships stay.")
        .leaves(&["principal.deleted"], "principal.delete")
        .conditional()
        .answers(
            200,
            "They were deleted.",
            &json!({"status": "deleted", "principal_id": "alice", "principal_type": "user"}),
        )
        .refuses(409, "conflict", "Others keep changing the same principal.")
}
