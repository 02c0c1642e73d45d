//! Reads a condition: CEL's grammar, each name looked up at once, each limit held on the way.

use super::calls;
use super::inputs::{Input, Inputs, Meaning, meaning};
use super::lexer::{Fault, Lexer, Token};
use super::syntax::{Node, Operator};
use super::value::Constant;
use super::{CONDITION_DEPTH_MAX, CONDITION_NODES_MAX};

/// Words that CEL keeps for itself.
const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// The operators between two values, those of one line binding equally and tighter than the line before.
const BINARY: [&[(&str, Operator)]; 3] = [
    &[
        ("==", Operator::Equal),
        ("!=", Operator::Unequal),
        ("<", Operator::Less),
        ("<=", Operator::AtMost),
        (">", Operator::Greater),
        (">=", Operator::AtLeast),
        ("in", Operator::In),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Remainder)],
];

/// A part that was read: where it begins and how deep it nests.
pub(super) struct Tree {
    pub(super) node: Node,
    pub(super) at: usize,
    pub(super) depth: usize,
}

pub(super) struct Parser<'s> {
    lexer: Lexer<'s>,
    /// The next word and where it begins.
    pub(super) next: Token<'s>,
    pub(super) at: usize,
    /// The variables of the macros around, the innermost last.
    pub(super) locals: Vec<&'s str>,
    inputs: Inputs,
    nodes: usize,
    /// How deep the reader itself is in brackets and choices.
    nesting: usize,
}

/// Reads a whole condition.
pub(super) fn parse(source: &str) -> Result<(Node, Inputs), Fault> {
    let mut lexer = Lexer::new(source);
    let (at, next) = lexer.next()?;
    let mut parser = Parser {
        lexer,
        next,
        at,
        locals: Vec::new(),
        inputs: Inputs::default(),
        nodes: 0,
        nesting: 0,
    };
    let tree = parser.expression()?;
    if parser.next != Token::End {
        return Err(parser.unexpected("an operator"));
    }
    if tree.node.is_never_boolean() {
        return Err(Fault::new(tree.at, "the condition is neither true nor false"));
    }
    Ok((tree.node, parser.inputs))
}

