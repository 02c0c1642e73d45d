//! The members of a group. A group is a principal of type `group`, and exists through its members.

use api::{Answer, App, Caller, Fields, Listing, Mutation, PathParameters, Problem, text};
use axum::extract::State;
use domain::id::PrincipalId;
use domain::membership::{Membership, admits};
use domain::principal::{Principal, PrincipalType};
use futures::FutureExt;
use serde_json::json;
use store::{Graph, Guard};

use crate::wire::MemberBody;
use crate::{group_id, or_user};

pub(crate) async fn add(
    State(app): State<App>,
    mutation: Mutation,
    path: PathParameters,
    mut fields: Fields,
) -> Result<Answer, Problem> {
    let group = group_id(&path)?;
    let id = fields.required("principal_id", text(PrincipalId::parse));
    let kind = fields.optional("principal_type", text(PrincipalType::parse));
    fields.finish()?;
    let member = Principal { kind: or_user(kind?), id: id? };
    mutation.settle(|| add_once(&app, &mutation, &group, &member).boxed()).await
}

async fn add_once(
    app: &App,
    mutation: &Mutation,
    group: &PrincipalId,
    member: &Principal,
) -> Result<Answer, Problem> {
    let act = mutation.act();
    // Only a group in a group can close a cycle. The version is read before what it guards.
    let mut groups = None;
    if member.kind.is_group() {
        groups = Some(app.store.graph_version(&act.tenant_id, Graph::Groups).await?);
        let above = app.store.groups_above(&act.tenant_id, group).await?;
        admits(group, &above, member)
            .map_err(|refusal| Problem::invalid_at("/principal_id", &refusal))?;
    }
    let change = Membership::create(act.tenant_id.clone(), group.clone(), member.clone(), act.at);
    let answer = Answer::created(location(&change.after), &MemberBody::of(&change.after));
    match app.store.membership_create(&mutation.intent(&answer), &change, groups).await {
        Ok(()) => Ok(answer),
        Err(store::Error::Conflict(Guard::Tuple)) => {
            already_member(app, mutation, group, member).await
        }
        Err(other) => Err(other.into()),
    }
}

async fn already_member(
    app: &App,
    mutation: &Mutation,
    group: &PrincipalId,
    member: &Principal,
) -> Result<Answer, Problem> {
    match app.store.membership_read(&mutation.act().tenant_id, group, member).await? {
        Some(found) => mutation.unchanged(&app.store, Answer::ok(&MemberBody::of(&found))).await,
        // Removed between the two: add once more.
        None => Err(store::Error::Conflict(Guard::Version).into()),
    }
}

pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    path: PathParameters,
    mut listing: Listing,
) -> Result<Answer, Problem> {
    let group = group_id(&path)?;
    listing.finish()?;
    let after = listing.after(&app.store, &caller).await?;
    let page = app
        .store
        .membership_list(&caller.tenant_id, &group, after.as_deref(), listing.limit())
        .await?;
    listing.answer(&app.store, &caller, page, MemberBody::of).await
}

pub(crate) async fn remove(
    State(app): State<App>,
    mutation: Mutation,
    path: PathParameters,
    mut listing: Listing,
) -> Result<Answer, Problem> {
    let group = group_id(&path)?;
    let id = path.read("principal_id", "member", PrincipalId::parse)?;
    let kind = listing.one("principal_type", PrincipalType::parse);
    listing.finish()?;
    let member = Principal { kind: or_user(kind?), id };
    mutation.settle(|| remove_once(&app, &mutation, &group, &member).boxed()).await
}

async fn remove_once(
    app: &App,
    mutation: &Mutation,
    group: &PrincipalId,
    member: &Principal,
) -> Result<Answer, Problem> {
    let found = app.store.membership_read(&mutation.act().tenant_id, group, member).await?;
    let change = found.ok_or_else(|| Problem::not_found("member", &member.to_string()))?.delete();
    let answer = Answer::ok(&json!({
        "status": "removed",
        "group_id": group,
        "principal_id": member.id,
        "principal_type": member.kind,
    }));
    app.store.membership_delete(&mutation.intent(&answer), &change).await?;
    Ok(answer)
}

fn location(membership: &Membership) -> String {
    let Membership { group_id, member, .. } = membership;
    format!("/api/v1/groups/{group_id}/members/{}?principal_type={}", member.id, member.kind)
}
