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
/// Levels of an expression.
const DEPTH: usize = 200;

/// Reads a text.
///
/// # Errors
/// Why it is no expression, or too much of one.
pub(super) fn syntax(text: &str) -> Result<Expr, Failure> {
    if text.len() > LENGTH || unquoted(text) > UNQUOTED {
        let why = format!("the query is too long: {LENGTH} bytes are allowed, {UNQUOTED} of them outside quotes");
        return Err(Failure::bad_data(why));
    }
    // The parser panics over durations that are none, such as [NaN].
    let parsed = catch_unwind(|| parser::parse(text)).unwrap_or_else(|_| Err("a duration is none".to_owned()));
    let parsed = parsed.map_err(|why| Failure::bad_data(format!("invalid parameter \"query\": {why}")))?;
    let deep = || Failure::bad_data(format!("the query is nested too deeply: {DEPTH} levels are allowed"));
    if nested(&parsed) > DEPTH { Err(deep()) } else { Ok(parsed) }
}

/// How many bytes are not within quotes.
fn unquoted(text: &str) -> usize {
    let (mut count, mut bytes) = (0, text.bytes());
    while let Some(byte) = bytes.next() {
        count += 1;
        if !matches!(byte, b'"' | b'\'' | b'`') {
            continue;
        }
        while let Some(inner) = bytes.next().filter(|inner| *inner != byte) {
            if inner == b'\\' && byte != b'`' {
                bytes.next();
            }
        }
    }
    count
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
        ] {
            let why = syntax(&text).unwrap_err().told().to_owned();
            assert!(why.len() < 20_000, "{why}");
        }
        let names: Vec<String> = (0..2000).map(|n| format!("service-{n}")).collect();
        assert!(syntax(&format!("m{{service=~\"{}\"}}", names.join("|"))).is_ok());
    }
}
