//! Syntax: the text of a query into the crate promql-parser's tree.
//!
//! What must hold: a text is bounded, in length and in nesting, so that none exhausts the stack; what the crate gives up
//! on is refused like any other text.

use std::panic::catch_unwind;

use promql_parser::parser::{self, Expr};

use super::failure::Failure;

/// Bytes of a query.
const LENGTH: usize = 64 << 10;
/// Of those, bytes outside quotes: what nests is written with them.
const UNQUOTED: usize = 4 << 10;
/// Patterns, each of which takes memory to compile.
const PATTERNS: usize = 32;
/// Levels of an expression.
const DEPTH: usize = 200;

/// Reads a text.
///
/// # Errors
/// Why it is no expression, or too much of one.
pub(super) fn syntax(text: &str) -> Result<Expr, Failure> {
    let unquoted = unquoted(text);
    if unquoted.matches('~').count() > PATTERNS {
        return Err(Failure::bad_data(format!(
            "the query has too many patterns: {PATTERNS} matchers with ~ are allowed"
        )));
    }
    if text.len() > LENGTH || unquoted.len() > UNQUOTED {
        let why = format!("the query is too long: {LENGTH} bytes are allowed, {UNQUOTED} of them outside quotes");
        return Err(Failure::bad_data(why));
    }
    // The parser panics over durations that are none, such as [NaN].
    let parsed = catch_unwind(|| parser::parse(text)).unwrap_or_else(|_| Err("a duration is none".to_owned()));
    let parsed = parsed.map_err(|why| Failure::bad_data(format!("the expression cannot be read: {why}")))?;
    let deep = || Failure::bad_data(format!("the query is nested too deeply: {DEPTH} levels are allowed"));
    if nested(&parsed) > DEPTH { Err(deep()) } else { Ok(parsed) }
}

/// What is not within quotes.
fn unquoted(text: &str) -> String {
    let (mut unquoted, mut letters) = (String::new(), text.chars());
    while let Some(letter) = letters.next() {
        unquoted.push(letter);
        if !matches!(letter, '"' | '\'' | '`') {
            continue;
        }
        while let Some(inner) = letters.next().filter(|inner| *inner != letter) {
            if inner == '\\' && letter != '`' {
                letters.next();
            }
        }
    }
    unquoted
}

/// How many levels there are, found without descending.
fn nested(expr: &Expr) -> usize {
    let (mut deepest, mut open) = (0, vec![(expr, 1)]);
    while let Some((expr, depth)) = open.pop() {
        deepest = deepest.max(depth);
        let inner: Vec<&Expr> = match expr {
            Expr::Aggregate(it) => it.param.iter().map(|param| &**param).chain([&*it.expr]).collect(),
            Expr::Unary(it) => vec![&it.expr],
            Expr::Binary(it) => vec![&it.lhs, &it.rhs],
            Expr::Paren(it) => vec![&it.expr],
            Expr::Subquery(it) => vec![&it.expr],
            Expr::Call(it) => it.args.args.iter().map(|arg| &**arg).collect(),
            _ => Vec::new(),
        };
        open.extend(inner.into_iter().map(|inner| (inner, depth + 1)));
    }
    deepest
}

/// What stands within the parentheses.
pub(super) fn unwrapped(expr: &Expr) -> &Expr {
    let mut inner = expr;
    while let Expr::Paren(paren) = inner {
        inner = &paren.expr;
    }
    inner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_exhausts_the_stack_or_the_process() {
        let many = |piece: &str| piece.repeat(UNQUOTED / piece.len() - 1);
        for text in [
            many("("),
            many("(") + "m",
            many("-") + "m",
            many("m+") + "m",
            many("2^") + "m",
            many("sum(") + "m",
            "(".repeat(2000) + "m" + &")".repeat(2000),
            "abs(".repeat(800) + "m" + &")".repeat(800),
            "m".repeat(UNQUOTED + 1),
            format!("m{{service=\"{}\"}}", "a".repeat(LENGTH)),
            format!("m{{{}}}", "service=~\"\\\"a{1000}\",".repeat(40)),
        ] {
            let why = syntax(&text).unwrap_err().told().to_owned();
            assert!(why.len() < 20_000, "{why}");
        }
        let names: Vec<String> = (0..2000).map(|n| format!("service-{n}")).collect();
        assert!(syntax(&format!("m{{service=~\"{}\"}}", names.join("|"))).is_ok());
    }
}
