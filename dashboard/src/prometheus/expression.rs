//! Expressions: what is to be computed, in terms of what can be.
//!
//! What must hold: everything that these types can say is evaluated, so that what is not supported is refused before
//! anything is read. Where a scalar is needed none but a scalar stands, and likewise a vector: the parser checks it.

use super::labels::Grouping;
use super::selector::Selector;

/// What a query asks for.
#[derive(Debug)]
pub(super) enum Expression {
    /// A scalar or a vector at each step.
    Steps(Plan),
    /// The samples of a window, as they are.
    Samples(Selector),
    /// A string, as it is.
    Text(String),
}

/// An expression of scalars and vectors, and the selectors in it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) node: Node,
    pub(super) selectors: Vec<Selector>,
}

/// A part of an expression. A selector is named by its place in the plan.
#[derive(Debug, PartialEq)]
pub(super) enum Node {
    /// A scalar.
    Number(f64),
    /// The time of the step in seconds: a scalar.
    Time,
    /// The value of the vector's one series, else NaN: a scalar.
    Scalar(Box<Node>),
    /// A series without labels.
    Vector(Box<Node>),
    /// The newest samples.
    Instant(usize),
    /// Each series' window, folded.
    Window { fold: Fold, selector: usize },
    /// Minus.
    Negate(Box<Node>),
    /// A function of each value by itself.
    Map { function: Map, of: Box<Node> },
    /// An operator between two.
    Binary { operator: Operator, matching: Grouping, left: Box<Node>, right: Box<Node> },
    /// Several series into one, or the first of several.
    Aggregate { aggregation: Aggregation, grouping: Grouping, of: Box<Node> },
    /// Ordered by value, where the answer is a vector.
    Sort { descending: bool, of: Box<Node> },
}

/// A function of a window.
#[derive(Debug, PartialEq)]
pub(super) enum Fold {
    Average,
    Sum,
    Least,
    Greatest,
    Count,
    Last,
    Quantile(Box<Node>),
}

/// A function of a value.
#[derive(Debug, PartialEq)]
pub(super) enum Map {
    Absolute,
    Ceiling,
    Floor,
    /// To the nearest multiple of this.
    Round(Box<Node>),
    /// Between these, each if there is one.
    Clamp(Option<Box<Node>>, Option<Box<Node>>),
}

/// A binary operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Arithmetic(Arithmetic),
    /// Filters, or says 0 or 1 where `as_number`.
    Comparison {
        comparison: Comparison,
        as_number: bool,
    },
}

/// An operator whose result is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

/// An operator whose result is yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Greater,
    Less,
    AtLeast,
    AtMost,
}

/// An aggregation over series.
#[derive(Debug, PartialEq)]
pub(super) enum Aggregation {
    Average,
    Sum,
    Least,
    Greatest,
    Count,
    Quantile(Box<Node>),
    /// The so many greatest.
    Top(Box<Node>),
    /// The so many least.
    Bottom(Box<Node>),
}