impl<'s> Parser<'s> {
    /// Takes the next word.
    pub(super) fn advance(&mut self) -> Result<Token<'s>, Fault> {
        let (at, next) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// Takes a sign if it is next.
    pub(super) fn take(&mut self, sign: &str) -> Result<bool, Fault> {
        // `in` is the one operator that is a word.
        let is_next = match self.next {
            Token::Sign(next) => next == sign,
            Token::Name("in") => sign == "in",
            _ => false,
        };
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), Fault> {
        if self.take(sign)? { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    pub(super) fn unexpected(&self, wanted: &str) -> Fault {
        Fault::new(self.at, format!("expected {wanted}, found {}", self.next.quoted()))
    }

    /// Makes a part of others that nest so deep.
    pub(super) fn tree(&mut self, at: usize, node: Node, depth: usize) -> Result<Tree, Fault> {
        self.nodes += 1;
        if self.nodes > CONDITION_NODES_MAX {
            return Err(Fault::new(at, format!("more than {CONDITION_NODES_MAX} parts")));
        }
        if depth >= CONDITION_DEPTH_MAX {
            return Err(Fault::new(at, format!("nests deeper than {CONDITION_DEPTH_MAX}")));
        }
        Ok(Tree { node, at, depth: depth + 1 })
    }

    /// A condition, or what stands in brackets: `||` and `&&`, and then perhaps a choice.
    pub(super) fn expression(&mut self) -> Result<Tree, Fault> {
        self.nesting += 1;
        if self.nesting > CONDITION_DEPTH_MAX {
            return Err(Fault::new(self.at, format!("nests deeper than {CONDITION_DEPTH_MAX}")));
        }
        let first = self.any_of()?;
        let read = if self.take("?")? {
            let yes = self.any_of()?;
            self.expect(":")?;
            let no = self.expression()?;
            let depth = first.depth.max(yes.depth).max(no.depth);
            self.tree(first.at, Node::Choose(Box::new([first.node, yes.node, no.node])), depth)?
        } else {
            first
        };
        self.nesting -= 1;
        Ok(read)
    }

    fn any_of(&mut self) -> Result<Tree, Fault> {
        self.joined("||", Self::all_of, Node::Or)
    }

    fn all_of(&mut self) -> Result<Tree, Fault> {
        self.joined("&&", |parser| parser.binary(0), Node::And)
    }

    /// One part, or several joined by a sign, as one flat node: a long row of `||` nests no deeper.
    fn joined(
        &mut self,
        sign: &str,
        part: impl Fn(&mut Self) -> Result<Tree, Fault>,
        join: impl Fn(Box<[Node]>) -> Node,
    ) -> Result<Tree, Fault> {
        let first = part(self)?;
        if !matches!(self.next, Token::Sign(next) if next == sign) {
            return Ok(first);
        }
        let (at, mut depth, mut parts) = (first.at, first.depth, vec![first.node]);
        while self.take(sign)? {
            let next = part(self)?;
            depth = depth.max(next.depth);
            parts.push(next.node);
        }
        self.tree(at, join(parts.into()), depth)
    }

    fn binary(&mut self, line: usize) -> Result<Tree, Fault> {
        let Some(operators) = BINARY.get(line) else { return self.unary() };
        let mut left = self.binary(line + 1)?;
        loop {
            let mut found = None;
            for (sign, operator) in *operators {
                if self.take(sign)? {
                    found = Some(*operator);
                    break;
                }
            }
            let Some(operator) = found else { return Ok(left) };
            let right = self.binary(line + 1)?;
            let depth = left.depth.max(right.depth);
            let node = Node::Binary(operator, Box::new([left.node, right.node]));
            left = self.tree(left.at, node, depth)?;
        }
    }

    fn unary(&mut self) -> Result<Tree, Fault> {
        let at = self.at;
        let Token::Sign(sign @ ("!" | "-")) = self.next else { return self.member() };
        let mut signs = 0;
        while self.take(sign)? {
            signs += 1;
            // A number's own sign belongs to it: the smallest has no positive counterpart.
            if let ("-", Token::Whole(_) | Token::Fraction(_)) = (sign, &self.next) {
                signs -= 1;
                break;
            }
            if signs > CONDITION_DEPTH_MAX {
                return Err(Fault::new(at, format!("nests deeper than {CONDITION_DEPTH_MAX}")));
            }
        }
        let is_negative = sign == "-" && matches!(self.next, Token::Whole(_) | Token::Fraction(_));
        let mut read = if is_negative { self.negative(at)? } else { self.member()? };
        for _ in 0..signs {
            let node = if sign == "!" { Node::Not } else { Node::Negate };
            read = self.tree(at, node(Box::new(read.node)), read.depth)?;
        }
        Ok(read)
    }

    fn negative(&mut self, at: usize) -> Result<Tree, Fault> {
        let number = match self.advance()? {
            Token::Whole(number) => i64::try_from(-i128::from(number)).ok().map(Constant::Int),
            Token::Fraction(number) => Some(Constant::Double(-number)),
            _ => None,
        };
        let number = number.ok_or_else(|| Fault::new(at, "a number is out of range"))?;
        let read = self.tree(at, Node::Constant(number), 0)?;
        self.members_of(read)
    }

    fn member(&mut self) -> Result<Tree, Fault> {
        let read = self.primary()?;
        self.members_of(read)
    }

    /// What follows a value: `.field`, `.method(…)`, `[index]`, any number of them.
    fn members_of(&mut self, mut read: Tree) -> Result<Tree, Fault> {
        loop {
            if self.take("[")? {
                let index = self.expression()?;
                self.expect("]")?;
                let depth = read.depth.max(index.depth);
                let node = Node::Index(Box::new([read.node, index.node]));
                read = self.tree(read.at, node, depth)?;
            } else if self.take(".")? {
                let (name_at, name) = self.field_name()?;
                read = if self.take("(")? {
                    calls::method(self, read, name_at, name)?
                } else {
                    let node = Node::Field(Box::new(read.node), name.into());
                    self.tree(read.at, node, read.depth)?
                };
            } else {
                return Ok(read);
            }
        }
    }

    /// A name after a dot: any but CEL's own words for values.
    fn field_name(&mut self) -> Result<(usize, &'s str), Fault> {
        let at = self.at;
        match self.next {
            Token::Name(name) if !matches!(name, "true" | "false" | "null" | "in") => {
                self.advance()?;
                Ok((at, name))
            }
            _ => Err(self.unexpected("a name")),
        }
    }

    fn primary(&mut self) -> Result<Tree, Fault> {
        let at = self.at;
        let constant = match self.advance()? {
            Token::Sign("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(Tree { at, ..inner });
            }
            Token::Sign("[") => return self.list(at),
            Token::Sign("{") => return self.map(at),
            Token::Name("true") => Constant::Bool(true),
            Token::Name("false") => Constant::Bool(false),
            Token::Name("null") => Constant::Null,
            Token::Name(name) => return self.named(at, name),
            Token::Text(text) => Constant::Text(text.into()),
            Token::Fraction(number) => Constant::Double(number),
            Token::Whole(number) => Constant::Int(
                i64::try_from(number).map_err(|_| Fault::new(at, "a number is out of range"))?,
            ),
            found @ (Token::Sign(_) | Token::End) => {
                return Err(Fault::new(at, format!("expected a value, found {}", found.quoted())));
            }
        };
        self.tree(at, Node::Constant(constant), 0)
    }

    fn list(&mut self, at: usize) -> Result<Tree, Fault> {
        let (items, depth) = self.items("]")?;
        let constant = |node: &Node| match node {
            Node::Constant(constant) => Some(constant.clone()),
            _ => None,
        };
        let node = match items.iter().map(constant).collect::<Option<_>>() {
            Some(constants) => Node::Constants(constants),
            None => Node::List(items.into()),
        };
        self.tree(at, node, depth)
    }

    /// Values between commas, up to the closing sign, and how deep the deepest nests.
    pub(super) fn items(&mut self, closing: &str) -> Result<(Vec<Node>, usize), Fault> {
        let (mut items, mut depth) = (Vec::new(), 0);
        while !self.take(closing)? {
            let item = self.expression()?;
            depth = depth.max(item.depth);
            items.push(item.node);
            if !self.take(",")? {
                self.expect(closing)?;
                break;
            }
        }
        Ok((items, depth))
    }

    fn map(&mut self, at: usize) -> Result<Tree, Fault> {
        let (mut members, mut depth) = (Vec::new(), 0);
        while !self.take("}")? {
            let key = self.expression()?;
            self.expect(":")?;
            let value = self.expression()?;
            depth = depth.max(key.depth).max(value.depth);
            members.push((key.node, value.node));
            if !self.take(",")? {
                self.expect("}")?;
                break;
            }
        }
        self.tree(at, Node::Map(members.into()), depth)
    }

    /// A function, a macro's variable, or one of the five variables.
    fn named(&mut self, at: usize, name: &'s str) -> Result<Tree, Fault> {
        if is_reserved(name) {
            return Err(Fault::new(at, format!("`{name}` is a reserved word")));
        }
        if self.take("(")? {
            return calls::function(self, at, name);
        }
        if let Some(outward) = self.locals.iter().rev().position(|local| *local == name) {
            return self.tree(at, Node::Local(outward), 0);
        }
        let input = match meaning(name) {
            Some(Meaning::Whole(input)) => input,
            Some(Meaning::Fields(fields)) => self.field_of(at, name, fields)?,
            None => {
                return Err(Fault::new(
                    at,
                    format!(
                        "there is no variable `{name}`, only `subject`, `resource`, `action`, `context` and `now`"
                    ),
                ));
            }
        };
        self.inputs = self.inputs.with(input);
        self.tree(at, Node::Input(input), 0)
    }

    fn field_of(
        &mut self,
        at: usize,
        variable: &str,
        fields: &[(&str, Input)],
    ) -> Result<Input, Fault> {
        let wrong = |at| {
            let names: Vec<String> =
                fields.iter().map(|(name, _)| format!("`{variable}.{name}`")).collect();
            let names = names.join(", ");
            Fault::new(at, format!("`{variable}` is read by its fields: {names}"))
        };
        if !self.take(".")? {
            return Err(wrong(at));
        }
        let (name_at, wanted) = self.field_name()?;
        let found = fields.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, input)| *input).ok_or_else(|| wrong(name_at))
    }
}

/// Whether CEL keeps a word for itself.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}
