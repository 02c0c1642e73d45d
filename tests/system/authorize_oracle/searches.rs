//! What a search lists is what a check allows: every search there is, at the end of a random world.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Trial;
use super::model::{ACTIONS, HOLDERS, KINDS, PRINCIPALS};

impl Trial {
    /// Asks every search, by pages of different lengths, and compares with what the model allows.
    pub(super) async fn search(&self) -> Result<(), TestCaseError> {
        let allowed: BTreeSet<_> = self
            .model
            .answers()
            .into_iter()
            .filter(|(_, answer)| answer.is_allow())
            .map(|(question, _)| question)
            .collect();
        for (principal, who) in HOLDERS.iter().enumerate().take(PRINCIPALS) {
            for (action, what) in ACTIONS.iter().enumerate() {
                for (kind, of) in KINDS.iter().enumerate() {
                    let entities = self.model.entities.iter().filter(|(entity, (its, _))| {
                        *its == kind && allowed.contains(&(principal, action, **entity))
                    });
                    let expected = entities.map(|(entity, _)| format!("e{entity}"));
                    let asked = about(who, json!({"action": what, "type": of}));
                    self.compare("resources", &asked, expected.collect()).await?;
                }
            }
            for entity in self.model.entities.keys() {
                let actions =
                    (0..ACTIONS.len()).filter(|at| allowed.contains(&(principal, *at, *entity)));
                let expected = actions.map(|action| ACTIONS[action].to_owned());
                let asked = about(who, json!({"resource_id": format!("e{entity}")}));
                self.compare("actions", &asked, expected.collect()).await?;
            }
        }
        for entity in self.model.entities.keys() {
            for (action, what) in ACTIONS.iter().enumerate() {
                for kind in ["user", "service", "group"] {
                    let expected = (0..PRINCIPALS).filter_map(|principal| {
                        let (its, id) = HOLDERS[principal].split_once(':').unwrap();
                        let listed = its == kind
                            && self.is_known(principal)
                            && allowed.contains(&(principal, action, *entity));
                        listed.then(|| id.to_owned())
                    });
                    let asked = json!({"action": what, "resource_id": format!("e{entity}"), "principal_type": kind});
                    self.compare("principals", &asked, expected.collect()).await?;
                }
            }
        }
        Ok(())
    }

    /// Whether a principal holds or is a member of anything now.
    fn is_known(&self, principal: usize) -> bool {
        let holds = self.model.assignments.keys().any(|(holder, ..)| *holder == principal);
        holds || self.model.memberships.iter().any(|(member, _)| *member == principal)
    }

    async fn compare(
        &self,
        what: &str,
        asked: &Value,
        expected: BTreeSet<String>,
    ) -> Result<(), TestCaseError> {
        for limit in [1, 200] {
            let found = self.tenant.search(what, asked, limit).await;
            let expected: Vec<String> = expected.iter().cloned().collect();
            prop_assert_eq!(&found, &expected, "{} {} by {}", what, asked, limit);
        }
        Ok(())
    }
}

/// A question about a principal.
fn about(who: &str, mut asked: Value) -> Value {
    let (kind, id) = who.split_once(':').unwrap();
    asked["user_id"] = json!(id);
    asked["principal_type"] = json!(kind);
    asked
}
