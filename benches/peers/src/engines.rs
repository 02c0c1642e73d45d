//! The libraries that decide in this process, and how ours is reached beside them.

mod casbin;
mod cedar;
mod regorus;

use crate::contest::{Cell, contest};
use crate::measure::Spending;
use crate::world::World;

/// An engine, in one of the forms in which it can be told the world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contender {
    /// The name by which a child process is told which one it is.
    pub(crate) key: &'static str,
    pub(crate) package: &'static str,
    pub(crate) form: &'static str,
}

pub(crate) const CONTENDERS: [Contender; 9] = [
    Contender { key: "decision", package: "epr", form: "the decision alone" },
    Contender { key: "decision-one", package: "epr", form: "the same, about one principal" },
    Contender { key: "validated", package: "epr", form: "its memory validated, then decided" },
    Contender { key: "cedar", package: "cedar-policy", form: "a policy per role" },
    Contender {
        key: "cedar-linked",
        package: "cedar-policy",
        form: "a linked template per assignment",
    },
    Contender { key: "regorus", package: "regorus", form: "virtual machine" },
    Contender { key: "regorus-tree", package: "regorus", form: "interpreter" },
    Contender { key: "casbin", package: "casbin", form: "a rule per assignment" },
    Contender { key: "casbin-filtered", package: "casbin", form: "an enforcer per principal" },
];

/// Tells one of the libraries the world and asks it, in this process.
pub(crate) fn run(key: &str, world: World, spending: Spending) -> Result<Cell, String> {
    match key {
        "cedar" => contest(world, spending, |_| cedar::Cedar::by_role(world)),
        "cedar-linked" => contest(world, spending, |_| cedar::Cedar::linked(world)),
        "regorus" => contest(world, spending, |_| regorus::Machine::of(world)),
        "regorus-tree" => contest(world, spending, |_| regorus::Tree::of(world)),
        "casbin" => contest(world, spending, |_| casbin::Casbin::whole(world)),
        "casbin-filtered" => contest(world, spending, casbin::Casbin::filtered),
        _ => Err(format!("there is no engine `{key}`")),
    }
}
